"""`gateway init` writes a configuration and schemas that run as they are; overwrites nothing."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import TextIO

from gateway import defaults
from gateway.errors import GatewayError

EXAMPLE = "gateway init my-gateway"

_NEXT = """\
Next:
  {cd}gateway run
  curl -u demo-write-key: http://127.0.0.1:8080/v1/track -d '{{"event": "Hello", "userId": "42"}}'
  edit config/gateway.yaml (who may send), config/privacy.yaml (what may leave) and
  config/routing.yaml (where it goes); `gateway check` finds every mistake
"""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", type=FilePath, default=FilePath(), metavar="DIR", help="default: here"
    )


def run(given: argparse.Namespace, _environment: Mapping[str, str], out: TextIO) -> int:
    """Write the files, and say what was written and what to do with it."""
    folder: FilePath = given.folder
    written, kept = write(folder)
    for what, files in (("wrote", written), ("kept ", kept)):
        for name in ("config", "schemas"):
            if count := sum(file.is_relative_to(folder / name) for file in files):
                print(f"{what}  {count} files of {folder / name}/", file=out)
    out.write(_NEXT.format(cd="" if folder == FilePath() else f"cd {shlex.quote(str(folder))} && "))
    return 0


def write(folder: FilePath) -> tuple[Sequence[FilePath], Sequence[FilePath]]:
    """The files that were written, and those that were there. Raises GatewayError."""
    written, kept = [], []
    for name in ("config", "schemas"):
        source = defaults.folder(name)
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            target = folder / name / file.relative_to(source)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as opened:
                    opened.write(file.read_bytes())
            except FileExistsError:
                kept.append(target)
            except OSError as error:
                raise GatewayError(f"{target}: {error.strerror}; choose another folder") from None
            else:
                written.append(target)
    return written, kept
