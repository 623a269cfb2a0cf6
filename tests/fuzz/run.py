"""Runs one fuzz target: `python -m tests.fuzz.run NAME [RUNS] [SEED]`.

Coverage guides what is tried. Exit 0: no finding; else the input is printed and kept nowhere.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["gateway.ingest", "gateway.privacy"]):
    from tests.fuzz.targets import SEEDS, TARGETS, run

HANG_SECONDS = 10


def main(name: str, runs: str = "100000", seed: str = "1") -> None:
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(SEEDS):
            (Path(folder) / str(number)).write_bytes(data)
        options = [f"-runs={runs}", f"-seed={seed}", f"-timeout={HANG_SECONDS}", "-max_len=4096"]
        options += ["-len_control=10", "-print_final_stats=1", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", folder],
                      lambda data: run(target, data))  # fmt: skip
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
