"""A text is read for all that it holds: fields, forms, JSON, what is encoded, then its plain words.

Each piece meets the rules of the name that it stands under. A text in which nothing changed comes
back as the same text; no exception of this module holds a value.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

from gateway.privacy import text_fields
from gateway.privacy.decoding import DEEPEST, SHORTEST_BLOB, blobs, may_hold_blob
from gateway.privacy.deobfuscate import undisguised
from gateway.privacy.detectors import is_benign
from gateway.privacy.errors import TooDeepError
from gateway.privacy.nested_text import (
    json_container,
    json_pieces,
    may_have_structure,
    rewrite_pairs,
)
from gateway.privacy.policy.field_rules import Key
from gateway.privacy.policy.path_automaton import PathState
from gateway.privacy.policy.plan import LONGEST_TEXT, PrivacyPlan
from gateway.privacy.policy.rule_set import Claim, RuleSet, Window
from gateway.privacy.policy.rules import Hits, Rule
from gateway.privacy.scrub.scrub_log import MASK, ScrubLog
from gateway.privacy.scrub.truncate import shortened, without_query
from gateway.privacy.scrub.values import shape
from gateway.privacy.text_fields import rewrite_fields

_may_nest = re.compile(r"[{\[%\\&+]|=[0-9A-Fa-f]{2}|[^\x00-\x7f]|[0-9A-Za-z/_-]{16}").search
"""Finds what a container, encoded or not, may stand in, and in it an identity of one event."""
_DEEPEST_PARAMETER = 16
"""Of parameters in the values of parameters; what is deeper is masked whole."""

HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of the empty text, which stands for nobody: products send it for an unknown domain."""


class TextScrubber(ABC):
    """The part of one scrub that reads texts; containers in a text go the way of all containers."""

    __slots__ = ("_depth", "_is_decided", "_kept_inside", "_parameters", "_plan", "ledger")

    def __init__(self, plan: PrivacyPlan, ledger: ScrubLog) -> None:
        self._plan = plan
        self._depth = 0
        self._parameters = 0
        self._is_decided = False  # one rule decided over all of the text that was read last
        self._kept_inside: list[str] | None = None  # values in the text at hand that a rule keeps
        self.ledger = ledger

    @abstractmethod
    def _container(self, node: Any, state: PathState, hits: Hits, key: Key) -> Any: ...

    def _string(self, text: str, place: RuleSet, key: Key, since: int = 0) -> Any:
        """A text where rules over the whole value hold, from the stage `since` on."""
        if not text:
            return text if place.drop is None else self.ledger.drop(text, place.drop)
        for rule, window in place.stages[since:] if since else place.stages:
            if place.keepers:
                decider = self._decider(text, place, key)
                if decider is not None and decider.order < rule.order:
                    if decider.action == "drop":
                        return self.ledger.drop(text, decider)
                    self._keep(text)
                    return text
            if window is not None:
                text = self._within(window, text, place, key)
                if self._is_decided or not isinstance(text, str):
                    return text
            match rule.action:
                case "drop":
                    return self.ledger.drop(text, rule)
                case "mask":
                    return text if text == MASK else self.ledger.mask(text, rule)
                case "pseudonymize":
                    if text == HASH_OF_NOTHING or self._plan.is_mask(text):
                        return text
                    return self.ledger.pseudonymize(text, rule, "string")
                case "keep":
                    if window is None or not window.every_kind:
                        self._keep(text)
                    return text
                case "strip_query":
                    text = self.ledger.shortened(text, without_query(text), rule)
                case "truncate" | "partial" if self._stands_for_another(text):
                    continue
                case "truncate":
                    short, is_address = shortened(text)
                    text = self.ledger.shortened(text, short, rule)
                    if is_address:
                        return text
                case _:
                    changed = self._changed(text, rule, key)
                    if not isinstance(changed, str) or not changed:
                        return changed
                    text = changed
        if place.rest is not None:
            return self._within(place.rest, text, place, key)
        if place.reads_shapes or self._plan.look(text):
            return self._text(text, place, key)
        return text

    def _stands_for_another(self, text: str) -> bool:
        """Whether it is the pseudonym or the mask of an event that was clean once."""
        return self.ledger.tokens.get(text) == text or self._plan.is_mask(text)

    def _keep(self, text: str) -> None:
        self.ledger.keep()
        if self._kept_inside is None:
            self._kept_inside = []
        self._kept_inside.append(text)

    def _enter(self) -> list[str] | None:
        above = self._kept_inside
        self._kept_inside = None
        return above

    def _leave(self, above: list[str] | None) -> None:
        """What is kept in a text is in the text around it, too."""
        kept = self._kept_inside
        if above is not None:
            self._kept_inside = above
            if kept is not None:
                above += kept

    def _decider(self, text: str, place: RuleSet, key: Key) -> Rule | None:
        """The rule that keeps or drops a text because all of it is of one kind."""
        self.ledger.budget.spend(len(text))
        claims = place.claims(text, key.context)
        is_whole = bool(claims) and claims[0][:2] == (0, len(text))
        return claims[0][3] if is_whole and claims[0][3] in place.keepers else None

    def _within(self, window: Window, text: str, place: RuleSet, key: Key) -> Any:
        """What the rules of a window, and no other, leave of a text."""
        self._is_decided = False
        outer = self._plan
        plan = outer.within(window)
        here = plan.place(window.inside(place.hits))
        if not (here.reads_shapes or plan.look(text)):
            return text
        self._plan = plan
        try:
            return self._text(text, here, key)
        finally:
            self._plan = outer

    def _changed(self, value: Any, rule: Rule, key: Key) -> Any:
        """What `generalize` or `partial` leaves of a text or number; what has no such form goes."""
        new = rule.change(value, key.name) if rule.change else None
        if new is None:
            return self.ledger.drop(value, rule)
        if new != value:
            self.ledger.taken.add(value)
            self.ledger.change(rule.action, rule.id, *shape(value))
        return new

    def _open_text(self, text: str, key: Key) -> Any:
        """A text under no rule of its own; where nothing was found once, nothing is again."""
        plan = self._plan
        if key.context:
            return self._text(text, plan.open, key)
        if text in plan.read:
            return text
        new = self._text(text, plan.open, key)
        if (
            len(text) <= LONGEST_TEXT
            and _may_nest(text) is None
            and new == text
            and self.ledger.spot not in self.ledger.kept
        ):
            plan.read.add(text)
        return new

    def _text(self, text: str, place: RuleSet, key: Key) -> Any:
        """A text that stays, as far as no detector finds anything in it."""
        may_be_json = text[:1] in "{[ \t\r\n"
        may_have_pairs = "=" in text or '"' in text or "{" in text
        may_have_fields = text_fields.may_have_fields(text) is not None
        self.ledger.budget.spend(
            len(text) * (self._plan.readings + may_be_json + may_have_pairs + may_have_fields)
        )
        above = self._enter()
        if may_be_json:
            embedded = self._embedded(text, place, key)
            if embedded is not None:
                self._is_decided = False
                self._leave(above)
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
        kept = self._kept_inside
        if kept is not None:
            self.ledger.budget.spend(len(text) * len(kept))
            found = _outside(text, kept, found)
        self._leave(above)
        self._is_decided = bool(found) and found[0][:2] == (0, len(text))
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
            self._container(container, self._plan.inside(key), place.hits, key)
        except TooDeepError:
            self._depth = depth
            del self.ledger.path[steps:]
            del self.ledger.changes[before:]
            self.ledger.taken.add(container)
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
            self.ledger.taken.add(value)
            self.ledger.change("mask", "limits", "string", len(value))
            return MASK
        self._parameters += 1
        new = self._string(value, self._plan.place(hits), key)
        self._parameters -= 1
        return new if isinstance(new, str) else MASK


def _outside(text: str, kept: Sequence[str], found: list[Claim]) -> list[Claim]:
    """The claims that lie in no value that a rule on its name keeps."""
    spans = [
        (at, at + len(form))
        for value in dict.fromkeys(kept)
        for form in {value, quote(value, safe=""), quote_plus(value)}
        for at in _places(text, form)
    ]
    spans.sort()
    starts = [start for start, _ in spans]
    ends = list(accumulate((end for _, end in spans), max))

    def is_inside(claim: Claim) -> bool:
        before = bisect_right(starts, claim[0])
        return before > 0 and claim[1] <= ends[before - 1]

    return [claim for claim in found if not is_inside(claim)]


def _places(text: str, piece: str) -> Iterator[int]:
    at = text.find(piece) if piece else -1
    while at >= 0:
        yield at
        at = text.find(piece, at + len(piece))
