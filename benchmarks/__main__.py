"""Every benchmark, one after the other."""

from __future__ import annotations

from benchmarks import contract, dedup, delivery, ingest, journal, privacy, server

for benchmark in (contract, privacy, ingest, journal, dedup, server, delivery):
    print(f"\n{benchmark.__name__.rpartition('.')[2]}")
    benchmark.main()
