"""What logs and audit say of an event is clean by every detector, whatever the policy keeps."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.event import CleanText
from gateway.privacy.detectors import PERSONAL, Detector, precheck
from gateway.privacy.policy.rule_set import RuleSet
from gateway.privacy.policy.rules import Rule
from gateway.privacy.policy.selectors import format_pointer


class LogSafe:
    """Masks what the gateway's detectors know, and those that a policy brings."""

    __slots__ = ("_could_hold", "_everything")

    def __init__(self, own: Sequence[Detector] = ()) -> None:
        kinds = frozenset((*PERSONAL, *(detector.name for detector in own)))
        self._everything = RuleSet((), (Rule(0, "log", "mask", kinds),), own=own)
        self._could_hold = precheck((), own)

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

    def pointer(self, path: Sequence[str | int]) -> CleanText:
        """A JSON Pointer in which a key that is itself personal is masked."""
        return CleanText(
            format_pointer(
                tuple(self.text(step) if isinstance(step, str) else step for step in path)
            )
        )


BY_GATEWAY = LogSafe()
"""Knows the gateway's detectors alone."""
scrubbed_text = BY_GATEWAY.text
pointer = BY_GATEWAY.pointer
