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
_SHORTEST_NUMBER = 7
_SHORTEST_CARD = 13
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
    """The finders for some kinds: those of the registry, and those of a policy's own detectors."""

    __slots__ = ("_finders", "_in_benign", "_own", "_without_digits", "kinds")

    def __init__(self, kinds: Iterable[str], own: Iterable[Detector] = ()) -> None:
        self.kinds = frozenset(kinds)
        self._own = [detector for detector in own if detector.name in self.kinds]
        wanted = [detector for detector in REGISTRY if detector.name in self.kinds] + self._own
        self._finders = _finders(wanted)
        self._without_digits = _finders(d for d in wanted if not d.needs_digit)
        self._in_benign = _finders(d for d in wanted if not d.is_personal or d in self._own)

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
                surest = (d.name for d in (*self._own, *REGISTRY) if d.name in kinds)
                spans.append((start, end, next(surest)))
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
        return next(iter(self.kinds_of_number(value, context)), None)

    def kinds_of_number(self, value: float, context: int) -> list[str]:
        """All kinds that a JSON number is of."""
        text = decimal(value)
        if text is None or not (self._own or len(text) >= _SHORTEST_NUMBER):
            return []
        kinds = [
            detector.name
            for detector in self._own
            if any(span[:2] == (0, len(text)) for span in detector.find(text, context))
        ]
        if len(text) < _SHORTEST_NUMBER:
            return kinds
        if context & ADDRESS and "ipv4" in self.kinds and 1 << 24 <= abs(value) < 1 << 32:
            kinds.append("ipv4")
        if len(text) >= _SHORTEST_CARD or context & PHONE:
            kinds += [
                kind
                for start, end, kind in self._find(text, context, self._finders)
                if start == 0 and end == len(text)
            ]
        return kinds
