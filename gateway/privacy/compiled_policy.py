"""The policy is the last thing a raw event meets: what comes out of `scrub` may travel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, cast

from gateway.budget import Budget
from gateway.config.privacy import Action, Policy
from gateway.config.source import Document
from gateway.event import (
    NO_OVERLAYS,
    Change,
    CleanMessage,
    CleanText,
    JsonPath,
    OverlayBytes,
    RawEvent,
    RawMessage,
)
from gateway.privacy import joins
from gateway.privacy.detectors import Detector
from gateway.privacy.errors import ScrubError
from gateway.privacy.log_safe_text import BY_GATEWAY, LogSafe
from gateway.privacy.overlays import View, sealed
from gateway.privacy.placeholders import Placeholders
from gateway.privacy.policy.compile import compile_planners
from gateway.privacy.policy.destinations import DestinationRules
from gateway.privacy.policy.plan import Planner
from gateway.privacy.pseudonyms import Pseudonymizer
from gateway.privacy.scrub.client_ip import Mode, settle
from gateway.privacy.scrub.propagate import Needle, identity_needles, propagate
from gateway.privacy.scrub.scrub_log import ScrubLog
from gateway.privacy.scrub.scrubber import Scrubber
from gateway.privacy.scrub.taken import HIDDEN, Taken
from gateway.privacy.scrub.values import shape
from gateway.protocols.known_names import CONTEXT, WORDS


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
    overlays: OverlayBytes = NO_OVERLAYS
    needles: Sequence[Needle] = field(default=(), repr=False)
    """What is hidden in all of it."""
    join: joins.Join | None = None
    """Of the account that the message names, where the policy joins it."""


class CompiledPolicy:
    """What may leave. Immutable; made by `compile_policy`."""

    __slots__ = (
        "_client_ip", "_join_for", "_joins_until", "_of", "_own", "_planner", "_pseudonymizer",
        "_safe", "placeholders",
    )  # fmt: skip

    def __init__(
        self,
        client_ip: Mode,
        planner: Planner,
        pseudonymizer: Pseudonymizer,
        placeholders: Placeholders,
        own: Sequence[DestinationRules] = (),
        *,
        join_for: float = 0,
    ) -> None:
        """`own`: of the destinations that have rules of their own. `join_for`: seconds."""
        self._client_ip = client_ip
        self._safe = LogSafe(planner.own) if planner.own else BY_GATEWAY
        self._planner = planner
        self._pseudonymizer = pseudonymizer
        self._join_for = join_for
        self._joins_until = joins.open_until(pseudonymizer.ring, join_for)
        self._own = own
        self._of = {name: rules for rules in own for name in rules.destinations}
        self.placeholders = placeholders
        """Ids that stand for nobody."""

    @property
    def detectors(self) -> Sequence[Detector]:
        """Those that the policy brings."""
        return self._planner.own

    @property
    def apart(self) -> Collection[str]:
        """The destinations that have rules of their own."""
        return self._of.keys()

    def with_keys(self, pseudonymizer: Pseudonymizer) -> CompiledPolicy:
        """The same policy with other keys."""
        return CompiledPolicy(
            self._client_ip,
            self._planner,
            pseudonymizer,
            self.placeholders,
            self._own,
            join_for=self._join_for,
        )

    def scrub(
        self,
        raw: RawEvent,
        schema: str | None = None,
        omissions: Sequence[Omission] = (),
        *,
        tokens: Iterable[CleanText] = (),
        budget: Budget | None = None,
        destination: str | None = None,
        as_it_came: RawMessage | None = None,
    ) -> Scrubbed:
        """Take the message and make it clean, in place. Raises rather than give back half of it.

        `tokens` are the pseudonyms that an event holds which was clean once: they stay. `budget` is
        what may still be spent on the event; OverBudgetError says that it was not enough. The rules
        are those for all destinations, and those for `destination`. Their conditions look at
        `as_it_came`, where the message is not the one that came.
        """
        own = self._of.get(destination) if destination else None
        planner = own.planner if own else self._planner
        budget = budget or Budget()
        message = raw.take()
        plan = planner.plan(raw, message if as_it_came is None else as_it_came, schema)
        omitted = _omit(message, omissions) if omissions else []
        tokens = frozenset(tokens)
        settled = settle(self._client_ip, raw, message, self._pseudonymizer.pseudonym, tokens)
        ledger = ScrubLog(plan.keys, self._pseudonymizer, budget, self.placeholders, self._safe)
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
        tokens = tuple(sorted(tokens))
        join = None
        if raw.received_at < self._joins_until and ledger.identities:
            previous = self._pseudonymizer.previous
            join = joins.join_in(raw.protocol, clean, ledger.identities, ledger.tokens, previous)
        return Scrubbed(clean, tuple(changes), tokens, ledger.taken, needles=needles, join=join)

    def spare(self, raw: RawEvent) -> RawEvent | None:
        """A copy for `shared`, where a rule for single destinations may reach into the event."""
        if not any(rules.is_active(raw) for rules in self._own):
            return None
        return replace(raw, message=_copied(raw.message))

    def shared(
        self,
        raw: RawEvent,
        for_all: Scrubbed,
        to: Sequence[str],
        *,
        schema: str | None,
        omissions: Sequence[Omission],
        work: int,
        hold: Callable[[CleanMessage], None] = lambda _: None,
    ) -> Scrubbed:
        """The event for the destinations `to`: a message for all of them, with overlays beside it.

        `raw` is the `spare` of an event, and `for_all` what the rules for all destinations leave of
        it. Each destination gets what the rules leave for it alone. The common message holds what
        they leave for every one of them. `work` may be spent on each of the messages. `hold` takes
        out what is new and waits for a review, as it was taken out of `for_all`.
        """
        wanted = set(to)
        views: list[View] = []
        changes = dict.fromkeys(for_all.changes)
        dropped = {change.pointer for change in for_all.changes}
        emptied = {self.pointer(path) for path in for_all.taken.inside}
        taken = Taken()
        taken.join(for_all.taken)
        common = for_all
        for own in self._own:
            names = tuple(sorted(own.destinations & wanted))
            if not names or not own.is_active(raw):
                continue
            wanted -= own.destinations
            copy = replace(raw, message=_copied(raw.message))
            seen = self.scrub(copy, schema, omissions, budget=Budget(work), destination=names[0])
            hold(seen.message)
            views.append(View(names, tuple(own.named_by), seen.message, seen.pseudonyms))
            for change in seen.changes:
                if of := own.named_by.get(change.rule):
                    place = _known(change.pointer, dropped, emptied)
                    changes[replace(change, pointer=place, destinations=of)] = None
            taken.join(seen.taken)
            if own.tightens and seen.message != common.message:
                common = self._again(raw, common, seen, schema, destination=names[0], work=work)
                taken.join(common.taken)
        rest = tuple(sorted(wanted))
        views.append(View(rest, (), for_all.message, for_all.pseudonyms))
        apart = [view for view in views if view.to and view.message != common.message]
        return Scrubbed(common.message, tuple(changes), common.pseudonyms, taken, sealed(apart))

    def _again(
        self,
        raw: RawEvent,
        clean: Scrubbed,
        seen: Scrubbed,
        schema: str | None,
        *,
        destination: str,
        work: int,
    ) -> Scrubbed:
        """What is left of a clean message by the rules for one destination, which gets `seen`.

        An id that is hidden in all of `seen` is hidden here as well, wherever it stood there.
        """
        message = _copied(cast("RawMessage", clean.message))
        once_more = replace(raw, message=message, client_address=None)
        left = self.scrub(
            once_more,
            schema,
            tokens=clean.pseudonyms,
            budget=Budget(work),
            destination=destination,
            as_it_came=raw.message,
        )
        changes: list[Change] = []
        if seen.needles:
            propagate(message, seen.needles, (), changes, Budget(work))
        if not changes:
            return left
        pseudonyms = tuple(sorted({*left.pseudonyms, *seen.pseudonyms}))
        return replace(left, pseudonyms=pseudonyms)

    def rules_of(self, destination: str) -> Collection[str]:
        """The ids of the rules that name it."""
        own = self._of.get(destination)
        return own.named_by.keys() if own else ()

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
    planner, own = compile_planners(policy, document, annotations)
    placeholders = Placeholders((*policy.placeholders.ids, *policy.placeholders.more))
    join_for = policy.pseudonyms.join_after_rotation
    return CompiledPolicy(
        policy.client_ip, planner, pseudonymizer, placeholders, own, join_for=join_for
    )


def _copied(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copied(member) for key, member in value.items()}
    return [_copied(item) for item in value] if type(value) is list else value


def _known(place: CleanText, dropped: AbstractSet[str], emptied: AbstractSet[str]) -> CleanText:
    """The place, without names that the rules for all destinations took."""
    end = place.find("/", 1)
    while end >= 0:
        above, below = place[:end], place[end + 1 :]
        if above in dropped:
            return CleanText(above)
        if above in emptied:
            steps = (step if _tells_nothing(step) else HIDDEN for step in below.split("/"))
            return CleanText("/".join((above, *steps)))
        end = place.find("/", end + 1)
    return place


def _tells_nothing(step: str) -> bool:
    return step.isdecimal() or step in WORDS or step in CONTEXT


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
