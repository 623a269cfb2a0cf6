"""What logs and audit say of an event is clean by every detector, whatever the policy keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.event import CleanText
from gateway.privacy.detectors import PERSONAL, suspicious
from gateway.privacy.policy.rule_set import RuleSet
from gateway.privacy.policy.rules import Rule
from gateway.privacy.policy.selectors import format_pointer
from gateway.privacy.scrub.values import shape

_EVERYTHING = RuleSet((), (Rule(0, "log", "mask", frozenset(PERSONAL)),))


def scrubbed_text(text: str) -> CleanText:
    """The text with everything personal masked, whatever the policy says."""
    if not suspicious(text):
        return CleanText(text)
    pieces: list[str] = []
    since = 0
    for start, end, kind, _ in _EVERYTHING.claims(text, 0):
        pieces += (text[since:start], f"[{kind}]")
        since = end
    return CleanText("".join((*pieces, text[since:])))


def shape_of(value: Any) -> tuple[str, int]:
    """What a value is, and its length: a detector's name if it is all of the text, or its type."""
    if isinstance(value, str) and suspicious(value):
        whole = [kind for start, end, kind, _ in _EVERYTHING.claims(value, 0)
                 if (start, end) == (0, len(value))]  # fmt: skip
        if whole:
            return whole[0], len(value)
    return shape(value)


def pointer(path: Sequence[str | int]) -> CleanText:
    """A JSON Pointer in which a key that is itself personal is masked."""
    return CleanText(
        format_pointer(
            tuple(scrubbed_text(step) if isinstance(step, str) else step for step in path)
        )
    )
