"""`gateway test` tries cases against schemas, policy and routes; the server decides as it does."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, TextIO

from gateway.cli.cases import junit
from gateway.cli.cases.judge import KEY, Difference, Judge, cut
from gateway.cli.output import json_option, write_json
from gateway.config import Configuration, load
from gateway.config.cases import SUFFIX, Known, Placed, files_in, load_cases
from gateway.config.sentences import did_you_mean
from gateway.consumers import destinations_of
from gateway.destinations.registry import type_of
from gateway.errors import UsageError
from gateway.pipeline.rules import compile_rules
from gateway.pipeline.telemetry_switch import switch_variables
from gateway.privacy import Pseudonymizer

EXAMPLE = "gateway test config/tests -k email"

_OWN_RULES = (
    *("client_ip", "contract", "default", "fields", "new_fields"),
    *("wire:id", "wire:placeholder", "wire:time"),
)
"""Of changes that no rule of privacy.yaml makes."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        type=FilePath,
        help=f"a file, or a folder of *{SUFFIX} files (default: `tests` beside gateway.yaml)",
    )
    parser.add_argument("-k", metavar="TEXT", help="only cases with this text in file or name")
    parser.add_argument("--junit", metavar="FILE", type=FilePath, help="write JUnit XML, too")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises UsageError or ConfigurationError."""
    configuration = load(given.config, environment)
    pseudonymizer = Pseudonymizer(KEY, configuration.policy.pseudonyms.form)
    rules = compile_rules(configuration, {}, pseudonymizer)
    files = _files(given.path, given.config)
    cases = _chosen(load_cases(files, _known(configuration, rules.catalogue.plans)), given.k)
    settings = configuration.routing.destinations
    destinations = [
        (destination, type_of(settings[destination.name]))
        for destination in destinations_of(configuration, pseudonymizer.mark)
    ]
    judge = Judge(configuration, rules, destinations, pseudonymizer)
    results = [(placed, judge.differences(placed.case)) for placed in cases]
    if given.junit:
        junit.write(given.junit, results)
    if given.json:
        write_json(_as_json(results), out)
    else:
        print("\n".join(_lines(results)), file=out)
    return int(any(differences for _, differences in results))


def _files(path: FilePath | None, config: FilePath) -> Sequence[FilePath]:
    place = path or config.parent / "tests"
    if not place.exists():
        more = "" if path else "; `gateway init` writes a first one"
        raise UsageError(f"{place} is not there{more}")
    if not (files := files_in(place)):
        raise UsageError(f"{place} holds no *{SUFFIX} file")
    return files


def _chosen(cases: list[Placed], text: str | None) -> list[Placed]:
    if text is None:
        chosen = cases
    else:
        wanted = text.lower()
        chosen = [one for one in cases if wanted in f"{one.file}: {one.case.name}".lower()]
    if not chosen:
        near = did_you_mean(text or "", [one.case.name for one in cases])
        raise UsageError(f"no case has `{text}` in its file or name{near}" if text else "no cases")
    return chosen


def _known(configuration: Configuration, schemas: Mapping[str, object]) -> Known:
    rules = {rule.id for rule in configuration.policy.rules}
    return Known(
        sources=[source.name for source in configuration.gateway.sources],
        schemas=[*schemas],
        rules={*rules, *_OWN_RULES, *(f"schema:{name}" for name in schemas)},
        destinations=[*configuration.routing.destinations],
        variables=switch_variables(),
    )


def _as_json(results: Sequence[tuple[Placed, Sequence[Difference]]]) -> dict[str, Any]:
    return {
        "cases": len(results),
        "failed": sum(bool(differences) for _, differences in results),
        "results": [
            {
                "name": placed.case.name,
                "file": placed.file,
                "line": placed.line,
                "passed": not differences,
                "differences": [one.as_json() for one in cut(differences)],
            }
            for placed, differences in results
        ],
    }


def _lines(results: Sequence[tuple[Placed, Sequence[Difference]]]) -> Iterator[str]:
    failed = 0
    for placed, differences in results:
        if not differences:
            continue
        failed += 1
        yield f"{placed.file}:{placed.line}: {placed.case.name}"
        for one in cut(differences):
            yield f"  {one.where}"
            yield f"    expected  {one.expected}"
            yield f"    found     {one.found}"
    cases = f"{len(results)} case{'s' * (len(results) != 1)}"
    yield f"{cases}, {failed} failed" if failed else f"{cases}, all as expected"
