"""What is told about an event is clean by every detector, whatever the policy lets out of it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.privacy.detectors import PERSONAL, suspicious
from gateway.privacy.policy.rule_set import RuleSet
from gateway.privacy.policy.rules import Rule
from gateway.privacy.policy.selectors import format_pointer

_EVERYTHING = RuleSet((), (Rule(0, "log", "mask", frozenset(PERSONAL)),))


def scrubbed_text(text: str) -> str:
    """The text with everything personal masked, whatever the policy says."""
    if not suspicious(text):
        return text
    pieces: list[str] = []
    since = 0
    for start, end, kind, _ in _EVERYTHING.claims(text, 0):
        pieces += (text[since:start], f"[{kind}]")
        since = end
    return "".join((*pieces, text[since:]))


def pointer(path: Sequence[str | int]) -> str:
    """A JSON Pointer in which a key that is itself personal is masked."""
    return format_pointer(
        tuple(scrubbed_text(step) if isinstance(step, str) else step for step in path)
    )
