"""What the doctor found: each thing with its verdict, in words, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "warning", "bad"]

_MARKS: Mapping[Verdict, str] = {"good": "ok", "warning": "note", "bad": "BAD"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    area: str
    verdict: Verdict
    what: str
    remedy: str = ""


def lines(findings: Iterable[Finding]) -> Iterator[str]:
    """For a person, with the sum of it in the last line."""
    counts: Counter[Verdict] = Counter()
    for finding in findings:
        counts[finding.verdict] += 1
        yield f"{_MARKS[finding.verdict]:<5} {finding.area:<14} {finding.what}"
        if finding.remedy:
            yield f"{'':<20} → {finding.remedy}"
    warnings = _number(counts["warning"], "warning")
    if counts["bad"]:
        yield f"{_number(counts['bad'], 'problem')} to fix, {warnings}"
    else:
        yield f"healthy, {warnings}" if counts["warning"] else "healthy"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
