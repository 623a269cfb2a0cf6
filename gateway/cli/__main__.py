"""`python -m gateway.cli` is what version 0.1.0 was started with."""

from __future__ import annotations

import sys

from gateway.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
