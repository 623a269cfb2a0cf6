"""One event is walked once: every key, value and text in it meets the rules that hold there.

The message is changed in place. Whatever is not foreseen raises, and the caller drops the event:
half a scrub is none. No exception of this module holds a value.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import orjson

from gateway.event import Message
from gateway.privacy import text_fields
from gateway.privacy.decoding import DEEPEST, SHORTEST_BLOB, blobs, may_hold_blob
from gateway.privacy.deobfuscate import undisguised
from gateway.privacy.detectors import SHORT, is_benign
from gateway.privacy.errors import ScrubError, TooDeepError
from gateway.privacy.nested_text import (
    json_container,
    json_pieces,
    may_have_structure,
    rewrite_pairs,
)
from gateway.privacy.policy.field_rules import FieldRules, Key, element, inherit
from gateway.privacy.policy.path_automaton import PathState
from gateway.privacy.policy.plan import PrivacyPlan
from gateway.privacy.policy.rule_set import RuleSet
from gateway.privacy.policy.rules import Hits, Rule
from gateway.privacy.scrub.scrub_log import GONE, MASK, ScrubLog
from gateway.privacy.scrub.truncate import shortened, without_query
from gateway.privacy.scrub.values import canonical, rename
from gateway.privacy.text_fields import rewrite_fields

_DEEPEST = 256
_DEEPEST_PARAMETER = 16
"""Of parameters in the values of parameters; what is deeper is masked whole."""
_SHORTEST_CARD = 10**12
_NAMES = ("name", "key", "field", "label", "id")
"""Where an object that names its value says the name."""

HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of the empty text, which stands for nobody: products send it for an unknown domain."""


class Scrubber:
    """The state of one scrub."""

    __slots__ = ("_depth", "_parameters", "_plan", "ledger")

    def __init__(self, plan: PrivacyPlan, ledger: ScrubLog) -> None:
        self._plan = plan
        self._depth = 0
        self._parameters = 0
        self.ledger = ledger

    def scrub(self, message: Message) -> None:
        """Scrub the event by the rules of its plan."""
        self.ledger.expect(message, self._plan.identities)
        self._object(message, self._plan.root, ())

    # Containers. The first branch of each loop is the way of almost every value.

    def _object(self, node: Message, state: PathState, inherited: Hits) -> None:
        self._descend()
        plan = self._plan
        members = state.members
        identities = self.ledger.known
        path = self.ledger.path
        gone: list[str] = []
        renamed: list[str] = []
        look, glance = plan.look, plan.glance
        new: Any
        for name, value in node.items():
            member = members.get(name) or plan.member(state, name)
            if member.plain and not inherited:
                kind = type(value)
                if kind is str:
                    if value in identities:
                        path.append(name)
                        new = self._whole_identity(value, member)
                    elif glance(value) if len(value) < SHORT and value.isascii() else look(value):
                        path.append(name)
                        self.ledger.spot = (id(node), name)
                        new = self._text(value, plan.open, member.key)
                    else:
                        continue
                elif kind is int or kind is float:
                    if -_SHORTEST_CARD < value < _SHORTEST_CARD and not member.key.telling:
                        continue
                    path.append(name)
                    self.ledger.spot = (id(node), name)
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
                self.ledger.spot = (id(node), name)
                hits = inherit(inherited, member) if inherited else member.hits
                new = self._value(value, member.below, hits, member.key)
            path.pop()
            if new is GONE:
                gone.append(name)
            elif new is not value:
                node[name] = new
        for name in gone:
            del node[name]
        if renamed or "value" in node:
            self._finish(node, renamed)
        self._depth -= 1

    def _finish(self, node: Message, renamed: Sequence[str]) -> None:
        if "value" in node:
            self._value_of_pair(node)
        if renamed:
            self._rename(node, renamed)

    def _value_of_pair(self, node: Message) -> None:
        """`{"name": "password", "value": …}` is a password."""
        name = next((node[word] for word in _NAMES if type(node.get(word)) is str), None)
        if name is None:
            return
        key = self._plan.key(name)
        if not (key.hits or key.telling):
            return
        self.ledger.path.append("value")
        self.ledger.spot = (id(node), "value")
        new = self._value(node["value"], self._plan.nowhere, key.hits, key)
        self.ledger.path.pop()
        if new is GONE:
            del node["value"]
        else:
            node["value"] = new

    def _pairs(self, node: list[Any]) -> None:
        """`[["password", …]]`, as headers and forms are often written."""
        for index, pair in enumerate(node):
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
                return
            key = self._plan.key(pair[0])
            if not (key.hits or key.telling):
                continue
            self.ledger.path += (index, 1)
            self.ledger.spot = (id(pair), 1)
            new = self._value(pair[1], self._plan.nowhere, key.hits, key)
            del self.ledger.path[-2:]
            pair[1] = MASK if new is GONE else new

    def _list(self, node: list[Any], state: PathState, hits: Hits, key: Key) -> None:
        self._descend()
        if node and type(node[0]) is list:
            self._pairs(node)
        path = self.ledger.path
        gone: list[int] = []
        is_plain = not (hits or state.indexed) and state.other.plain
        for index, value in enumerate(node):
            if (
                is_plain
                and type(value) is str
                and value not in self.ledger.known
                and not self._plan.look(value)
            ):
                continue
            path.append(index)
            self.ledger.spot = (id(node), index)
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

    def _container(self, node: Any, state: PathState, hits: Hits, key: Key) -> Any:
        drop = self._plan.place(hits).drop if hits else None
        if drop is not None and (
            not node or drop.order <= min(state.earliest, self._plan.earliest_key)
        ):
            return self.ledger.drop(node, drop)
        was_empty = not node
        if isinstance(node, dict):
            self._object(node, state, hits)
        elif isinstance(node, list):
            self._list(node, state, hits, key)
        else:
            raise ScrubError("a value of no JSON type")
        if hits and not node and not was_empty:
            return GONE  # the change of each value in it is recorded already
        return node

    def _remove(self, node: list[Any], gone: Sequence[int]) -> None:
        left = set(gone)
        node[:] = [value for index, value in enumerate(node) if index not in left]
        kept, here = self.ledger.kept, id(node)
        moved = [i for i in range(len(node) + len(gone)) if (here, i) in kept] if kept else []
        kept.difference_update((here, i) for i in moved)
        kept.update((here, i - bisect_left(gone, i)) for i in moved if i not in left)

    def _rename(self, node: Message, odd: Sequence[str]) -> None:
        """Give clean names to the keys that are personal themselves; the order stays."""
        names = {name: self._name(name) for name in odd if name in node}
        names = {name: new for name, new in names.items() if new != name}
        if not names:
            return
        for name, new in rename(node, names).items():
            if (id(node), name) in self.ledger.kept:
                self.ledger.kept.add((id(node), new))

    def _name(self, name: str) -> str:
        self.ledger.budget.spend(len(name))
        self.ledger.path.append(name)
        self.ledger.spot = (0, 0)
        new = self.ledger.pieces(name, self._plan.open.claims(name, 0))
        self.ledger.path.pop()
        return new if isinstance(new, str) and new else MASK

    # Values.

    def _value(self, value: Any, below: PathState, hits: Hits, key: Key) -> Any:
        if below.keep or (below.address and self.ledger.spot in self.ledger.kept):
            self.ledger.keep()
            return value
        kind = type(value)
        if kind is str:
            if hits:
                return self._string(value, self._plan.place(hits), key)
            if value in self.ledger.known and not below.structural:
                return self.ledger.pseudonymize(value, self.ledger.known[value], "string")
            if self._plan.look(value):
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
            return self.ledger.drop(value, steps[-1])
        if steps[-1].action == "mask" and value is not None:
            return self.ledger.mask(value, steps[-1])
        return value

    def _number(self, value: float, place: RuleSet, key: Key) -> Any:
        for rule in place.steps:
            match rule.action:
                case "drop":
                    return self.ledger.drop(value, rule)
                case "mask":
                    return self.ledger.mask(value, rule)
                case "pseudonymize":
                    return self.ledger.pseudonymize(canonical(value), rule, "number")
                case "keep":
                    self.ledger.keep()
                    return value
        kind = place.scanner.number(value, key.context)
        if kind is None:
            return value
        text = canonical(value)
        new = self.ledger.pieces(text, [(0, len(text), kind, _first(place.rules, kind))])
        return value if new == text else new

    def _string(self, text: str, place: RuleSet, key: Key) -> Any:
        """A text where rules over the whole value hold."""
        if not text:
            return text if place.drop is None else self.ledger.drop(text, place.drop)
        for rule in place.steps:
            for keeper in place.keepers:
                self.ledger.budget.spend(len(text))
                if keeper.order < rule.order and _is_whole(text, keeper, place, key):
                    self.ledger.keep()
                    return text
            match rule.action:
                case "drop":
                    return self.ledger.drop(text, rule)
                case "mask":
                    return text if text == MASK else self.ledger.mask(text, rule)
                case "pseudonymize":
                    if text == HASH_OF_NOTHING:
                        return text
                    return self.ledger.pseudonymize(text, rule, "string")
                case "keep":
                    self.ledger.keep()
                    return text
                case "strip_query":
                    text = self.ledger.shortened(text, without_query(text), rule)
                case "truncate":
                    short, is_address = shortened(text)
                    text = self.ledger.shortened(text, short, rule)
                    if is_address:
                        return text
        if place.reads_shapes or self._plan.look(text):
            return self._text(text, place, key)
        return text

    def _text(self, text: str, place: RuleSet, key: Key) -> Any:
        """A text that stays, as far as no detector finds anything in it."""
        may_be_json = text[:1] in "{[ \t\r\n"
        may_have_pairs = "=" in text or '"' in text or "{" in text
        may_have_fields = text_fields.may_have_fields(text) is not None
        self.ledger.budget.spend(len(text) * (1 + may_be_json + may_have_pairs + may_have_fields))
        if may_be_json:
            embedded = self._embedded(text, place, key)
            if embedded is not None:
                return embedded
        spot = self.ledger.spot
        if may_have_fields:
            text = rewrite_fields(text, self._field)
        if may_have_pairs:
            text = rewrite_pairs(text, self._parameter)
            if not may_be_json and ("{" in text or "[" in text):
                text = self._with_json(text, place, key)
        if len(text) >= SHORTEST_BLOB and self._parameters < DEEPEST and not is_benign(text):
            text = self._decoded(text, place, key)
        self.ledger.spot = spot
        found = place.claims(text, key.context)
        return self.ledger.pieces(text, found) if found else text

    def _with_json(self, text: str, place: RuleSet, key: Key) -> str:
        """JSON with other text around it, scrubbed as JSON."""
        pieces: list[str] = []
        since = 0
        for start, end, container in json_pieces(text):
            self.ledger.budget.spend(end - start)
            new = self._json(container, place, key)
            if new is not None:
                pieces += (text[since:start], new)
                since = end
        return "".join((*pieces, text[since:])) if pieces else text

    def _decoded(self, text: str, place: RuleSet, key: Key) -> str:
        """What is encoded, scrubbed as what it says; where that changes it, it goes whole."""
        if may_hold_blob(text):
            pieces: list[str] = []
            since = 0
            for start, end, plain in blobs(text):
                if self._changes(plain, place, key):
                    pieces += (text[since:start], MASK)
                    since = end
            if pieces:
                text = "".join((*pieces, text[since:]))
        plain, offsets = undisguised(text)
        if offsets is not None and may_have_structure(plain):
            before = len(self.ledger.changes)
            new = self._nested(plain, place, key)
            if len(self.ledger.changes) > before:
                return new
        return text

    def _changes(self, plain: str, place: RuleSet, key: Key) -> bool:
        before = len(self.ledger.changes)
        self._nested(plain, place, key)
        return len(self.ledger.changes) > before

    def _nested(self, text: str, place: RuleSet, key: Key) -> str:
        self._parameters += 1
        new = self._text(text, place, key)
        self._parameters -= 1
        return new if isinstance(new, str) else MASK

    def _embedded(self, text: str, place: RuleSet, key: Key) -> str | None:
        """A text that is JSON, scrubbed as JSON; None when nothing in it changed."""
        container = json_container(text)
        return None if container is None else self._json(container, place, key)

    def _json(self, container: Any, place: RuleSet, key: Key) -> str | None:
        """The text of a container from within a text; None when nothing in it changed."""
        spot, depth, steps, before = (
            self.ledger.spot,
            self._depth,
            len(self.ledger.path),
            len(self.ledger.changes),
        )
        try:
            self._container(container, self._plan.nowhere, place.hits, key)
        except TooDeepError:
            self._depth = depth
            del self.ledger.path[steps:]
            del self.ledger.changes[before:]
            self.ledger.change("mask", "limits", "string", 0)
            return MASK
        finally:
            self.ledger.spot = spot
        return None if len(self.ledger.changes) == before else orjson.dumps(container).decode()

    def _parameter(self, name: str, value: str) -> str | None:
        hits = self._plan.parameter(name)
        key = self._plan.key(name)
        if not value or not (hits or key.context or may_have_structure(value)):
            return None
        return self._named(value, hits, key)

    def _field(self, name: str, value: str) -> str | None:
        key = self._plan.key(name)
        if not (key.hits or key.telling):
            return None
        return self._named(value, key.hits, key)

    def _named(self, value: str, hits: Hits, key: Key) -> str | None:
        self.ledger.spot = (0, 0)
        if self._parameters == _DEEPEST_PARAMETER:
            self.ledger.change("mask", "limits", "string", len(value))
            return MASK
        self._parameters += 1
        new = self._string(value, self._plan.place(hits), key)
        self._parameters -= 1
        return new if isinstance(new, str) else MASK

    def _whole_identity(self, value: str, member: FieldRules) -> str:
        if member.below.structural:
            return value
        return self.ledger.pseudonymize(value, self.ledger.known[value], "string")


def _first(rules: Hits, kind: str) -> Rule:
    return next(rule for rule in rules if kind in rule.kinds)


def _is_whole(text: str, keeper: Rule, place: RuleSet, key: Key) -> bool:
    found = place.scanner.find(text, key.context)
    return any(span[:2] == (0, len(text)) and span[2] in keeper.kinds for span in found)
