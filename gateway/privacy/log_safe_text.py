"""What logs and audit say of an event is clean by every detector, whatever the policy keeps."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.event import CleanText
from gateway.privacy.detectors import PERSONAL, suspicious
from gateway.privacy.policy.rule_set import RuleSet
from gateway.privacy.policy.rules import Rule
from gateway.privacy.policy.selectors import format_pointer

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


def pointer(path: Sequence[str | int]) -> CleanText:
    """A JSON Pointer in which a key that is itself personal is masked."""
    return CleanText(
        format_pointer(
            tuple(scrubbed_text(step) if isinstance(step, str) else step for step in path)
        )
    )
