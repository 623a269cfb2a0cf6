"""The policy is the last thing a raw event meets: what comes out of `scrub` may travel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from gateway.budget import Budget
from gateway.config.privacy import Action, Policy
from gateway.config.source import Document
from gateway.event import Change, CleanMessage, CleanText, JsonPath, RawEvent, RawMessage
from gateway.privacy.detectors import Detector
from gateway.privacy.errors import ScrubError
from gateway.privacy.log_safe_text import BY_GATEWAY, LogSafe
from gateway.privacy.policy.compile import compile_planner
from gateway.privacy.policy.plan import Planner
from gateway.privacy.pseudonyms import Pseudonymizer
from gateway.privacy.scrub.client_ip import Mode, settle
from gateway.privacy.scrub.propagate import identity_needles, propagate
from gateway.privacy.scrub.scrub_log import ScrubLog
from gateway.privacy.scrub.scrubber import Scrubber
from gateway.privacy.scrub.taken import HIDDEN, Taken
from gateway.privacy.scrub.values import shape


@dataclass(frozen=True, slots=True)
class Omission:
    """A place that the contract takes out of the event before anything else looks at it."""

    path: JsonPath
    rule: str


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A clean message, what was changed to make it so, and the pseudonyms in it."""

    message: CleanMessage
    changes: tuple[Change, ...]
    pseudonyms: tuple[CleanText, ...]
    taken: Taken = field(repr=False)
    """What was taken out of the event, so that nothing else tells it."""


class CompiledPolicy:
    """What may leave. Immutable; made by `compile_policy`."""

    __slots__ = ("_client_ip", "_planner", "_pseudonymizer", "_safe")

    def __init__(self, client_ip: Mode, planner: Planner, pseudonymizer: Pseudonymizer) -> None:
        self._client_ip = client_ip
        self._safe = LogSafe(planner.own) if planner.own else BY_GATEWAY
        self._planner = planner
        self._pseudonymizer = pseudonymizer

    @property
    def detectors(self) -> Sequence[Detector]:
        """Those that the policy brings."""
        return self._planner.own

    def scrub(
        self,
        raw: RawEvent,
        schema: str | None = None,
        omissions: Sequence[Omission] = (),
        tokens: Iterable[CleanText] = (),
        budget: Budget | None = None,
    ) -> Scrubbed:
        """Take the message and make it clean, in place. Raises rather than give back half of it.

        `tokens` are the pseudonyms that an event holds which was clean once: they stay. `budget` is
        what may still be spent on the event; OverBudgetError says that it was not enough.
        """
        budget = budget or Budget()
        message = raw.take()
        plan = self._planner.plan(raw, message, schema)
        omitted = _omit(message, omissions) if omissions else []
        settled = settle(self._client_ip, raw, message, self._pseudonymizer.pseudonym)
        ledger = ScrubLog(plan.keys, self._pseudonymizer, budget, self._safe)
        ledger.tokens.update((token, token) for token in tokens)
        ledger.kept |= settled.spots
        for _, value in omitted:
            ledger.taken.add(value)
        for needle in settled.needles:
            ledger.taken.add(needle.value)
        Scrubber(plan, ledger).scrub(message)
        changes = _omissions(omitted, ledger.taken, budget, self._safe)
        changes += settled.changes
        changes += ledger.changes
        needles = settled.needles
        if ledger.identities:
            needles = identity_needles(ledger.identities, ledger.tokens) + needles
        if needles:
            propagate(message, needles, ledger.kept, changes, budget)
        tokens = {*ledger.tokens.values(), *settled.tokens.values()}
        clean = cast("CleanMessage", message)
        return Scrubbed(clean, tuple(changes), tuple(sorted(tokens)), ledger.taken)

    def pointer(self, path: JsonPath) -> CleanText:
        """A JSON Pointer fit for logs: a key that is itself personal is masked."""
        return self._safe.pointer(path)

    def text(self, text: str) -> CleanText:
        """The text fit for logs: everything that a detector knows as personal is masked."""
        return self._safe.text(text)


def compile_policy(
    policy: Policy,
    document: Document,
    annotations: Mapping[str, Sequence[tuple[str, Action]]],
    pseudonymizer: Pseudonymizer,
) -> CompiledPolicy:
    """Make the policy ready for events.

    `annotations` are the pointers that each schema marks with `x-privacy`, and their actions.
    Raises ConfigurationError with every mistake of the policy and of the schemas.
    """
    planner = compile_planner(policy, document, annotations)
    return CompiledPolicy(policy.client_ip, planner, pseudonymizer)


def _omit(message: RawMessage, omissions: Sequence[Omission]) -> list[tuple[Omission, Any]]:
    """Deepest and last first, so that no path points at another's place."""
    omitted: list[tuple[Omission, Any]] = []
    ordered = sorted(omissions, key=lambda omission: _depth_and_place(omission.path), reverse=True)
    for omission in ordered:
        holder: Any = message
        try:
            for step in omission.path[:-1]:
                holder = holder[step]
            last = omission.path[-1]
            omitted.append((omission, holder[last]))
            del holder[last]
        except (KeyError, IndexError, TypeError):
            raise ScrubError("an omission names no place of the event") from None
    omitted.reverse()
    return omitted


def _omissions(
    omitted: Sequence[tuple[Omission, Any]], taken: Taken, budget: Budget, safe: LogSafe
) -> list[Change]:
    """What is reported of them once a rule may have taken what was around them, too."""
    changes: list[Change] = []
    for omission, value in omitted:
        path = omission.path
        shown = taken.shown(path)
        place = safe.pointer(path if shown == len(path) else (*path[:shown], HIDDEN))
        budget.spend(len(place))
        changes.append(Change(place, "omit", omission.rule, *shape(value)))
    return changes


def _depth_and_place(path: JsonPath) -> tuple[int, tuple[int, ...]]:
    return len(path), tuple(step for step in path if isinstance(step, int))
