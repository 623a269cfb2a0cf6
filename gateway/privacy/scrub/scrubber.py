"""One event is walked once: every key, value and text in it meets the rules that hold there.

The message is changed in place. Whatever is not foreseen raises, and the caller drops the event:
half a scrub is none. No exception of this module holds a value.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from gateway.event import Message
from gateway.privacy.detectors import SHORT
from gateway.privacy.errors import ScrubError, TooDeepError
from gateway.privacy.policy.field_rules import FieldRules, Key, element, inherit, without_text_rules
from gateway.privacy.policy.path_automaton import PathState
from gateway.privacy.policy.plan import LONGEST_TEXT
from gateway.privacy.policy.rule_set import RuleSet
from gateway.privacy.policy.rules import Hits, Rule
from gateway.privacy.scrub.scrub_log import GONE, MASK
from gateway.privacy.scrub.text_scrubber import TextScrubber
from gateway.privacy.scrub.values import canonical, rename

_DEEPEST = 256
_NAMES = ("name", "key", "field", "label", "id")
"""Where an object that names its value says the name."""


class Scrubber(TextScrubber):
    """The state of one scrub, and its way through containers."""

    __slots__ = ()

    def scrub(self, message: Message) -> None:
        """Scrub the event by the rules of its plan."""
        self._plan.forget()
        self.ledger.expect(message, self._plan.identities)
        self._object(message, self._plan.root, ())

    # Containers. The first branch of each loop is the way of almost every value.

    def _object(self, node: Message, state: PathState, inherited: Hits) -> None:
        self._descend()
        plan, members, path = self._plan, state.members, self.ledger.path
        gone: list[str] = []
        renamed: list[str] = []
        look, glance, boring, smallest = plan.look, plan.glance, plan.boring, plan.smallest_number
        new: Any
        for name, value in node.items():
            member = members.get(name) or plan.member(state, name)
            if member.plain and not inherited:
                kind = type(value)
                if kind is str:
                    if value in self.ledger.known:
                        path.append(name)
                        new = self._whole_identity(value, member)
                    elif value in boring:
                        continue
                    elif glance(value) if len(value) < SHORT and value.isascii() else look(value):
                        path.append(name)
                        self.ledger.spot = (id(node), name)
                        new = self._open_text(value, member.key)
                    else:
                        if len(value) <= LONGEST_TEXT:
                            boring.add(value)
                        continue
                elif kind is int or kind is float:
                    if -smallest < value < smallest and not member.key.telling:
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
            self._finish(node, renamed, inherited)
        self._depth -= 1

    def _finish(self, node: Message, renamed: Sequence[str], hits: Hits) -> None:
        if "value" in node:
            self._value_of_pair(node, hits)
        if renamed:
            self._rename(node, renamed, hits)

    def _value_of_pair(self, node: Message, hits: Hits) -> None:
        """`{"name": "password", "value": …}` is a password."""
        name = next((node[word] for word in _NAMES if type(node.get(word)) is str), None)
        if name is None:
            return
        key = self._plan.key(name)
        named = self._plan.place(hits).not_decided(key.hits)
        if not (named or key.telling or key.person):
            return
        self.ledger.path.append("value")
        self.ledger.spot = (id(node), "value")
        new = self._value(node["value"], self._plan.inside(key), named, key)
        self.ledger.path.pop()
        if new is GONE:
            del node["value"]
        else:
            node["value"] = new

    def _pairs(self, node: list[Any], hits: Hits) -> None:
        """`[["password", …]]`, as headers and forms are often written."""
        for index, pair in enumerate(node):
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
                return
            key = self._plan.key(pair[0])
            named = self._plan.place(hits).not_decided(key.hits)
            if not (named or key.telling or key.person):
                continue
            self.ledger.path += (index, 1)
            self.ledger.spot = (id(pair), 1)
            new = self._value(pair[1], self._plan.inside(key), named, key)
            del self.ledger.path[-2:]
            pair[1] = MASK if new is GONE else new

    def _list(self, node: list[Any], state: PathState, hits: Hits, key: Key) -> None:
        self._descend()
        if node and type(node[0]) is list:
            self._pairs(node, hits)
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
        place = self._plan.place(hits) if hits else None
        if place is not None and place.drops_empty and not node:
            return self.ledger.drop(node, place.steps[-1])
        drop = place.drop if place is not None else None
        if drop is not None and drop.order <= min(state.earliest, self._plan.earliest_key):
            return self.ledger.drop(node, drop)
        was_empty = not node
        veil = self.ledger.veil
        if place is not None and veil is None and place.drops:
            self.ledger.draw_veil()
        if isinstance(node, dict):
            hits = without_text_rules(hits) if hits else hits
            self._object(node, state, hits)
        elif isinstance(node, list):
            self._list(node, state, hits, key)
        else:
            raise ScrubError("a value of no JSON type")
        self.ledger.veil = veil
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

    def _rename(self, node: Message, odd: Sequence[str], hits: Hits) -> None:
        """Give clean names to the keys that are personal themselves; the order stays."""
        names = {name: self._name(name, hits) for name in odd if name in node}
        names = {name: new for name, new in names.items() if new != name}
        if not names:
            return
        for name, new in rename(node, names).items():
            if (id(node), name) in self.ledger.kept:
                self.ledger.kept.add((id(node), new))

    def _name(self, name: str, hits: Hits) -> str:
        """A key is inside of what is around it, so what is kept before a detector stays."""
        self.ledger.budget.spend(len(name))
        place = self._plan.place(hits)
        claims = place.claims(name, 0)
        decided = place.decided_at
        claims = [claim for claim in claims if claim[3].order < decided]
        self.ledger.path.append(name)
        self.ledger.spot = (0, 0)
        new = self.ledger.pieces(name, claims)
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
            hits = without_text_rules(hits) if hits else hits
            smallest = self._plan.smallest_number
            if not (hits or key.telling) and -smallest < value < smallest:
                return value
            return self._number(value, self._plan.place(hits), key)
        return self._container(value, below, hits, key)

    def _constant(self, value: bool | None, hits: Hits) -> Any:
        """Null says nothing. True and false name nobody: only a rule on their path takes them."""
        steps = self._plan.place(hits).steps
        if not steps or steps[-1].by_key:
            return value
        if steps[-1].action == "drop" or (
            value is not None and steps[-1].action in ("generalize", "partial")
        ):
            return self.ledger.drop(value, steps[-1])
        if steps[-1].action == "mask" and value is not None:
            return self.ledger.mask(value, steps[-1])
        return value

    def _number(self, value: float, place: RuleSet, key: Key) -> Any:
        if not place.steps:
            return self._number_of_kind(value, place.claim_of_number(value, key.context))
        return self._number_in_order(value, place, key)

    def _number_in_order(self, value: float, place: RuleSet, key: Key) -> Any:
        """A number is found whole: the first rule that takes it decides, and `drop` over it."""
        claim = place.claim_of_number(value, key.context) if place.rules else None
        for behind, (rule, window) in enumerate(place.stages, 1):
            if (
                claim is not None
                and (claim[1].order < rule.order or (window is not None and window.every_kind))
                and (claim[1].action in ("keep", "drop") or not place.is_taken)
            ):
                return self._number_of_kind(value, claim)
            match rule.action:
                case "drop":
                    return self.ledger.drop(value, rule)
                case "mask":
                    return self.ledger.mask(value, rule)
                case "pseudonymize":
                    return self.ledger.pseudonymize(canonical(value), rule, "number")
                case "keep":
                    if window is None or not window.every_kind:
                        self.ledger.keep()
                    return value
                case "generalize" | "partial":
                    changed = self._changed(value, rule, key)
                    if isinstance(changed, str):
                        return self._string(changed, place, key, behind)
                    if changed is GONE:
                        return changed
                    value = changed
        return self._number_of_kind(value, claim)

    def _number_of_kind(self, value: float, claim: tuple[str, Rule] | None) -> Any:
        if claim is None:
            return value
        text = canonical(value)
        new = self.ledger.pieces(text, [(0, len(text), *claim)])
        return value if new == text else new

    def _whole_identity(self, value: str, member: FieldRules) -> Any:
        if member.below.structural:
            return value
        return self.ledger.pseudonymize(value, self.ledger.known[value], "string")
