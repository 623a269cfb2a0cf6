#!/usr/bin/env bash
# A base image without a registry: Debian's Python where Docker Hub's python:3.11-slim would be.
#
#   deploy/image/base.sh FILE.tar     for who builds and tests the image where no registry is reached
#
# It needs root and mmdebstrap. What python:3.11-slim has and this needs, too: `python` on the PATH.
set -euo pipefail
made=$1
mkdir -p "$(dirname "$made")"
mmdebstrap --quiet --variant=essential --include=python3,python3-venv,ca-certificates,passwd \
  --aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --customize-hook='ln -s python3 "$1/usr/bin/python"' \
  bookworm "$made.part.tar"
mv "$made.part.tar" "$made"
