"""What holds for an event is found once for all events like it, not once per value.

A plan is the policy as it applies to one protocol, schema, message type, event name and source. The
caches are bounded, and hold no key or name in which a detector could find something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from gateway.config.privacy import Policy
from gateway.config.privacy import Rule as Written
from gateway.event import Protocol
from gateway.privacy.detect import (
    ADDRESS,
    KINDS,
    PERSONAL,
    PHONE,
    SHAPES,
    Scanner,
    Span,
    context_of,
    suspicious,
)
from gateway.privacy.paths import Entry, State, compile_paths
from gateway.privacy.rules import FINAL, STRICTNESS, Hits, Rule, in_order
from gateway.privacy.selectors import Pattern, compile_glob, format_pointer, is_glob, parse_pattern

K = TypeVar("K")
V = TypeVar("V")

_MOST_NAMES = 4096
_LONGEST_NAME = 96
_KIND_ORDER = {kind: order for order, kind in enumerate(KINDS)}

_STRUCTURAL: Mapping[Protocol, tuple[str, ...]] = {
    "segment": (
        "/type",
        "/event",
        "/messageId",
        "/timestamp",
        "/originalTimestamp",
        "/sentAt",
        "/receivedAt",
        "/channel",
        "/version",
        "/integrations/*",
        "/_metadata/**",
        "/context/library/**",
        "/context/consent/**",
    ),
    "mixpanel": (
        "/event",
        "/properties/time",
        "/properties/$insert_id",
        "/properties/token",
        "/properties/mp_lib",
        "/properties/$lib_version",
        "/properties/$mp_api_endpoint",
        "/properties/$source",
        "/$token",
        "/$time",
        "/$ignore_time",
        "/$ignore_alias",
        "/$group_key",
        "/$mp_metadata/**",
        "/$set",
        "/$set_once",
        "/$add",
        "/$append",
        "/$union",
        "/$remove",
        "/$unset",
        "/$delete",
    ),
    "appsmith": ("/viewMode", "/isAnonymousUser", "/instanceId", "/createdAt"),
}
"""Fields without which a message is none. A rule touches them only by naming their path."""

ADDRESS_PLACES: Mapping[Protocol, tuple[tuple[str, ...], ...]] = {
    "segment": (("context", "ip"),),
    "mixpanel": (("properties", "ip"), ("properties", "$ip"), ("$ip",)),
    "appsmith": (),
}
"""Where each protocol carries the address of the person's device."""

_MASKS = re.compile(rf"\[(?:{'|'.join(KINDS)}|masked)\]")

Claim = tuple[int, int, str, Rule]
"""Start, end, kind, and the rule that decides over this piece of a text."""


class Place:
    """What the rules that hold at one place of an event do to a value there."""

    __slots__ = ("drop", "hits", "keepers", "reads_shapes", "rules", "scanner", "steps")

    def __init__(self, hits: Hits, text: Hits) -> None:
        self.hits = hits
        self.rules = in_order(tuple(rule for rule in hits if rule.kinds), text)
        self.scanner = Scanner(kind for rule in self.rules for kind in rule.kinds)
        self.steps = _steps(hits)
        """Rules over the whole value, in order; only the last one can be final."""
        last = self.steps[-1] if self.steps else None
        self.keepers = tuple(
            rule
            for rule in self.rules
            if rule.action == "keep" and last is not None and rule.order < last.order
        )
        """Rules that come first and keep a value that is wholly of some kind."""
        self.reads_shapes = not SHAPES.keys().isdisjoint(self.scanner.kinds)
        self.drop = last if last is not None and last.action == "drop" and not last.by_key else None

    def claims(self, text: str, context: int) -> list[Claim]:
        """Which pieces of a text belong to which rule."""
        found = self.scanner.find(text, context)
        return claims(text, found, self.rules) if found else []


def _steps(hits: Hits) -> Hits:
    whole = tuple(rule for rule in hits if not rule.kinds)
    mine = [rule for rule in whole if not rule.schema]
    final = next((rule for rule in mine if rule.action in FINAL), None)
    steps = [rule for rule in mine if final is None or rule.order < final.order]
    theirs = max((r for r in whole if r.schema), key=lambda r: STRICTNESS[r.action], default=None)
    if theirs is not None and (
        final is None or STRICTNESS[theirs.action] > STRICTNESS[final.action]
    ):
        final = theirs  # the schema tightens
    return (*steps, final) if final is not None else tuple(steps)


Identities = dict[str, "Rule | Identities"]
"""Places, as nested keys, whose values a rule pseudonymises."""


def _identities(written: Sequence[_Written]) -> Identities:
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


class Key:
    """What is known of a value from the key it stands under."""

    __slots__ = ("context", "hits", "matched", "odd", "step", "telling")

    def __init__(self, step: str, context: int, matched: Mapping[int, Rule], *, odd: bool) -> None:
        self.step = step  # in a pointer
        self.odd = odd  # a detector may find something in the key itself
        self.context = context
        self.telling = bool(context & (PHONE | ADDRESS))  # a number under it may be personal
        self.matched = matched  # every rule whose `key` it matches, by order
        self.hits: Hits = ()  # those that need no path


class Member:
    """What holds for a value at a path and under a key."""

    __slots__ = ("below", "hits", "key", "plain")

    def __init__(self, below: State, key: Key) -> None:
        self.below = below
        self.key = key
        hits = in_order(below.rules, key.hits)
        if below.keyed and key.matched:
            orders = {rule.order for rule in below.keyed}
            both = tuple(hit for order, hit in key.matched.items() if order in orders)
            hits = in_order(hits, both)
        self.hits: Hits = _untouched(hits) if below.structural else hits
        self.plain = below.plain and not key.odd and not self.hits


def _untouched(hits: Hits) -> Hits:
    """The rules that reach a structural field."""
    return tuple(rule for rule in hits if not rule.by_key)


def inherit(inherited: Hits, member: Member) -> Hits:
    """What holds for a value with the rules that hold for what is around it."""
    hits = in_order(inherited, member.hits) if member.hits else inherited
    return _untouched(hits) if member.below.structural else hits


def element(inherited: Hits, below: State) -> Hits:
    """What holds for an element of a list."""
    hits = in_order(inherited, below.rules) if below.rules else inherited
    return _untouched(hits) if below.structural else hits


class Plan:
    """The policy as it applies to events of one sort."""

    __slots__ = (
        "_parameters",
        "_places",
        "_written",
        "earliest_key",
        "identities",
        "keys",
        "nowhere",
        "open",
        "root",
        "text",
    )

    def __init__(self, written: Sequence[_Written], root: State) -> None:
        self._written = written
        self.root = root
        self.nowhere = State(())  # inside a text, where no path leads
        self.text: Hits = tuple(w.rule for w in written if w.is_text)
        self.open = Place((), self.text)
        keyed = [w.rule.order for w in written if w.has_key]
        keepers = [rule.order for rule in self.text if rule.action == "keep"]
        self.earliest_key = min(keyed + keepers, default=1 << 30)
        self.identities = _identities(written)
        self.keys: dict[str, Key] = {}
        self._parameters: dict[str, Hits] = {}
        self._places: dict[Hits, Place] = {(): self.open}

    def key(self, name: str) -> Key:
        """What a key says."""
        known = self.keys.get(name)
        return known if known is not None else self._learn(name)

    def member(self, state: State, name: str) -> Member:
        """What holds for the member of this name at this state."""
        key = self.key(name)
        member = Member(state.next.get(name, state.other), key)
        if name in self.keys:
            _remember(state.members, name, member)
        return member

    def _learn(self, name: str) -> Key:
        # A mask in a key, such as [email], is not the word that a glob on keys looks for.
        folded = (_MASKS.sub("", name) if "[" in name else name).casefold()
        matched = {w.rule.order: hit for w in self._written if (hit := w.by_key(folded))}
        odd = suspicious(name)
        key = Key(format_pointer((name,)), context_of(name), matched, odd=odd)
        key.hits = in_order(
            tuple(
                matched[w.rule.order]
                for w in self._written
                if not w.paths and w.rule.order in matched
            )
        )
        if not odd and len(name) <= _LONGEST_NAME:
            _remember(self.keys, name, key)
        return key

    def parameter(self, name: str) -> Hits:
        """The rules for a parameter of this name: those on parameters and those on keys."""
        known = self._parameters.get(name)
        if known is not None:
            return known
        folded = name.casefold()
        named = tuple(hit for w in self._written if (hit := w.by_parameter(folded)))
        hits = in_order(named, self.key(name).hits)
        if len(name) <= _LONGEST_NAME and not suspicious(name):
            _remember(self._parameters, name, hits)
        return hits

    def place(self, hits: Hits) -> Place:
        """What `hits` do. There are as many places as the policy tells apart, whatever comes in."""
        place = self._places.get(hits)
        if place is None:
            place = self._places[hits] = Place(hits, self.text)
        return place


class Planner:
    """Finds the plan of an event."""

    __slots__ = ("_annotated", "_compiled", "_conditional", "_kept", "_known", "_plans", "kept")

    def __init__(
        self,
        policy: Policy,
        kept: Sequence[Pattern],
        annotated: Mapping[str, tuple[Entry, ...]],
    ) -> None:
        self.kept = policy.keep
        self._kept = tuple(Entry(pattern, mark="keep", inside=True) for pattern in kept)
        self._annotated = annotated
        self._compiled = tuple(_Written(order, rule) for order, rule in enumerate(policy.rules))
        self._conditional = tuple(w for w in self._compiled if w.is_conditional)
        self._known: dict[tuple[str | None, ...], Plan] = {}
        self._plans: dict[tuple[object, ...], Plan] = {}
        for protocol in _STRUCTURAL:  # too many paths must show at load
            for schema in (None, *annotated):
                self._plan(protocol, schema, tuple(self._compiled))

    def plan(
        self, protocol: Protocol, kind: str, name: str | None, source: str, schema: str | None
    ) -> Plan:
        """The plan for events of this sort."""
        if schema not in self._annotated:
            schema = None
        if not self._conditional:
            kind, name, source = "", None, ""
        sort = (protocol, kind, name, source, schema)
        known = self._known.get(sort)
        if known is None:
            active = tuple(w for w in self._compiled if w.is_active(kind, name, source))
            known = self._plan(protocol, schema, active)
            if name is None or (len(name) <= _LONGEST_NAME and not suspicious(name)):
                _remember(self._known, sort, known)
        return known

    def _plan(self, protocol: Protocol, schema: str | None, active: tuple[_Written, ...]) -> Plan:
        sort = (protocol, schema, active)
        if sort not in self._plans:
            entries = [
                *(Entry(parse_pattern(text), mark="structural") for text in _STRUCTURAL[protocol]),
                *(Entry(Pattern(place), mark="address") for place in ADDRESS_PLACES[protocol]),
                *self._kept,
                *(self._annotated[schema] if schema is not None else ()),
                *(entry for w in active for entry in w.entries()),
            ]
            _remember(self._plans, sort, Plan(active, compile_paths(entries)))
        return self._plans[sort]


class _Written:
    """A rule of the file, its selectors compiled."""

    __slots__ = (
        "_events",
        "_globs",
        "_keyed",
        "_names",
        "_parameter_globs",
        "_sources",
        "_types",
        "has_key",
        "is_conditional",
        "is_text",
        "paths",
        "rule",
    )

    def __init__(self, order: int, written: Written) -> None:
        match = written.match
        self.rule = Rule(order, written.id, written.action, frozenset(match.kind))
        self._keyed = Rule(order, written.id, written.action, self.rule.kinds, by_key=True)
        self.paths = tuple(parse_pattern(text) for text in match.path)
        self.has_key = bool(match.key)
        self.is_text = bool(match.kind) and not (match.path or match.key)
        folded = [key.casefold() for key in match.key]
        self._names = frozenset(key for key in folded if not is_glob(key))
        self._globs = tuple(compile_glob(key) for key in folded if is_glob(key))
        self._parameter_globs = tuple(compile_glob(text) for text in match.parameter)
        self._events = tuple(compile_glob(text, ignore_case=False) for text in match.event)
        self._sources = frozenset(match.source)
        self._types = frozenset(match.type)
        self.is_conditional = bool(self._events or self._sources or self._types)
        if not (match.path or match.key or match.kind or match.parameter):
            self.paths = (parse_pattern("/*"),)  # everything

    def is_active(self, kind: str, name: str | None, source: str) -> bool:
        return (
            (not self._types or kind in self._types)
            and (not self._sources or source in self._sources)
            and (
                not self._events
                or (name is not None and any(glob.match(name) for glob in self._events))
            )
        )

    def by_key(self, folded: str) -> Rule | None:
        matches = folded in self._names or any(glob.match(folded) for glob in self._globs)
        return self._keyed if matches else None

    def by_parameter(self, folded: str) -> Rule | None:
        return self.rule if any(g.match(folded) for g in self._parameter_globs) else None

    def entries(self) -> Iterable[Entry]:
        for pattern in self.paths:
            yield Entry(pattern, self.rule, with_key=self.has_key)


def claims(text: str, found: Sequence[Span], rules: Hits) -> list[Claim]:
    """Who decides over which piece: earlier rules first, and no piece twice.

    Of two spans that overlap, the later one keeps what the earlier one does not cover, so that
    nothing of either stays.
    """
    wanted: list[tuple[int, int, int, int, str, Rule]] = []
    for start, end, kind in found:
        rule = next((rule for rule in rules if kind in rule.kinds), None)
        if rule is not None:
            wanted.append((rule.order, _KIND_ORDER[kind], start, end, kind, rule))
    if len(wanted) < 2:
        return [(start, end, kind, rule) for _, _, start, end, kind, rule in wanted]
    wanted.sort(key=lambda want: want[:4])
    taken = bytearray(len(text))
    pieces: list[Claim] = []
    for _, _, start, end, kind, rule in wanted:
        at = taken.find(0, start, end)
        while at >= 0:
            stop = taken.find(1, at, end)
            stop = end if stop < 0 else stop
            taken[at:stop] = b"\1" * (stop - at)
            if any(map(str.isalnum, text[at:stop])):
                pieces.append((at, stop, kind, rule))
            at = taken.find(0, stop, end)
    pieces.sort(key=lambda piece: piece[0])
    return _joined(pieces)


def _joined(pieces: list[Claim]) -> list[Claim]:
    joined = pieces[:1]
    for piece in pieces[1:]:
        start, end, *what = joined[-1]
        if piece[0] == end and [*piece[2:]] == what:
            joined[-1] = (start, *piece[1:])
        else:
            joined.append(piece)
    return joined


def _remember(cache: dict[K, V], key: K, value: V) -> None:
    if len(cache) >= _MOST_NAMES:
        cache.clear()
    cache[key] = value


_EVERYTHING = Place((), (Rule(0, "log", "mask", frozenset(PERSONAL)),))


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
