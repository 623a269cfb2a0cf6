"""A rule of the file with its selectors compiled: it knows what it reaches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.config.privacy import PolicyRule as Written
from gateway.privacy.generalize import Shorten, generalization, partial
from gateway.privacy.policy.conditions import Conditions
from gateway.privacy.policy.path_automaton import PathEntry
from gateway.privacy.policy.rules import Rule
from gateway.privacy.policy.selectors import any_glob, is_glob, parse_pattern
from gateway.privacy.vocabulary import Said


def change_of(written: Written) -> Shorten | None:
    """What `generalize` and `partial` do; None where what they ask for does not exist."""
    if written.action == "generalize":
        return generalization(written.to) if written.to is not None else None
    if written.action == "partial":
        return partial(written.keep) if written.keep is not None else None
    return None


class Selection:
    """A rule of the file, its selectors compiled."""

    __slots__ = (
        "_keyed",
        "_keyed_text",
        "_matches_event",
        "_matches_key",
        "_matches_parameter",
        "_meanings",
        "_names",
        "_sources",
        "_takes_any_name",
        "_types",
        "_where",
        "has_key",
        "is_conditional",
        "is_text",
        "names_something",
        "paths",
        "rule",
    )

    def __init__(
        self,
        order: int,
        written: Written,
        conditions: Conditions | None = None,
        *,
        default: bool = False,
    ) -> None:
        match = written.match
        self.rule = Rule(
            order,
            written.id,
            written.action,
            frozenset(match.kind),
            default=default,
            change=change_of(written),
        )
        self._keyed = replace(self.rule, by_key=True)
        self._keyed_text = replace(self._keyed, text_only=True)
        self.paths = tuple(parse_pattern(text) for text in match.path)
        self._meanings = frozenset(match.meaning)
        self.has_key = bool(match.key or match.meaning)
        self.names_something = bool(self.has_key or match.parameter)
        self.is_text = bool(match.kind) and not (match.path or self.has_key)
        folded = [key.casefold() for key in match.key]
        self._names = frozenset(key for key in folded if not is_glob(key))
        self._matches_key = any_glob(key for key in folded if is_glob(key))
        self._takes_any_name = not match.key
        self._matches_parameter = any_glob(text.casefold() for text in match.parameter)
        self._matches_event = any_glob(match.event)
        self._sources = frozenset(match.source)
        self._types = frozenset(match.type)
        self._where = (
            conditions.place(match.where) if conditions is not None and match.where else None
        )
        self.is_conditional = bool(match.event or self._sources or self._types or match.where)
        if not (match.path or self.has_key or match.kind or match.parameter):
            self.paths = (parse_pattern("/*"),)  # everything

    def is_active(self, kind: str, name: str | None, source: str, answers: Sequence[bool]) -> bool:
        """Whether it holds for events of this sort; `answers` are those of the conditions."""
        return (
            (self._where is None or answers[self._where])
            and (not self._types or kind in self._types)
            and (not self._sources or source in self._sources)
            and (self._matches_event is None or (name is not None and self._matches_event(name)))
        )

    def by_key(self, folded: str, said: Said) -> Rule | None:
        """The rule as it holds under this key: with `text_only` where the key names a person."""
        if not (
            self._takes_any_name
            or folded in self._names
            or (self._matches_key is not None and self._matches_key(folded))
        ):
            return None
        if not self._meanings or said.value in self._meanings:
            return self._keyed
        return self._keyed_text if said.text in self._meanings else None

    def by_parameter(self, folded: str) -> Rule | None:
        matches = self._matches_parameter is not None and self._matches_parameter(folded)
        return self.rule if matches else None

    def entries(self) -> Iterable[PathEntry]:
        for pattern in self.paths:
            yield PathEntry(pattern, self.rule, with_key=self.has_key)
