"""A policy that says something impossible, pointless or more than it seems to does not start.

Every mistake is found, not only the first, and each is reported with its line.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from gateway.config.privacy import Action, Policy, RuleMatch
from gateway.config.privacy import PolicyRule as Written
from gateway.config.sentences import did_you_mean
from gateway.config.source import Document
from gateway.errors import ConfigurationError, Mistake
from gateway.privacy.detectors import KINDS, PERSONAL, Detector
from gateway.privacy.detectors.own import own_detector, wrong_samples
from gateway.privacy.generalize import FORMS, KEEPS
from gateway.privacy.policy.conditions import MOST, keys_of
from gateway.privacy.policy.destinations import DestinationRules, destination_rules
from gateway.privacy.policy.path_automaton import LARGEST, PathEntry, TooManyPaths
from gateway.privacy.policy.plan import Planner
from gateway.privacy.policy.rules import FINAL, Rule
from gateway.privacy.policy.selection import change_of
from gateway.privacy.policy.selectors import (
    Pattern,
    check_key_glob,
    glob_covers,
    parse_pattern,
    pattern_covers,
)
from gateway.privacy.vocabulary import MEANINGS
from gateway.protocols import PROTOCOLS

TYPES = frozenset[str]().union(*({*spec.types} | spec.retired_types for spec in PROTOCOLS.values()))
"""What `type` may name."""
_TRUNCATES = frozenset({"ipv4", "ipv6"})


def compile_planners(
    policy: Policy, document: Document, annotations: Mapping[str, Sequence[tuple[str, Action]]]
) -> tuple[Planner, tuple[DestinationRules, ...]]:
    """What finds the plan of each event, and of each event for destinations with own rules.

    `annotations` gives, for a schema's name, the pointers that it marks with `x-privacy` and the
    action of each. Raises ConfigurationError with every mistake of the policy and of the schemas.
    """
    own: list[Detector] = []
    mistakes = list(_in_detectors(policy, document, own))
    mistakes += _mistakes(policy, document)
    kept = tuple(_keeps(policy, document, mistakes))
    annotated = {
        name: tuple(
            entry
            for order, annotation in enumerate(several, -len(several))
            for entry in _annotation(name, order, annotation, document, mistakes)
        )
        for name, several in annotations.items()
    }
    if mistakes:
        raise ConfigurationError(mistakes)
    try:
        common = policy.model_copy(update={"rules": policy.rules_for()})
        rules = destination_rules(policy, lambda narrowed: Planner(narrowed, kept, annotated, own))
        return Planner(common, kept, annotated, own), rules
    except TooManyPaths:
        raise ConfigurationError(
            [
                document.mistake(
                    ("rules",),
                    f"the paths with `**` multiply to more than {LARGEST} cases; use fewer of them",
                )
            ]
        ) from None


def _keeps(policy: Policy, document: Document, mistakes: list[Mistake]) -> Iterator[Pattern]:
    for i, text in enumerate(policy.keep):
        try:
            yield parse_pattern(text)
        except ValueError as error:
            mistakes.append(document.mistake(("keep", i), str(error)))


def _annotation(
    schema: str,
    order: int,
    annotation: tuple[str, Action],
    document: Document,
    mistakes: list[Mistake],
) -> Iterator[PathEntry]:
    pointer, action = annotation
    where = f"the schema `{schema}`, at {pointer or 'its root'}: "
    if action == "keep":
        mistakes.append(
            document.mistake(
                ("keep",),
                f"{where}a schema may only tighten; name what may leave under `keep` here",
            )
        )
        return
    try:
        pattern = parse_pattern(pointer)
    except ValueError as error:
        mistakes.append(document.mistake((), f"{where}{error}"))
        return
    yield PathEntry(pattern, Rule(order, f"schema:{schema}", action, frozenset(), schema=True))


def _in_detectors(policy: Policy, document: Document, own: list[Detector]) -> Iterator[Mistake]:
    """Fills `own` with the detectors of the policy that are as they should be."""
    for i, written in enumerate(policy.detectors):
        if written.id in KINDS or written.id == "masked":
            yield document.mistake(
                ("detectors", i, "id"), f"`{written.id}` is a word of the gateway; choose another"
            )
            continue
        try:
            detector = own_detector(written)
        except ValueError as error:
            yield document.mistake(("detectors", i, "pattern"), f"{error}")
            continue
        wrong = list(wrong_samples(written, detector))
        for setting, j, what in wrong:
            yield document.mistake(("detectors", i, setting, j), what)
        if not wrong:
            own.append(detector)


def _mistakes(policy: Policy, document: Document) -> Iterator[Mistake]:
    sound: list[Written] = []
    kinds = {*KINDS, *(detector.id for detector in policy.detectors)}
    conditions: set[str] = set()
    for i, rule in enumerate(policy.rules):
        found = [
            *_in_selectors(i, rule.match, document, kinds),
            *_in_where(i, rule.match, document, conditions),
            *_in_action(i, rule, document),
            *_in_form(i, rule, document),
        ]
        yield from found
        if not found:
            earlier = _shadowing(sound, rule, is_closed=policy.default == "drop")
            if earlier is not None:
                yield document.mistake(
                    ("rules", i, "id"),
                    f"rule `{rule.id}` can never match: `{earlier.id}` before it takes all that it "
                    "would; move it up or remove it",
                )
            sound.append(rule)


def _in_where(
    i: int, match: RuleMatch, document: Document, conditions: set[str]
) -> Iterator[Mistake]:
    if match.where is None:
        return
    place = ("rules", i, "match", "where")
    try:
        keys_of(match.where)
    except ValueError as error:
        yield document.mistake((*place, "path"), str(error))
    for j, glob in enumerate(match.where.matches):
        if glob.startswith(("^", ".*")) or glob.endswith("$") or "\\" in glob:
            yield document.mistake(
                (*place, "matches", j),
                f"`{glob}` looks like a regular expression; write a glob of the whole text, with"
                " `*` for any text",
            )
    if any(isinstance(value, bool) for value in match.where.one_of) and any(
        isinstance(value, str) for value in match.where.one_of
    ):
        yield document.mistake(
            (*place, "in"), 'YAML reads NO, ON and YES as true or false; write "NO" in quotes'
        )
    conditions.add(str(match.where))
    if len(conditions) == MOST + 1:
        yield document.mistake(
            place, f"a policy has at most {MOST} different conditions; use fewer of them"
        )


def _in_form(i: int, rule: Written, document: Document) -> Iterator[Mistake]:
    """What `generalize` and `partial` ask for."""
    for setting, action, given in (("to", "generalize", rule.to), ("keep", "partial", rule.keep)):
        if given is not None and rule.action != action:
            yield document.mistake(
                ("rules", i, setting), f"`{setting}` belongs to `{action}`, not to `{rule.action}`"
            )
    if rule.action == "generalize" and change_of(rule) is None:
        known = ", ".join(FORMS)
        near = did_you_mean(str(rule.to), FORMS[:6]) if rule.to is not None else ""
        wrong = "needs `to`" if rule.to is None else f"knows no `to: {rule.to}`{near}"
        yield document.mistake(
            ("rules", i, "action" if rule.to is None else "to"),
            f"`generalize` {wrong}; write one of {known}",
        )
    if rule.action == "partial" and change_of(rule) is None:
        yield document.mistake(
            ("rules", i, "action" if rule.keep is None else "keep"),
            f"`partial` needs `keep`: write {KEEPS}",
        )


def _in_selectors(
    i: int, match: RuleMatch, document: Document, kinds: AbstractSet[str]
) -> Iterator[Mistake]:
    for j, text in enumerate(match.path):
        try:
            parse_pattern(text)
        except ValueError as error:
            yield document.mistake(("rules", i, "match", "path", j), str(error))
    for name, globs in (("key", match.key), ("parameter", match.parameter)):
        for j, text in enumerate(globs):
            try:
                check_key_glob(text)
            except ValueError as error:
                yield document.mistake(("rules", i, "match", name, j), str(error))
    for j, text in enumerate(match.event):
        if not text:
            yield document.mistake(
                ("rules", i, "match", "event", j), "an empty glob matches no event; remove it"
            )
    for j, kind in enumerate(match.kind):
        if kind not in kinds:
            yield document.mistake(
                ("rules", i, "match", "kind", j),
                f"`{kind}` is not a detector{did_you_mean(kind, kinds)}",
            )
    for j, name in enumerate(match.type):
        if name not in TYPES:
            yield document.mistake(
                ("rules", i, "match", "type", j),
                f"`{name}` is not a type of message{did_you_mean(name, TYPES)}",
            )
    for j, meaning in enumerate(match.meaning):
        if meaning not in MEANINGS:
            yield document.mistake(
                ("rules", i, "match", "meaning", j),
                f"`{meaning}` is not a meaning of keys{did_you_mean(meaning, MEANINGS)}",
            )


def _in_action(i: int, rule: Written, document: Document) -> Iterator[Mistake]:
    match = rule.match
    names_keys = bool(match.key or match.meaning)
    if not (match.path or names_keys or match.kind or match.parameter) and not rule.reason:
        yield document.mistake(
            ("rules", i, "match"),
            f"rule `{rule.id}` selects every value; say which by path, key, meaning or kind, "
            "or explain it with `reason`",
        )
    if match.parameter and (match.path or names_keys or match.kind):
        yield document.mistake(
            ("rules", i, "match", "parameter"),
            "`parameter` stands alone: it names what is inside a URL, not a place in the event",
        )
    if rule.action in ("strip_query", "truncate") and match.parameter:
        yield document.mistake(
            ("rules", i, "action"), f"`{rule.action}` does nothing to a parameter; write `mask`"
        )
    if rule.action == "strip_query" and match.kind:
        yield document.mistake(
            ("rules", i, "match", "kind"),
            "`strip_query` cuts whole URLs; select them by path or key, without `kind`",
        )
    if rule.action == "truncate" and not _TRUNCATES.issuperset(match.kind):
        yield document.mistake(
            ("rules", i, "match", "kind"),
            "`truncate` shortens addresses (ipv4, ipv6); for other kinds write `mask`",
        )
    if rule.action == "keep" and not rule.reason and PERSONAL.keys() <= set(match.kind):
        yield document.mistake(
            ("rules", i, "match", "kind"),
            f"rule `{rule.id}` keeps everything personal; explain it with `reason`",
        )


def _shadowing(earlier: Sequence[Written], later: Written, *, is_closed: bool) -> Written | None:
    """The last of the rules that together decide over all that `later` selects, if they do."""
    match = later.match
    last: Written | None = None
    for piece in itertools.product(
        *(
            selectors or (None,)
            for selectors in (
                match.path,
                match.key,
                match.meaning,
                match.kind,
                match.parameter,
                match.event,
            )
        )
    ):
        # What an allow-list keeps is still read by detectors.
        taker = next(
            (
                rule
                for rule in earlier
                if _takes(rule, match, piece)
                and not (is_closed and rule.action == "keep" and match.kind and not rule.match.kind)
            ),
            None,
        )
        if taker is None:
            return None
        last = taker
    return last


def _takes(rule: Written, later: RuleMatch, piece: Sequence[str | None]) -> bool:
    """Whether `rule` decides over one combination of selectors. Never true by mistake."""
    match = rule.match
    path, key, meaning, kind, parameter, event = piece
    if match.where is not None and match.where != later.where:
        return False
    if rule.action not in FINAL or bool(match.parameter) != (parameter is not None):
        return False
    return (
        _one_covers(match.event, event, glob_covers)
        and _one_covers(match.path, path, _path_covers)
        and _one_covers(match.key, key, _key_covers)
        and _one_covers(match.meaning, meaning, str.__eq__)
        and _one_covers(match.parameter, parameter, _key_covers)
        and _one_covers(match.kind, kind, str.__eq__)
        and (not match.source or (bool(later.source) and set(later.source) <= set(match.source)))
        and (not match.type or (bool(later.type) and set(later.type) <= set(match.type)))
        and (
            not match.destination
            or (bool(later.destination) and set(later.destination) <= set(match.destination))
        )
    )


def _one_covers(
    wide: Sequence[str], narrow: str | None, covers: Callable[[str, str], bool]
) -> bool:
    return not wide or (narrow is not None and any(covers(one, narrow) for one in wide))


def _path_covers(wide: str, narrow: str) -> bool:
    return pattern_covers(parse_pattern(wide), parse_pattern(narrow))


def _key_covers(wide: str, narrow: str) -> bool:
    return glob_covers(wide.casefold(), narrow.casefold())
