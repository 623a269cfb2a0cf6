"""`gateway policy diff NEW` counts what another privacy.yaml would let out or keep in."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final, TextIO

from gateway.cli.output import json_option, moment, since_option, write_json
from gateway.cli.policy import events
from gateway.cli.policy.compare import Comparison, Effect, Row
from gateway.cli.policy.strictness import doubts, for_single_destinations
from gateway.config import Configuration, load, with_policy
from gateway.errors import UsageError
from gateway.pipeline.rules import compile_rules, pseudonymizer_for_a_look
from gateway.pipeline.telemetry_switch import CLASSES, Switches
from gateway.privacy import compile_policy

EXAMPLE = "gateway policy diff new-privacy.yaml --events samples.jsonl"

_TITLES: Final[Mapping[Effect, str]] = {
    "leaves": "would leave, and stays here today",
    "looser": "more of it would leave",
    "stays": "would stay here, and leaves today",
    "tighter": "less of it would leave",
    "renamed": "the same by another rule",
}
_BLIND = (
    "These events are clean: what today's policy took out of them is gone, so what the new one"
    " would let out of it cannot be seen here. Compare over raw events with --events for that."
)
_SHOWN = 40


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=["diff"], help="compare the policy in force with another")
    parser.add_argument("new", metavar="NEW", type=FilePath, help="the other privacy.yaml")
    over = parser.add_mutually_exclusive_group()
    over.add_argument(
        "--events", metavar="FILE", type=FilePath,
        help="raw events, as SDKs send them: one JSON value, or one a line",
    )  # fmt: skip
    over.add_argument("--waiting", action="store_true", help="over the events that wait to be sent")
    since_option(parser)
    parser.add_argument("--until", metavar="WHEN", help="before then; as --since")
    parser.add_argument("--source", metavar="NAME", help="the source of --events")
    parser.add_argument(
        "--fail-on", choices=["looser", "any", "never"], default="looser",
        help="exit with 1 where anything more would leave, or anything be different"
        " (default: looser)",
    )  # fmt: skip
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises UsageError, ConfigurationError or GatewayError."""
    if given.source and not given.events:
        raise UsageError("--source goes with --events; kept events have theirs")
    if (given.since or given.until) and (given.events or given.waiting):
        raise UsageError("--since and --until choose among archived events alone")
    today = load(given.config, environment)
    other = with_policy(today, given.new, environment)
    comparison = Comparison()
    for judged in _judged(given, today, other, environment):
        if judged is None:
            comparison.unread += 1
        else:
            comparison.add(*judged)
    policies = today.policy, other.policy
    unjudged = for_single_destinations(*policies) + ([] if given.events else doubts(*policies))
    unjudged = list(dict.fromkeys(unjudged))
    if given.json:
        write_json(_as_json(comparison, unjudged, exact=bool(given.events)), out)
    else:
        print("\n".join(_report(comparison, unjudged, exact=bool(given.events))), file=out)
    match given.fail_on:
        case "looser":
            return int(comparison.is_looser or bool(unjudged))
        case "any":
            return int(comparison.is_different or bool(unjudged))
        case _:
            return 0


def _judged(
    given: argparse.Namespace,
    today: Configuration,
    other: Configuration,
    environment: Mapping[str, str],
) -> Iterable[events.Judged | None]:
    # One key for both, so that pseudonyms are no difference; and every class is taken.
    pseudonymizer = pseudonymizer_for_a_look(today)
    everything = Switches(dict.fromkeys(CLASSES, True), respect_opt_out=False)
    old = replace(compile_rules(today, {}, pseudonymizer), switches=everything)
    annotations = old.catalogue.annotations()
    policy = compile_policy(other.policy, other.policy_document, annotations, pseudonymizer)
    new = replace(old, policy=policy)
    if given.events:
        return events.raw(given.events, today, given.source, old, new)
    if given.waiting:
        return events.waiting(today, today.keyring(environment), old, new)
    since, until = moment(given.since, "--since"), moment(given.until, "--until")
    folder = _archive(today)
    form = today.policy.pseudonyms.form
    return events.archived(folder, old, new, form=form, since=since, until=until)


def _archive(configuration: Configuration) -> FilePath:
    """The folder of the first destination of type `file`."""
    for settings in configuration.routing.destinations.values():
        if settings.folder is not None:
            return configuration.gateway.data_dir / settings.folder
    raise UsageError("no destination keeps files; name raw events with --events, or use --waiting")


def _as_json(comparison: Comparison, unjudged: list[str], *, exact: bool) -> dict[str, Any]:
    return {
        "events": comparison.events,
        "unread": comparison.unread,
        "differing": comparison.differing,
        "exact": exact,
        "not_judged": unjudged,
        "looser": comparison.is_looser,
        "fields": [{**row._asdict(), "count": count} for row, count in _sorted(comparison)],
        "more": comparison.more,
    }


def _sorted(comparison: Comparison) -> list[tuple[Row, int]]:
    order = {effect: place for place, effect in enumerate(_TITLES)}
    return sorted(comparison.rows.items(), key=lambda one: (order[one[0].effect], -one[1], one[0]))


def _report(comparison: Comparison, unjudged: list[str], *, exact: bool) -> Iterator[str]:
    yield f"{comparison.events} events, {comparison.differing} would be different"
    if comparison.unread:
        yield f"{comparison.unread} could not be read, or are refused for their form"
    found = _sorted(comparison)
    for effect, title in _TITLES.items():
        rows = [(row, count) for row, count in found if row.effect == effect]
        if not rows:
            continue
        yield f"\n{title}"
        for row, count in rows[:_SHOWN]:
            yield f"{count:>9}  {row.event}  {row.pointer}  {row.before} → {row.after}"
        if len(rows) > _SHOWN:
            yield f"           … and {len(rows) - _SHOWN} more (--json has all)"
    if comparison.more:
        yield f"\n{comparison.more} further differences were counted, and not apart"
    if not exact:
        yield f"\n{_BLIND}"
    if unjudged:
        yield f"Not judged: {', '.join(unjudged)}."
