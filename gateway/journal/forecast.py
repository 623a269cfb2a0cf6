"""Before nothing can be accepted any more, it is said when that will be, and what fills the space.

A limit is worth a warning when little is left of it and that will be gone within a day: at a rate
that has held for a while, so that a burst is none, and where less is left than at any time of the
last day, so that files which are rotated and deleted are none. The last hour of the last bytes is
reported at once. Less space never ends a warning.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from gateway.config.model import JournalSettings as Settings
from gateway.health import size
from gateway.journal.capacity import Usage

WINDOW_SECONDS = 600.0
EVERY_SECONDS = 10.0
"""How often somebody should weigh."""
SOON_SECONDS = 86400.0
"""What comes later is no reason to warn."""
LITTLE_OF_JOURNAL = 0.5
"""Of journal.max_bytes: only the gateway fills it, and mostly while a destination is away."""
LITTLE_OF_DISK = 0.15
"""Of a disk: other programs fill it and make room again."""
LITTLE_BYTES = 32 * 1024**3
"""What is more is not little on a disk of any size."""

_HOUR_SECONDS = 3600.0
_URGENT = 0.25
"""The share of what is little that is reported at once when it will be gone within an hour."""
_SURE_SECONDS = 120.0
"""A rise over a shorter time may be a burst."""
_OLDER_EVERY_SECONDS = 120.0
_NEARLY_FULL = 0.9
_NEARLY_FULL_BYTES = 256 * 1024**2
_TO_NAME = 0.1
"""The share of a growth from which on its cause is named."""
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Forecast:
    """When nothing more can be accepted, at the rate of the last minutes."""

    seconds: float | None
    """From now; None while nothing grows."""
    warning: str | None
    """A sentence where that is soon."""
    growth: Mapping[str, float] = field(default_factory=dict)
    """Bytes an hour that each part of the data has grown by."""


@dataclass(frozen=True, slots=True)
class _Weight:
    at: float
    used: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class _Limit:
    """Something that runs out. Sizes are bytes."""

    what: str
    left: Callable[[_Weight], float | None]
    """None where that is not known."""
    little: float
    nearly_full: str | None
    """What to say now, whatever the rate."""
    consequence: str
    device: int | None = None
    """The disk, where it is one."""


_REFUSED = "clients then get 503"
_WAITS = "what cannot be written there waits in the journal"


class Trend:
    """Bytes over time; times are monotonic seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._recent: deque[_Weight] = deque()
        self._older: deque[_Weight] = deque()

    def weigh(self, at: float, used: int, usage: Usage) -> None:
        """The journal held `used` bytes, and files and disks were as in `usage`."""
        self._recent.append(_Weight(at, used, usage))
        while at - self._recent[0].at > WINDOW_SECONDS:
            weight = self._recent.popleft()
            if not self._older or weight.at - self._older[-1].at >= _OLDER_EVERY_SECONDS:
                self._older.append(weight)
        while self._older and at - self._older[0].at > SOON_SECONDS:
            self._older.popleft()

    def forecast(self) -> Forecast:
        if not self._recent:
            return Forecast(None, None)
        limits = [self._journal(), *self._disks()]
        ends = [self._seconds(limit) for limit in limits if limit.consequence == _REFUSED]
        warnings = [said for limit in limits if (said := self._warning(limit))]
        return Forecast(
            min((end for end in ends if end is not None), default=None),
            "; ".join(warnings) or None,
            self._growth(),
        )

    def _journal(self) -> _Limit:
        most = self._settings.max_bytes
        share = self._last.used / most
        return _Limit(
            "the journal",
            lambda weight: most - weight.used,
            most * LITTLE_OF_JOURNAL,
            f"the journal is {share:.0%} full; clients get 503 when it is full"
            if share >= _NEARLY_FULL
            else None,
            _REFUSED,
        )

    def _disks(self) -> Iterator[_Limit]:
        usage = self._last.usage
        for device, disk in usage.disks.items():
            is_home = device == usage.home
            kept = self._settings.min_free_bytes if is_home else 0
            if (left := _left(device, kept)(self._last)) is None:
                continue
            parts = sorted({part for part, on in usage.parts if on == device})
            what = f"the disk of {'the journal' if is_home else ' and '.join(parts)}"
            consequence = _REFUSED if is_home else _WAITS
            usable = max(0, disk.total - kept)
            nearly = left < min(usable * (1 - _NEARLY_FULL), _NEARLY_FULL_BYTES)
            yield _Limit(
                what,
                _left(device, kept),
                min(usable * LITTLE_OF_DISK, LITTLE_BYTES),
                f"{what} is nearly full, {size(max(0, left))} may still be used; {consequence}"
                if nearly
                else None,
                consequence,
                device,
            )

    @property
    def _last(self) -> _Weight:
        return self._recent[-1]

    @property
    def _hour_ago(self) -> _Weight:
        """Or the first there is since."""
        return self._since(_HOUR_SECONDS)

    def _since(self, seconds: float) -> _Weight:
        since = self._last.at - seconds
        return next((weight for weight in self._older if weight.at >= since), self._recent[0])

    def _rates(self, limit: _Limit) -> list[float]:
        """Bytes a second: of the last minutes, of as many before them, and of the hour before.

        A burst is in two of them at most.
        """
        points = [self._last, self._recent[0], self._since(2 * WINDOW_SECONDS), self._hour_ago]
        spans = [(old, new) for new, old in pairwise(points) if old.at < new.at]
        return [_rate(limit, old, new) for old, new in spans]

    def _seconds(self, limit: _Limit) -> float | None:
        """Until nothing is left, at a rate that goes on."""
        if self._last.at - self._recent[0].at < _SURE_SECONDS:
            return None
        return _until(limit.left(self._last), min(self._rates(limit), default=0.0))

    def _warning(self, limit: _Limit) -> str | None:
        seconds = self._soon(limit)
        if seconds is None:
            return limit.nearly_full
        why = f" ({', '.join(self._causes(limit.device))})" if limit.device is not None else ""
        return f"{limit.what} is full in {in_words(seconds)} at this rate{why}; {limit.consequence}"

    def _soon(self, limit: _Limit) -> float | None:
        """The seconds until nothing is left, where they are worth a warning."""
        left = limit.left(self._last)
        if left is None or not 0 < left <= limit.little:
            return None
        if left <= limit.little * _URGENT and (at_once := self._at_once(limit, left)):
            return at_once
        seconds = self._seconds(limit)
        if seconds is None or seconds > SOON_SECONDS or not self._older:
            return None
        if self._last.at - self._older[0].at < 2 * WINDOW_SECONDS:
            return None
        before = [was for weight in self._older if (was := limit.left(weight)) is not None]
        return seconds if left <= min(before, default=left) else None

    def _at_once(self, limit: _Limit, left: float) -> float | None:
        """The seconds where they are less than an hour, at the rate of the last minutes alone."""
        if self._last.at - self._recent[0].at < _SURE_SECONDS:
            return None
        seconds = _until(left, _rate(limit, self._recent[0], self._last))
        return None if seconds is None or seconds > _HOUR_SECONDS else seconds

    def _causes(self, device: int) -> Iterator[str]:
        """What fills a disk, by the gateway's parts and all other programs together."""
        first, last = self._hour_ago, self._last
        filled = (_left(device, 0)(first) or 0) - (_left(device, 0)(last) or 0)
        own = {part: grown for (part, on), grown in _grown(first, last).items() if on == device}
        grown: dict[str | None, float] = {None: filled - sum(own.values())}
        grown.update(own)
        total = sum(amount for amount in grown.values() if amount > 0)
        named = [(amount, part) for part, amount in grown.items() if amount >= total * _TO_NAME]
        span = last.at - first.at
        for amount, part in sorted(named, key=lambda one: -one[0])[:_MOST_NAMED]:
            if amount <= 0:
                continue
            if part is None:
                yield f"other programs filled {size(amount)} of it in the last {in_words(span)}"
            else:
                yield f"{part} grows by {size(amount / span * _HOUR_SECONDS)}/h"

    def _growth(self) -> dict[str, float]:
        first, last = self._hour_ago, self._last
        span = last.at - first.at
        if span < _SURE_SECONDS:
            return {}
        growth: Counter[str] = Counter()
        for (part, _), grown in _grown(first, last).items():
            growth[part] += grown
        return {part: grown / span * _HOUR_SECONDS for part, grown in growth.items()}


def _left(device: int, kept: int) -> Callable[[_Weight], float | None]:
    def left(weight: _Weight) -> float | None:
        disk = weight.usage.disks.get(device)
        return None if disk is None or disk.free is None else disk.free - kept

    return left


def _until(left: float | None, rate: float) -> float | None:
    """Seconds until nothing is left at bytes a second."""
    return None if left is None or rate <= 0 else max(0.0, left / rate)


def _rate(limit: _Limit, first: _Weight, last: _Weight) -> float:
    """Bytes a second; 0 where it is not known."""
    before, now = limit.left(first), limit.left(last)
    if before is None or now is None or last.at <= first.at:
        return 0.0
    return (before - now) / (last.at - first.at)


def _grown(first: _Weight, last: _Weight) -> dict[tuple[str, int], int]:
    """By part and device, where both are known."""
    before, now = first.usage.parts, last.usage.parts
    return {place: now[place] - before[place] for place in now if place in before}


def in_words(seconds: float) -> str:
    """`40 s`, `5 min`, `3 h`, `2 days`."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit != "days" and seconds >= length):
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
