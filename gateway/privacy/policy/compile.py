"""A policy that says something impossible, pointless or more than it seems to does not start.

Every mistake is found, not only the first, and each is reported with its line.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.config.privacy import Action, Policy, RuleMatch
from gateway.config.privacy import PolicyRule as Written
from gateway.config.sentences import did_you_mean
from gateway.config.source import Document
from gateway.errors import ConfigurationError, Mistake
from gateway.privacy.detectors import KINDS, PERSONAL
from gateway.privacy.policy.path_automaton import LARGEST, PathEntry, TooManyPaths
from gateway.privacy.policy.plan import Planner
from gateway.privacy.policy.rules import FINAL, Rule
from gateway.privacy.policy.selectors import (
    Pattern,
    check_key_glob,
    glob_covers,
    parse_pattern,
    pattern_covers,
)

_TRUNCATES = frozenset({"ipv4", "ipv6"})


def compile_planner(
    policy: Policy, document: Document, annotations: Mapping[str, Sequence[tuple[str, Action]]]
) -> Planner:
    """What finds the plan of each event.

    `annotations` gives, for a schema's name, the pointers that it marks with `x-privacy` and the
    action of each. Raises ConfigurationError with every mistake of the policy and of the schemas.
    """
    mistakes = list(_mistakes(policy, document))
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
        return Planner(policy, kept, annotated)
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


def _mistakes(policy: Policy, document: Document) -> Iterator[Mistake]:
    sound: list[Written] = []
    for i, rule in enumerate(policy.rules):
        found = [*_in_selectors(i, rule.match, document), *_in_action(i, rule, document)]
        yield from found
        if not found:
            earlier = _shadowing(sound, rule)
            if earlier is not None:
                yield document.mistake(
                    ("rules", i, "id"),
                    f"rule `{rule.id}` can never match: `{earlier.id}` before it takes all that it "
                    "would; move it up or remove it",
                )
            sound.append(rule)


def _in_selectors(i: int, match: RuleMatch, document: Document) -> Iterator[Mistake]:
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
        if kind not in KINDS:
            yield document.mistake(
                ("rules", i, "match", "kind", j),
                f"`{kind}` is not a detector{did_you_mean(kind, KINDS)}",
            )


def _in_action(i: int, rule: Written, document: Document) -> Iterator[Mistake]:
    match = rule.match
    if not (match.path or match.key or match.kind or match.parameter) and not rule.reason:
        yield document.mistake(
            ("rules", i, "match"),
            f"rule `{rule.id}` selects every value; say which by path, key or kind, "
            "or explain it with `reason`",
        )
    if match.parameter and (match.path or match.key or match.kind):
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


def _shadowing(earlier: Sequence[Written], later: Written) -> Written | None:
    """The last of the rules that together decide over all that `later` selects, if they do."""
    match = later.match
    last: Written | None = None
    for piece in itertools.product(
        *(
            selectors or (None,)
            for selectors in (match.path, match.key, match.kind, match.parameter, match.event)
        )
    ):
        taker = next((rule for rule in earlier if _takes(rule, match, piece)), None)
        if taker is None:
            return None
        last = taker
    return last


def _takes(rule: Written, later: RuleMatch, piece: Sequence[str | None]) -> bool:
    """Whether `rule` decides over one combination of selectors. Never true by mistake."""
    match = rule.match
    path, key, kind, parameter, event = piece
    if rule.action not in FINAL or bool(match.parameter) != (parameter is not None):
        return False
    return (
        _one_covers(match.event, event, glob_covers)
        and _one_covers(match.path, path, _path_covers)
        and _one_covers(match.key, key, _key_covers)
        and _one_covers(match.parameter, parameter, _key_covers)
        and _one_covers(match.kind, kind, str.__eq__)
        and (not match.source or (bool(later.source) and set(later.source) <= set(match.source)))
        and (not match.type or (bool(later.type) and set(later.type) <= set(match.type)))
    )


def _one_covers(
    wide: Sequence[str], narrow: str | None, covers: Callable[[str, str], bool]
) -> bool:
    return not wide or (narrow is not None and any(covers(one, narrow) for one in wide))


def _path_covers(wide: str, narrow: str) -> bool:
    return pattern_covers(parse_pattern(wide), parse_pattern(narrow))


def _key_covers(wide: str, narrow: str) -> bool:
    return glob_covers(wide.casefold(), narrow.casefold())
