"""Every benchmark, one after the other."""

from __future__ import annotations

from benchmarks import contract, http, ingest, journal, privacy

for benchmark in (contract, privacy, ingest, journal, http):
    print(f"\n{benchmark.__name__.rpartition('.')[2]}")
    benchmark.main()
