"""What holds for an event is found once for all events like it, not once per value.

A plan is the policy as it applies to one protocol, schema, message type, event name and source. The
caches are bounded, and hold no key or name in which a detector could find something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from gateway.config.privacy import Policy
from gateway.event import Protocol, RawEvent, RawMessage
from gateway.privacy.detectors import (
    KINDS,
    Detector,
    context_of,
    may_hold,
    precheck,
)
from gateway.privacy.policy.conditions import Conditions
from gateway.privacy.policy.defaults import defaults_of, inside_structure
from gateway.privacy.policy.field_rules import FieldRules, Key
from gateway.privacy.policy.path_automaton import (
    LARGEST,
    PathEntry,
    PathState,
    add_persons,
    compile_paths,
)
from gateway.privacy.policy.rule_set import RuleSet, Window
from gateway.privacy.policy.rules import Hits, Rule, in_order
from gateway.privacy.policy.selection import Selection
from gateway.privacy.policy.selectors import Pattern, format_pointer, parse_pattern
from gateway.privacy.vocabulary import Said, said_below_person, said_by
from gateway.protocols import PROTOCOLS

K = TypeVar("K")
V = TypeVar("V")

_MOST_NAMES = 4096
_LONGEST_NAME = 96
_MOST_TEXTS = 2048
LONGEST_TEXT = 128
"""A longer one is not remembered."""
_MASK = rf"\[(?:{'|'.join(KINDS)}|masked)\]"
_MASKS = re.compile(_MASK)

Identities = dict[str, "Rule | Identities"]
"""Places, as nested keys, whose values a rule pseudonymises."""


def _masks_with(own: Sequence[Detector]) -> re.Pattern[str]:
    return re.compile("|".join((_MASK, *(rf"\[{re.escape(each.name)}\]" for each in own))))


class PrivacyPlan:
    """The policy as it applies to events of one sort."""

    __slots__ = (
        "_closed",
        "_could_hold",
        "_masks",
        "_named",
        "_nowhere",
        "_on_keys",
        "_own",
        "_parameters",
        "_personal_keys",
        "_places",
        "_windows",
        "_written",
        "boring",
        "earliest_key",
        "glance",
        "identities",
        "keys",
        "look",
        "open",
        "read",
        "readings",
        "root",
        "smallest_number",
        "text",
    )

    def __init__(
        self,
        written: Sequence[Selection],
        root: PathState,
        own: Sequence[Detector] = (),
        *,
        closed: bool = False,
    ) -> None:
        """`own`: the policy's own detectors; `closed`: the policy is an allow-list."""
        self._written = written
        self._own = own
        self._closed = closed
        self._on_keys = tuple(w for w in written if w.has_key)
        self._named = tuple(w.rule.order for w in written if w.names_something)
        self.root = root
        self._nowhere = PathState(())  # inside a text, where no path leads
        add_persons((self._nowhere,))
        self.text: Hits = tuple(w.rule for w in written if w.is_text)
        self.open = RuleSet((), self.text, self._named, own)
        self.smallest_number = 0 if own else 10**12
        """Numbers below it are of no kind, but under a telling key."""
        self.readings = 1 + len(own)
        """How often a text is read for its plain words."""
        self._could_hold = precheck((), own)
        self._masks = _masks_with(own) if own else _MASKS
        self.look = precheck(self.open.scanner.kinds, own)
        """Whether a text may hold anything."""
        self.glance: Callable[[str], object] = (
            self.look if own or self.open.reads_shapes else may_hold
        )
        """The same for a text of ASCII shorter than SHORT."""
        self.boring: set[str] = set()
        """Texts that hold nothing, as the pre-check said."""
        self.read: set[str] = set()
        """Texts in which no rule changed anything, under a key that says nothing of numbers."""
        keyed = [w.rule.order for w in written if w.has_key]
        keepers = [rule.order for rule in self.text if rule.action == "keep"]
        self.earliest_key = min(keyed + keepers, default=1 << 30)
        self.identities = _identities(written)
        self.keys: dict[str, Key] = {}
        self._personal_keys: dict[str, Key] = {}
        self._parameters: dict[str, Hits] = {}
        self._places: dict[Hits, RuleSet] = {(): self.open}
        self._windows: dict[Window, PrivacyPlan] = {}

    def key(self, name: str) -> Key:
        """What a key says."""
        known = self.keys.get(name)
        return known if known is not None else self._learn(name, said_by, self.keys)

    def _personal_key(self, name: str) -> Key:
        """What a key right below a person says."""
        known = self._personal_keys.get(name)
        if known is None:
            known = self._learn(name, said_below_person, self._personal_keys)
        return known

    def member(self, state: PathState, name: str) -> FieldRules:
        """What holds for the member of this name at this state."""
        below = state.next.get(name, state.other)
        key = self.key(name)
        if state.of_person:
            key = self._personal_key(name)
        member = FieldRules(below.person if key.person else below.nobody, key)
        if name in self.keys:
            _remember(state.members, name, member)
        return member

    def forget(self) -> None:
        """Before an event: keep but few of the texts that need not be read again."""
        for texts in (self.boring, self.read):
            if len(texts) > _MOST_TEXTS:
                texts.clear()

    def is_mask(self, text: str) -> bool:
        """Whether all of a text is the mask of something that was found once."""
        return text[:1] == "[" and self._masks.fullmatch(text) is not None

    def inside(self, key: Key) -> PathState:
        """The state of what is inside a text under this key."""
        return self._nowhere.person if key.person else self._nowhere

    def _learn(self, name: str, says: Callable[[str], Said], cache: dict[str, Key]) -> Key:
        # A mask in a key, such as [email], is no word of it, and what is left of it names no field.
        own = self._masks.sub("", name) if "[" in name else name
        folded, said = own.casefold(), says(name) if own == name else Said(None)
        matched = {w.rule.order: hit for w in self._on_keys if (hit := w.by_key(folded, said))}
        odd = bool(self._could_hold(name))
        step = format_pointer((name,))
        key = Key(name, step, context_of(name), matched, odd=odd, person=said.person)
        if matched:
            pathless = (w.rule.order for w in self._on_keys if not w.paths)
            key.hits = in_order(tuple(matched[order] for order in pathless if order in matched))
        if not odd and len(name) <= _LONGEST_NAME:
            _remember(cache, name, key)
        return key

    def parameter(self, name: str) -> Hits:
        """The rules for a parameter of this name: those on parameters and those on keys."""
        known = self._parameters.get(name)
        if known is not None:
            return known
        folded = name.casefold()
        named = tuple(hit for w in self._written if (hit := w.by_parameter(folded)))
        hits = in_order(named, self.key(name).hits)
        if len(name) <= _LONGEST_NAME and not self._could_hold(name):
            _remember(self._parameters, name, hits)
        return hits

    def place(self, hits: Hits) -> RuleSet:
        """What `hits` do. There are as many places as the policy tells apart, whatever comes in."""
        place = self._places.get(hits)
        if place is None:
            place = self._places[hits] = RuleSet(
                hits, self.text, self._named, self._own, closed=self._closed
            )
        return place

    def within(self, window: Window) -> PrivacyPlan:
        """The plan for what is inside a value, with the rules of a window alone."""
        plan = self._windows.get(window)
        if plan is None:
            written = tuple(w for w in self._written if window.holds(w.rule))
            plan = self._windows[window] = PrivacyPlan(written, PathState(()), self._own)
        return plan


class Planner:
    """Finds the plan of an event."""

    __slots__ = (
        "_annotated",
        "_compiled",
        "_conditional",
        "_conditions",
        "_could_hold",
        "_defaults",
        "_kept",
        "_known",
        "_plans",
        "own",
    )

    def __init__(
        self,
        policy: Policy,
        kept: Sequence[Pattern],
        annotated: Mapping[str, tuple[PathEntry, ...]],
        own: Sequence[Detector] = (),
    ) -> None:
        """`own`: the policy's own detectors."""
        self.own = own
        self._could_hold = precheck((), own)
        self._kept = tuple(PathEntry(pattern, mark="keep", inside=True) for pattern in kept)
        self._annotated = annotated
        self._conditions = Conditions(r.match.where for r in policy.rules if r.match.where)
        self._compiled = tuple(
            Selection(order, rule, self._conditions) for order, rule in enumerate(policy.rules)
        )
        self._defaults = defaults_of(len(policy.rules)) if policy.default == "drop" else {}
        self._conditional = tuple(w for w in self._compiled if w.is_conditional)
        self._known: dict[tuple[object, ...], PrivacyPlan] = {}
        self._plans: dict[tuple[object, ...], PrivacyPlan] = {}
        # Too many paths must show at load. Only wildcards multiply, so a schema without them is
        # planned at its first event; of the others, one protocol is enough.
        for protocol in PROTOCOLS:
            self._plan(protocol, None, self._compiled)
        for schema, entries in annotated.items():
            if any(entry.pattern.literal is None for entry in entries):
                self._plan(next(iter(PROTOCOLS)), schema, self._compiled)

    def plan(self, raw: RawEvent, message: RawMessage, schema: str | None) -> PrivacyPlan:
        """The plan for events of this sort. Conditions look at the message as it came."""
        kind, name, source = raw.type, raw.name, raw.source
        if schema not in self._annotated:
            schema = None
        if not self._conditional:
            kind, name, source = "", None, ""
        answers = self._conditions.answers(message) if len(self._conditions) else ()
        sort = (raw.protocol, kind, name, source, schema, answers)
        known = self._known.get(sort)
        if known is None:
            active = tuple(w for w in self._compiled if w.is_active(kind, name, source, answers))
            known = self._plan(raw.protocol, schema, active)
            if name is None or (len(name) <= _LONGEST_NAME and not self._could_hold(name)):
                _remember(self._known, sort, known)
        return known

    def _plan(
        self, protocol: Protocol, schema: str | None, active: tuple[Selection, ...]
    ) -> PrivacyPlan:
        sort = (protocol, schema, active)
        if sort not in self._plans:
            spec = PROTOCOLS[protocol]
            annotated = self._annotated[schema] if schema is not None else ()
            defaults = self._defaults.get(protocol, ())
            structural = spec.indispensable if defaults else spec.structural
            written = (*active, *defaults)
            entries = [
                *(PathEntry(parse_pattern(text), mark="structural") for text in structural),
                *(PathEntry(Pattern(place), mark="address") for place in spec.addresses),
                *self._kept,
                *annotated,
                *(entry for w in written for entry in w.entries()),
                *inside_structure(structural, defaults),
            ]
            # A pattern without wildcards adds at most one state a step, whatever the others are.
            most = LARGEST + sum(len(entry.pattern.literal or ()) for entry in annotated)
            plan = PrivacyPlan(
                written, compile_paths(entries, most), self.own, closed=bool(self._defaults)
            )
            _remember(self._plans, sort, plan)
        return self._plans[sort]


def _identities(written: Sequence[Selection]) -> Identities:
    found: Identities = {}
    for w in written:
        if w.rule.action != "pseudonymize" or w.has_key or w.rule.kinds:
            continue
        for pattern in w.paths:
            node = found
            for key in (pattern.literal or ())[:-1]:
                below = node.setdefault(key, {})
                if not isinstance(below, dict):
                    break
                node = below
            else:
                if pattern.literal:
                    node.setdefault(pattern.literal[-1], w.rule)
    return found


def _remember(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= _MOST_NAMES:
        cache.clear()
    cache[key] = value
