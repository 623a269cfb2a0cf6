"""What logs and audit say of an event is clean by every detector, whatever the policy keeps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from gateway.event import CleanText
from gateway.privacy.detectors import PERSONAL, Detector, precheck
from gateway.privacy.policy.rule_set import RuleSet
from gateway.privacy.policy.rules import Rule
from gateway.privacy.policy.selectors import format_pointer
from gateway.privacy.scrub.values import shape

_SHORT = 48
_MOST_STEPS = 4096
_LONGEST_STEP = 96
_ODD = re.compile(r"[^\w .+/@:()\[\]-]", re.ASCII)


class LogSafe:
    """Masks what the gateway's detectors know, and those that a policy brings."""

    __slots__ = ("_could_hold", "_everything", "_steps")

    def __init__(self, own: Sequence[Detector] = ()) -> None:
        kinds = frozenset((*PERSONAL, *(detector.name for detector in own)))
        self._everything = RuleSet((), (Rule(0, "log", "mask", kinds),), own=own)
        self._could_hold = precheck((), own)
        self._steps: dict[str | int, str] = {}  # of pointers, where no detector finds anything

    def text(self, text: str) -> CleanText:
        """The text with everything personal masked, whatever the policy says."""
        if not self._could_hold(text):
            return CleanText(text)
        pieces: list[str] = []
        since = 0
        for start, end, kind, _ in self._everything.claims(text, 0):
            pieces += (text[since:start], f"[{kind}]")
            since = end
        return CleanText("".join((*pieces, text[since:])))

    def shape(self, value: Any) -> tuple[str, int]:
        """A value's detector, if that knows all of the text, or its JSON type; and its length."""
        if isinstance(value, str) and self._could_hold(value):
            claims = self._everything.claims(value, 0)
            whole = [kind for start, end, kind, _ in claims if (start, end) == (0, len(value))]
            if whole:
                return whole[0], len(value)
        return shape(value)

    def pointer(self, path: Sequence[str | int]) -> CleanText:
        """A JSON Pointer in which a key that is itself personal is masked."""
        known = self._steps
        return CleanText("".join([known.get(step) or self._step(step) for step in path]))

    def _step(self, step: str | int) -> str:
        if isinstance(step, int):
            return f"/{step}"
        if self._could_hold(step):
            return format_pointer((self.text(step),))
        clean = format_pointer((step,))
        if len(step) <= _LONGEST_STEP:
            if len(self._steps) >= _MOST_STEPS:
                self._steps.clear()
            self._steps[step] = clean
        return clean


BY_GATEWAY = LogSafe()
"""Knows the gateway's detectors alone."""
scrubbed_text = BY_GATEWAY.text
pointer = BY_GATEWAY.pointer
shape_of = BY_GATEWAY.shape


@lru_cache(1024)
def short_text(text: str) -> CleanText:
    """The beginning of a text, of plain characters alone: what a client says of its software."""
    return CleanText(_ODD.sub("", scrubbed_text(text[:_SHORT])))
