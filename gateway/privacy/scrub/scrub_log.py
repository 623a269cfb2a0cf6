"""What was done to an event: the changes, the pseudonyms, and what was kept on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from gateway.budget import Budget
from gateway.event import Change, CleanText
from gateway.privacy.log_safe_text import BY_GATEWAY, LogSafe
from gateway.privacy.placeholders import DEVICE, Placeholders
from gateway.privacy.policy.field_rules import Key
from gateway.privacy.policy.plan import Identities
from gateway.privacy.policy.rule_set import Claim
from gateway.privacy.policy.rules import Rule
from gateway.privacy.pseudonyms import Pseudonymizer
from gateway.privacy.scrub.likeness import is_unmistakable
from gateway.privacy.scrub.taken import HIDDEN, Taken
from gateway.privacy.scrub.truncate import network
from gateway.privacy.scrub.values import canonical, shape

MASK = "[masked]"

Spot = tuple[int, str | int]
"""A place in this very event: the id() of a container, and the key or index in it."""


class Gone:
    """Stands for a value that leaves the event."""


GONE = Gone()


class ScrubLog:
    """Carries out the actions of rules on the value at hand, and tells of each."""

    __slots__ = (
        "_keys",
        "_placeholders",
        "_pseudonymizer",
        "_safe",
        "_steps",
        "budget",
        "changes",
        "identities",
        "kept",
        "known",
        "path",
        "spot",
        "taken",
        "tokens",
        "veil",
    )

    def __init__(
        self,
        keys: Mapping[str, Key],
        pseudonymizer: Pseudonymizer,
        budget: Budget,
        placeholders: Placeholders,
        safe: LogSafe = BY_GATEWAY,
    ) -> None:
        self.budget = budget
        self._placeholders = placeholders
        self._safe = safe
        self._keys = keys
        self._pseudonymizer = pseudonymizer
        self._steps: dict[str | int, str] = {}
        self.path: list[str | int] = []  # where the value at hand is
        self.spot: Spot = (0, 0)
        self.changes: list[Change] = []
        self.tokens: dict[str, CleanText] = {}  # value → pseudonym
        self.identities: dict[str, Rule] = {}  # whole values that a rule pseudonymised
        self.known: dict[str, Rule] = {}  # and those that the walk has yet to reach
        self.kept: set[Spot] = set()
        self.taken = Taken()
        self.veil: int | None = None  # how deep a container is that a rule drops, keys and all

    def expect(self, message: Any, places: Identities) -> None:
        """Learn the identities of the message before the walk reaches them."""
        for key, place in places.items():
            value = message.get(key)
            if value is None:
                continue
            if isinstance(place, dict):
                if type(value) is dict:
                    self.expect(value, place)
            elif type(value) is str:
                own = value.removeprefix(DEVICE)
                if own not in self._placeholders and is_unmistakable(own, of_person=True):
                    self.known[own] = place
            elif type(value) is int or type(value) is float:
                own = canonical(value)
                if is_unmistakable(own, of_person=True):
                    self.known[own] = place

    def draw_veil(self) -> None:
        """A rule drops what is in the container at hand: keys in it are shown nowhere."""
        self.veil = len(self.path)
        self.taken.inside.add(tuple(self.path))

    def keep(self) -> None:
        """The value at hand stays on purpose."""
        self.kept.add(self.spot)

    def drop(self, value: Any, rule: Rule) -> Gone:
        self.taken.add(value)
        if isinstance(value, dict | list):
            self.taken.inside.add(tuple(self.path))
        self.change("drop", rule.id, *shape(value))
        return GONE

    def mask(self, value: Any, rule: Rule) -> str:
        self.taken.add(value)
        self.change("mask", rule.id, *shape(value))
        return MASK

    def pseudonymize(self, text: str, rule: Rule, kind: str) -> str | Gone:
        """The pseudonym of a whole value; what stands for nobody leaves."""
        if text not in self.known and text in self._placeholders:
            self.change("drop", rule.id, kind, len(text))
            return GONE
        prefix = DEVICE if text.startswith(DEVICE) else ""
        own = text[len(prefix) :]
        if self.tokens.get(own) == own:
            return text  # of an event that was clean once
        self.identities[own] = rule
        self.taken.add(own)
        self.change("pseudonymize", rule.id, kind, len(text))
        return prefix + self.token(own)

    def token(self, value: str) -> CleanText:
        token = self.tokens.get(value)
        if token is None:
            token = self.tokens[value] = self._pseudonymizer.pseudonym(value)
        return token

    def identity(self, piece: str) -> Rule | None:
        """The rule that pseudonymises this very text elsewhere in the event."""
        return self.identities.get(piece) or self.known.get(piece)

    def change(self, action: str, rule: str, kind: str, length: int) -> None:
        keys: Mapping[Any, Key] = self._keys
        path = self.path
        if self.veil is not None:
            hidden = (HIDDEN if isinstance(step, str) else step for step in path[self.veil :])
            path = [*path[: self.veil], *hidden]
        place = "".join(
            [
                known.step if (known := keys.get(step)) is not None else self._step(step)
                for step in path
            ]
        )
        self.budget.spend(len(place))
        self.changes.append(Change(CleanText(place), action, rule, kind, length))

    def _step(self, step: str | int) -> str:
        """Of a pointer. What is personal in a key is looked for once for all that lies below."""
        clean = self._steps.get(step)
        if clean is None:
            clean = self._steps[step] = self._safe.pointer((step,))
        return clean

    def shortened(self, text: str, new: str, rule: Rule) -> str:
        if new == text:
            return text
        self.taken.add(text.removeprefix(new))
        self.change(rule.action, rule.id, "string", len(text) - len(new))
        return new

    def pieces(self, text: str, found: Sequence[Claim]) -> Any:
        """The text with each piece as its rule says."""
        made: list[str] = []
        lengths: dict[tuple[Rule, str], int] = {}
        since = 0
        for start, end, kind, rule in found:
            piece = text[start:end]
            match rule.action:
                case "keep":
                    continue
                case "drop":
                    new = ""
                case "pseudonymize":
                    new = self.token(piece)
                case "truncate":
                    new = network(piece) or f"[{kind}]"
                case "generalize" | "partial":
                    short = rule.change(piece, "") if rule.change else None
                    new = f"[{kind}]" if short is None else str(short)
                case _:
                    new = f"[{kind}]"
                    plain = unquote(piece) if "%" in piece else piece
                    identity = self.identity(plain)
                    if identity is not None:
                        new, rule = self.token(plain), identity  # noqa: PLW2901 (it decides)
            if new == piece:
                continue
            made += (text[since:start], new)
            since = end
            self.taken.add(piece)
            lengths[rule, kind] = lengths.get((rule, kind), 0) + end - start
        for (rule, kind), length in lengths.items():
            self.change(rule.action, rule.id, kind, length)
        if found and found[0][:2] == (0, len(text)):
            if found[0][3].action in ("keep", "truncate", "generalize", "partial"):
                self.keep()
            elif found[0][3].action == "drop":
                return GONE
        return "".join((*made, text[since:])) if made else text
