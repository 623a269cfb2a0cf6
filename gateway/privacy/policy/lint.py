"""What in a policy hardly means what its author meant: names nobody knows, rules without use.

A gateway starts with such a policy; `check` names each, and fails where one is surely wrong.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from gateway.config.privacy import Policy, PolicyRule
from gateway.config.source import Document
from gateway.errors import Mistake
from gateway.event import JsonPath
from gateway.globs import compile_globs
from gateway.privacy.policy.selectors import Pattern, is_glob, parse_pattern, pattern_covers
from gateway.privacy.vocabulary import said_below_person, said_by
from gateway.protocols import NAMED_TYPES
from gateway.protocols.known_names import CONTEXT, EVENTS, ROOTS, WORDS

_SURELY = 0.85
_MAYBE = 0.6
_SHORTEST_TO_COMPARE = 5


@dataclass(frozen=True, slots=True)
class Known:
    """What the schemas know."""

    events: frozenset[str] = frozenset()
    globs: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    """Members of their events, at any depth."""


@dataclass(slots=True)
class Findings:
    """What was found."""

    wrong: list[Mistake] = field(default_factory=list)
    """Surely not meant."""
    notes: list[Mistake] = field(default_factory=list)
    """Perhaps not meant."""


def lint(policy: Policy, document: Document, known: Known) -> Findings:
    """Look at a policy that compiles."""
    found = Findings()
    reader = _Reader(document, known, found)
    found.notes += _empty(policy, document)
    kept = [parse_pattern(text) for text in policy.keep]
    for i, text in enumerate(policy.keep):
        reader.path(text, ("keep", i))
    for i, rule in enumerate(policy.rules):
        place: JsonPath = ("rules", i, "match")
        for j, text in enumerate(rule.match.path):
            reader.path(text, (*place, "path", j))
        if rule.match.where is not None:
            reader.path(rule.match.where.path, (*place, "where", "path"))
        for j, name in enumerate(rule.match.event):
            reader.event(name, (*place, "event", j))
        found.wrong += _never(rule, place, document)
        if kept and rule.match.path and not rule.match.kind and _all_kept(rule, kept):
            found.notes.append(
                document.mistake(
                    place, f"rule `{rule.id}` takes nothing: `keep` names all that it selects"
                )
            )
    return found


def exempted(policy: Policy, pointer: str) -> list[str]:
    """The rules from which a pointer under `keep` is exempt."""
    kept = parse_pattern(pointer)
    return [
        rule.id
        for rule in policy.rules
        if rule.action != "keep" and not rule.match.parameter and _reaches(rule, kept)
    ]


def _reaches(rule: PolicyRule, kept: Pattern) -> bool:
    """Whether a rule may hold at a place or inside it."""
    paths = [parse_pattern(text) for text in rule.match.path]
    if paths and not any(pattern_covers(p, kept) or pattern_covers(kept, p) for p in paths):
        return False
    last = kept.steps[-1]
    if not isinstance(last, str):
        return True
    if rule.match.meaning:
        said = said_by(last), said_below_person(last)
        if {*(s.value for s in said), said[0].text}.isdisjoint(rule.match.meaning):
            return False
    if not rule.match.key:
        return True
    globs = compile_globs(key.casefold() for key in rule.match.key)
    return globs is not None and globs.fullmatch(last.casefold()) is not None


def _empty(policy: Policy, document: Document) -> Iterator[Mistake]:
    if policy.rules:
        return
    if policy.default == "drop":
        what = "only ids, names and what a message cannot be without leave"
    else:
        what = "every value leaves as it came, but for the client's address"
    yield document.mistake(("rules",), f"the policy has no rules: {what}")
    if policy.keep:
        yield document.mistake(
            ("keep",), "`keep` names exceptions to rules, and there are no rules"
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Compares the names in a policy with those that are known."""

    document: Document
    known: Known
    found: Findings

    def path(self, text: str, place: JsonPath) -> None:
        words = self.known.words | WORDS | ROOTS | CONTEXT
        above = ""
        for depth, step in enumerate(parse_pattern(text).steps):
            if not isinstance(step, str) or step.isdecimal():
                above = ""
                continue
            what = f"`{text}`: no schema and no protocol knows `{step}`"
            if depth == 0 and step not in ROOTS | self.known.words:
                self._unknown(what, step, ROOTS, place)
            elif depth == 1 and above == "context" and step not in CONTEXT | self.known.words:
                self._unknown(what, step, CONTEXT, place)
            elif step not in words and len(step) >= _SHORTEST_TO_COMPARE:
                near = _nearest(step, words, _SURELY)  # a name of their own is nothing odd here
                if near is not None:
                    self.found.notes.append(self.document.mistake(place, what + _meant(near)))
            above = step

    def event(self, name: str, place: JsonPath) -> None:
        names = self.known.events | EVENTS
        if is_glob(name):
            pattern = compile_globs((name,))
            if pattern and not any(map(pattern.fullmatch, names)) and name not in self.known.globs:
                what = f"`{name}` matches no event that a schema or a protocol names"
                self.found.notes.append(self.document.mistake(place, what))
            return
        globs = compile_globs(self.known.globs)
        if name not in names and not (globs is not None and globs.fullmatch(name)):
            what = f"no schema and no protocol knows the event `{name}`"
            self._unknown(what, name, names, place)

    def _unknown(self, what: str, word: str, known: AbstractSet[str], place: JsonPath) -> None:
        near = _nearest(word, known, _MAYBE)
        is_sure = near is not None and _ratio(word, near) >= _SURELY
        mistakes = self.found.wrong if is_sure else self.found.notes
        mistakes.append(self.document.mistake(place, what + _meant(near)))


def _never(rule: PolicyRule, place: JsonPath, document: Document) -> Iterator[Mistake]:
    match = rule.match
    if match.event and match.type and NAMED_TYPES.isdisjoint(match.type):
        yield document.mistake(
            (*place, "event"),
            f"rule `{rule.id}` can never match: messages of type {', '.join(match.type)} have no"
            " names; leave `event` out",
        )
    if match.path and match.key:
        globs = compile_globs(key.casefold() for key in match.key)
        lasts = [parse_pattern(text).steps[-1] for text in match.path]
        if globs is not None and not any(
            not isinstance(last, str) or globs.fullmatch(last.casefold()) for last in lasts
        ):
            yield document.mistake(
                (*place, "key"),
                f"rule `{rule.id}` can never match: no path of it ends in a key that `key` names;"
                " write `/*` or `/**/*` behind the path to reach the keys inside",
            )


def _all_kept(rule: PolicyRule, kept: Iterable[Pattern]) -> bool:
    kept = list(kept)
    return all(
        any(pattern_covers(wide, parse_pattern(text)) for wide in kept) for text in rule.match.path
    )


def _nearest(word: str, known: AbstractSet[str], cutoff: float) -> str | None:
    folded = {name.casefold(): name for name in sorted(known)}
    near = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else None


def _ratio(word: str, near: str) -> float:
    return difflib.SequenceMatcher(None, word.casefold(), near.casefold()).ratio()


def _meant(near: str | None) -> str:
    return "" if near is None else f" (did you mean `{near}`?)"
