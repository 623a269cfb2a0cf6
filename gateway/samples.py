"""What metrics are made of: numbers under names and labels, and distributions of values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram shows: how many values there were up to each bound, and their sum."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    """One for each bound, and one for all."""
    sum: float

    @property
    def buckets(self) -> list[tuple[str, float]]:
        return [*zip(map(str, self.bounds), self.counts, strict=False), ("+Inf", self.counts[-1])]


Samples = Mapping[str, Mapping[tuple[str, ...], float | Distribution]]
"""Metric name → label values → value."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What extensions add to one look at the gateway."""

    status: Mapping[str, Any] = field(default_factory=dict)
    """Members of `/api/status`."""
    samples: Samples = field(default_factory=dict)
    """Values of their metrics."""
