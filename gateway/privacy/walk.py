"""One event is walked once: every key, value and text in it meets the rules that hold there.

The message is changed in place. Whatever is not foreseen raises, and the caller drops the event:
half a scrub is none. No exception of this module holds a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.errors import GatewayError
from gateway.event import Change, Message
from gateway.privacy.detect import SHORTEST, may_hold, suspicious
from gateway.privacy.embedded import json_container, rewrite_pairs
from gateway.privacy.paths import State
from gateway.privacy.plan import (
    Claim,
    Identities,
    Key,
    Member,
    Place,
    Plan,
    element,
    inherit,
    scrubbed_text,
)
from gateway.privacy.pseudonyms import Pseudonymizer
from gateway.privacy.rules import Hits, Rule
from gateway.privacy.selectors import format_pointer
from gateway.privacy.shorten import network, shortened, without_query

MASK = "[masked]"
_DEVICE = "$device:"  # Mixpanel's mark of an id that names a device
_DEEPEST = 256
_SHORTEST_CARD = 10**12

Spot = tuple[int, str | int]
"""A place in this very event: the id() of a container, and the key or index in it."""


class ScrubError(GatewayError):
    """An event that cannot be scrubbed. The message never quotes it."""


class TooDeepError(ScrubError):
    """Nested deeper than the walk goes; `limits.nesting` keeps events from it."""


class _Gone:
    """Stands for a value that leaves the event."""


GONE = _Gone()


def pointer(path: Sequence[str | int]) -> str:
    """A JSON Pointer in which a key that is itself personal is masked."""
    return format_pointer(
        tuple(scrubbed_text(step) if isinstance(step, str) else step for step in path)
    )


class Walk:
    """The state of one scrub."""

    __slots__ = (
        "_depth",
        "_known",
        "_message",
        "_path",
        "_plan",
        "_pseudonymizer",
        "_spot",
        "changes",
        "identities",
        "kept",
        "tokens",
    )

    def __init__(self, plan: Plan, pseudonymizer: Pseudonymizer, message: Message) -> None:
        self._plan = plan
        self._message = message
        self._pseudonymizer = pseudonymizer
        self._path: list[str | int] = []
        self._depth = 0
        self._spot: Spot = (0, 0)
        self._known: dict[str, Rule] = {}  # identities, also those that the walk has yet to reach
        self.changes: list[Change] = []
        self.tokens: dict[str, str] = {}  # value → pseudonym
        self.identities: dict[str, Rule] = {}  # whole values that a rule pseudonymised
        self.kept: set[Spot] = set()

    def scrub(self) -> None:
        """Scrub the event by the rules of its plan."""
        _look_up(self._message, self._plan.identities, self._known)
        self._object(self._message, self._plan.root, ())

    # Containers. The first branch of each loop is the way of almost every value.

    def _object(self, node: Message, state: State, inherited: Hits) -> None:
        self._descend()
        plan = self._plan
        members = state.members
        identities = self._known
        path = self._path
        gone: list[str] = []
        renamed: list[str] = []
        new: Any
        for name, value in node.items():
            member = members.get(name) or plan.member(state, name)
            if member.plain and not inherited:
                kind = type(value)
                if kind is str:
                    if value in identities:
                        path.append(name)
                        new = self._whole_identity(value, member)
                    elif suspicious(value) if len(value) >= SHORTEST else may_hold(value):
                        path.append(name)
                        self._spot = (id(node), name)
                        new = self._text(value, plan.open, member.key)
                    else:
                        continue
                elif kind is int or kind is float:
                    if -_SHORTEST_CARD < value < _SHORTEST_CARD and not member.key.telling:
                        continue
                    path.append(name)
                    self._spot = (id(node), name)
                    new = self._number(value, plan.open, member.key)
                elif kind is bool or value is None:
                    continue
                else:
                    path.append(name)
                    new = self._container(value, member.below, (), member.key)
            else:
                if member.key.odd and not member.below.keep:
                    renamed.append(name)
                path.append(name)
                self._spot = (id(node), name)
                hits = inherit(inherited, member) if inherited else member.hits
                new = self._value(value, member.below, hits, member.key)
            path.pop()
            if new is GONE:
                gone.append(name)
            elif new is not value:
                node[name] = new
        for name in gone:
            del node[name]
        if renamed:
            self._rename(node, renamed)
        self._depth -= 1

    def _list(self, node: list[Any], state: State, hits: Hits, key: Key) -> None:
        self._descend()
        path = self._path
        gone: list[int] = []
        is_plain = not (hits or state.indexed) and state.other.plain
        for index, value in enumerate(node):
            if (
                is_plain
                and type(value) is str
                and value not in self._known
                and not suspicious(value)
            ):
                continue
            path.append(index)
            self._spot = (id(node), index)
            below = state.at(index) if state.indexed else state.other
            own = hits if below.plain and not below.structural else element(hits, below)
            new = self._value(value, below, own, key)
            path.pop()
            if new is GONE:
                gone.append(index)
            elif new is not value:
                node[index] = new
        if gone:
            self._remove(node, gone)
        self._depth -= 1

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TooDeepError("nested too deep to scrub")

    def _container(self, node: Any, state: State, hits: Hits, key: Key) -> Any:
        drop = self._plan.place(hits).drop if hits else None
        if drop is not None and (
            not node or drop.order <= min(state.earliest, self._plan.earliest_key)
        ):
            return self._drop(node, drop)
        was_empty = not node
        if isinstance(node, dict):
            self._object(node, state, hits)
        elif isinstance(node, list):
            self._list(node, state, hits, key)
        else:
            raise ScrubError("a value of no JSON type")
        if hits and not node and not was_empty:
            return GONE  # all that it held is told of already
        return node

    def _remove(self, node: list[Any], gone: Sequence[int]) -> None:
        for index in reversed(gone):
            del node[index]
        for spot in [spot for spot in self.kept if spot[0] == id(node)]:
            self.kept.discard(spot)
            before = sum(1 for index in gone if index < int(spot[1]))
            self.kept.add((id(node), int(spot[1]) - before))

    def _rename(self, node: Message, odd: Sequence[str]) -> None:
        """Give clean names to the keys that are personal themselves; the order stays."""
        names = {name: self._name(name) for name in odd if name in node}
        names = {name: new for name, new in names.items() if new != name}
        if not names:
            return
        items = list(node.items())
        taken = {name for name, _ in items if name not in names}
        node.clear()
        for name, value in items:
            new = names.get(name, name)
            if name in names:
                base, count = new, 1
                while new in taken:
                    count += 1
                    new = f"{base}_{count}"
                taken.add(new)
                if (id(node), name) in self.kept:
                    self.kept.add((id(node), new))
            node[new] = value

    def _name(self, name: str) -> str:
        self._path.append(name)
        self._spot = (0, 0)
        new = self._pieces(name, self._plan.open.claims(name, 0))
        self._path.pop()
        return new if isinstance(new, str) and new else MASK

    # Values.

    def _value(self, value: Any, below: State, hits: Hits, key: Key) -> Any:
        if below.keep or (below.address and self._spot in self.kept):
            self.kept.add(self._spot)
            return value
        kind = type(value)
        if kind is str:
            if hits:
                return self._string(value, self._plan.place(hits), key)
            if value in self._known and not below.structural:
                return self._pseudonymize(value, self._known[value], "string")
            if suspicious(value):
                return self._text(value, self._plan.open, key)
            return value
        if kind is bool or value is None:
            return self._constant(value, hits) if hits else value
        if kind is int or kind is float:
            if not (hits or key.telling) and -_SHORTEST_CARD < value < _SHORTEST_CARD:
                return value
            return self._number(value, self._plan.place(hits), key)
        return self._container(value, below, hits, key)

    def _constant(self, value: bool | None, hits: Hits) -> Any:
        """Null says nothing. True and false name nobody: only a rule on their path takes them."""
        steps = self._plan.place(hits).steps
        if not steps or steps[-1].by_key:
            return value
        if steps[-1].action == "drop":
            return self._drop(value, steps[-1])
        if steps[-1].action == "mask" and value is not None:
            return self._mask(value, steps[-1])
        return value

    def _number(self, value: float, place: Place, key: Key) -> Any:
        for rule in place.steps:
            match rule.action:
                case "drop":
                    return self._drop(value, rule)
                case "mask":
                    return self._mask(value, rule)
                case "pseudonymize":
                    return self._pseudonymize(canonical(value), rule, "number")
                case "keep":
                    self.kept.add(self._spot)
                    return value
        kind = place.scanner.number(value, key.context)
        if kind is None:
            return value
        text = canonical(value)
        new = self._pieces(text, [(0, len(text), kind, _first(place.rules, kind))])
        return value if new == text else new

    def _string(self, text: str, place: Place, key: Key) -> Any:
        """A text where rules over the whole value hold."""
        if not text:
            return text if place.drop is None else self._drop(text, place.drop)
        for rule in place.steps:
            for keeper in place.keepers:
                if keeper.order < rule.order and _is_whole(text, keeper, place, key):
                    self.kept.add(self._spot)
                    return text
            match rule.action:
                case "drop":
                    return self._drop(text, rule)
                case "mask":
                    return text if text == MASK else self._mask(text, rule)
                case "pseudonymize":
                    return self._pseudonymize(text, rule, "string")
                case "keep":
                    self.kept.add(self._spot)
                    return text
                case "strip_query":
                    text = self._told(text, without_query(text), rule)
                case "truncate":
                    short, is_address = shortened(text)
                    text = self._told(text, short, rule)
                    if is_address:
                        return text
        if place.reads_shapes or suspicious(text):
            return self._text(text, place, key)
        return text

    def _told(self, text: str, new: str, rule: Rule) -> str:
        if new == text:
            return text
        self._change(rule.action, rule.id, "string", len(text) - len(new))
        return new

    def _text(self, text: str, place: Place, key: Key) -> Any:
        """A text that stays, as far as no detector finds anything in it."""
        if text[:1] in "{[ \t\r\n":
            embedded = self._embedded(text, place, key)
            if embedded is not None:
                return embedded
        if "=" in text or '"' in text or "{" in text:
            spot = self._spot
            text = rewrite_pairs(text, self._parameter)
            self._spot = spot
        found = place.claims(text, key.context)
        return self._pieces(text, found) if found else text

    def _embedded(self, text: str, place: Place, key: Key) -> str | None:
        """A text that is JSON, scrubbed as JSON; None when nothing in it changed."""
        container = json_container(text)
        if container is None:
            return None
        spot, depth, steps, before = self._spot, self._depth, len(self._path), len(self.changes)
        try:
            self._container(container, self._plan.nowhere, place.hits, key)
        except TooDeepError:
            self._depth = depth
            del self._path[steps:]
            del self.changes[before:]
            self._change("mask", "limits", "string", len(text))
            return MASK
        finally:
            self._spot = spot
        return None if len(self.changes) == before else orjson.dumps(container).decode()

    def _parameter(self, name: str, value: str) -> str | None:
        hits = self._plan.parameter(name)
        key = self._plan.key(name)
        if not value or not (hits or key.context or value[0] in "{["):
            return None
        self._spot = (0, 0)
        new = self._string(value, self._plan.place(hits), key)
        return new if isinstance(new, str) else MASK

    def _pieces(self, text: str, found: Sequence[Claim]) -> Any:
        """The text with each piece as its rule says."""
        made: list[str] = []
        told: dict[tuple[Rule, str], int] = {}
        since = 0
        for start, end, kind, rule in found:
            piece = text[start:end]
            match rule.action:
                case "keep":
                    continue
                case "drop":
                    new = ""
                case "pseudonymize":
                    new = self._token(piece)
                case "truncate":
                    new = network(piece)
                case _:
                    new = f"[{kind}]"
                    plain = unquote(piece) if "%" in piece else piece
                    identity = self._identity(plain)
                    if identity is not None:
                        new, rule = self._token(plain), identity  # noqa: PLW2901 (it decides)
            if new == piece:
                continue
            made += (text[since:start], new)
            since = end
            told[rule, kind] = told.get((rule, kind), 0) + end - start
        for (rule, kind), length in told.items():
            self._change(rule.action, rule.id, kind, length)
        if found and found[0][:2] == (0, len(text)):
            if found[0][3].action in ("keep", "truncate"):
                self.kept.add(self._spot)
            elif found[0][3].action == "drop":
                return GONE
        return "".join((*made, text[since:])) if made else text

    def _whole_identity(self, value: str, member: Member) -> str:
        if member.below.structural:
            return value
        return self._pseudonymize(value, self._known[value], "string")

    # Actions.

    def _drop(self, value: Any, rule: Rule) -> _Gone:
        self._change("drop", rule.id, *shape(value))
        return GONE

    def _mask(self, value: Any, rule: Rule) -> str:
        self._change("mask", rule.id, *shape(value))
        return MASK

    def _pseudonymize(self, text: str, rule: Rule, kind: str) -> str:
        prefix = _DEVICE if text.startswith(_DEVICE) and len(text) > len(_DEVICE) else ""
        own = text[len(prefix) :]
        self.identities[own] = rule
        self._change("pseudonymize", rule.id, kind, len(text))
        return prefix + self._token(own)

    def _token(self, value: str) -> str:
        token = self.tokens.get(value)
        if token is None:
            token = self.tokens[value] = self._pseudonymizer.pseudonym(value)
        return token

    def _identity(self, piece: str) -> Rule | None:
        """The rule that pseudonymises this very text elsewhere in the event."""
        return self.identities.get(piece) or self._known.get(piece)

    def _change(self, action: str, rule: str, kind: str, length: int) -> None:
        keys = self._plan.keys
        place = "".join(
            known.step
            if isinstance(step, str) and (known := keys.get(step)) is not None
            else pointer((step,))
            for step in self._path
        )
        self.changes.append(Change(place, action, rule, kind, length))


def _look_up(message: Any, places: Identities, found: dict[str, Rule]) -> None:
    """Put the identities of the message into `found`."""
    for key, place in places.items():
        value = message.get(key)
        if value is None:
            continue
        if isinstance(place, dict):
            if type(value) is dict:
                _look_up(value, place, found)
        elif type(value) is str:
            if value:
                found[value.removeprefix(_DEVICE)] = place
        elif type(value) is int:
            found[str(value)] = place


def canonical(value: float) -> str:
    """A JSON number as decimal text: `12345` and `12345.0` are one id."""
    whole = int(value) if value == value and abs(value) != float("inf") else value  # noqa: PLR0124
    return str(whole) if whole == value else repr(value)


def _first(rules: Hits, kind: str) -> Rule:
    return next(rule for rule in rules if kind in rule.kinds)


def _is_whole(text: str, keeper: Rule, place: Place, key: Key) -> bool:
    found = place.scanner.find(text, key.context)
    return any(span[:2] == (0, len(text)) and span[2] in keeper.kinds for span in found)


def shape(value: Any) -> tuple[str, int]:
    """The JSON type of a value, and its length."""
    if isinstance(value, str):
        return "string", len(value)
    if isinstance(value, dict):
        return "object", len(value)
    if isinstance(value, list):
        return "array", len(value)
    if value is None or isinstance(value, bool):
        return ("null" if value is None else "boolean"), 0
    return "number", sum(map(str.isdecimal, canonical(value)))
