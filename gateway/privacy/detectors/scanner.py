"""Runs the detectors that a policy needs over a text.

Each text is read as it is, and once more with its disguises taken off: percent-escapes, full-width
letters, foreign digits, invisible characters.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from gateway.privacy.decoding import DEEPEST, SHORTEST_BLOB, blobs, may_hold_blob
from gateway.privacy.deobfuscate import undisguised
from gateway.privacy.detectors.context import ADDRESS, PHONE, decimal
from gateway.privacy.detectors.declaration import Detector, Finder, Span
from gateway.privacy.detectors.lookalikes import is_benign
from gateway.privacy.detectors.registry import REGISTRY

_SHORTEST_FORM = 10
_has_digit = re.compile("[0-9]").search


def _finders(detectors: Iterable[Detector]) -> tuple[Finder, ...]:
    """Each once: a family has one."""
    return tuple(dict.fromkeys(detector.find for detector in detectors))


def _without_hosts(found: list[Span]) -> list[Span]:
    """`password@host` in a URL is no e-mail address: the host stays."""
    authorities = [span for span in found if span[2] == "url_credentials"]
    if not authorities:
        return found
    ends = [end for _, end, _ in authorities]  # they are in order, and none overlaps another

    def is_address(span: Span) -> bool:
        after = bisect_right(ends, span[0])  # the first that ends behind the start
        return after == len(ends) or authorities[after][0] >= span[1]

    return [span for span in found if span[2] != "email" or is_address(span)]


class Scanner:
    """The finders for some kinds."""

    __slots__ = ("_finders", "_in_benign", "_without_digits", "kinds")

    def __init__(self, kinds: Iterable[str]) -> None:
        self.kinds = frozenset(kinds)
        wanted = [detector for detector in REGISTRY if detector.name in self.kinds]
        self._finders = _finders(wanted)
        self._without_digits = _finders(d for d in wanted if not d.needs_digit)
        self._in_benign = _finders(d for d in wanted if not d.is_personal)

    def find(self, text: str, context: int = 0, layers: int = DEEPEST) -> list[Span]:
        """Spans in no order, which may overlap."""
        if len(text) >= _SHORTEST_FORM and is_benign(text):
            return self._find(text, context, self._in_benign) if self._in_benign else []
        spans = self._find(text, context, self._finders)
        plain, offsets = undisguised(text)
        if offsets is not None:
            spans += [
                (offsets[start], offsets[end], kind)
                for start, end, kind in self._find(plain, context, self._finders)
            ]
            if may_hold_blob(plain):
                spans += [
                    (offsets[start], offsets[end], kind)
                    for start, end, kind in self._encoded(plain, context, layers)
                ]
        return (
            spans + self._encoded(text, context, layers)
            if len(text) >= SHORTEST_BLOB and may_hold_blob(text)
            else spans
        )

    def _encoded(self, text: str, context: int, layers: int) -> list[Span]:
        """An encoded text is all of the kind that is the surest of what it holds."""
        if not layers:
            return []
        spans: list[Span] = []
        for start, end, plain in blobs(text):
            kinds = {kind for *_, kind in self.find(plain, context, layers - 1)}
            if kinds:
                spans.append((start, end, next(d.name for d in REGISTRY if d.name in kinds)))
        return spans

    def _find(self, text: str, context: int, finders: tuple[Finder, ...]) -> list[Span]:
        found: list[Span] = []
        if finders is self._finders and _has_digit(text) is None:
            finders = self._without_digits
        for find in finders:
            found += find(text, context)
        if not found:
            return found
        kinds = self.kinds
        found = [span for span in found if span[2] in kinds]
        return _without_hosts(found) if "url_credentials" in kinds else found

    def number(self, value: float, context: int) -> str | None:
        """The kind of a JSON number, if it is one of ours."""
        text = decimal(value)
        if text is None or len(text) < 7:
            return None
        if context & ADDRESS and "ipv4" in self.kinds and 1 << 24 <= abs(value) < 1 << 32:
            return "ipv4"
        if len(text) < 13 and not context & PHONE:
            return None
        for start, end, kind in self._find(text, context, self._finders):
            if start == 0 and end == len(text):
                return kind
        return None
