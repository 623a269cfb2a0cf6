"""What came of a case against what it expects; a difference shows nothing but the case's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from gateway.cli.explain import ExplainError, delivery, read_sample
from gateway.config import Configuration
from gateway.config.cases import REJECTED, SENT, Case, Check, Checks, Expectation
from gateway.destinations import Destination, DestinationType
from gateway.event import Decision
from gateway.ingest import Refusal
from gateway.ingest.client_info import Sender
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.telemetry_switch import Switches, switches
from gateway.privacy import Pseudonymizer

RECEIVED_AT: Final = 1_767_225_600.0
"""When every event of a case comes in: 2026-01-01, so that messages are the same every time."""
KEY: Final = b"the pseudonyms of test cases are the same everywhere"
_LONGEST = 300
_MOST = 20
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected."""

    where: str
    expected: str
    found: str

    def as_json(self) -> dict[str, str]:
        return {"where": self.where, "expected": self.expected, "found": self.found}


@dataclass(frozen=True, slots=True)
class Judge:
    """What all cases of one run have in common."""

    configuration: Configuration
    rules: Rules
    destinations: Sequence[tuple[Destination, DestinationType[Any]]]
    pseudonymizer: Pseudonymizer
    _switches: dict[tuple[tuple[str, str], ...], Switches] = field(default_factory=dict)

    def differences(self, case: Case) -> list[Difference]:
        """Empty where all is as expected."""
        sender = Sender(
            address=case.address,
            origin=case.origin,
            is_page=case.origin is not None,
            opted_out=case.opted_out,
            user_agent=case.user_agent,
        )
        try:
            body = orjson.dumps(case.event)
            intake = read_sample(body, self.configuration, case.source, sender, RECEIVED_AT)
        except (ExplainError, TypeError) as error:
            return [Difference("event", "an event that can be read", str(error))]
        rules = replace(self.rules, switches=self._switched(case.environment))
        fates: list[Refusal | Decision] = list(intake.refusals)
        fates += [decide(raw, rules) for raw in intake.events]
        if len(fates) != len(case.expect):
            return [Difference("events", str(len(case.expect)), str(len(fates)))]
        found: list[Difference] = []
        for number, (expected, fate) in enumerate(zip(case.expect, fates, strict=True)):
            prefix = f"event {number + 1}: " if len(fates) > 1 else ""
            compared = self._compared(expected, fate)
            found += [replace(one, where=prefix + one.where) for one in compared]
        return found

    def _switched(self, environment: Mapping[str, str]) -> Switches:
        key = tuple(sorted(environment.items()))
        if key not in self._switches:
            telemetry = self.configuration.gateway.telemetry
            self._switches[key] = switches(telemetry, environment)
        return self._switches[key]

    def _compared(self, expected: Expectation, fate: Refusal | Decision) -> Iterator[Difference]:
        decision = fate if isinstance(fate, Decision) else None
        event = decision.event if decision else None
        words = {
            "outcome": (expected.outcome, "rejected" if event is None else "accepted"),
            "reason": (expected.reason, str(fate.reason or "none")),
            "schema": (expected.schema_, (decision and decision.schema) or "none"),
            "class": (expected.telemetry_class, (decision and decision.telemetry_class) or "none"),
        }
        for where, (wanted, found) in words.items():
            if wanted is not None and wanted != found:
                yield Difference(where, wanted, found)
        if expected.violations is not None:
            yield from _violations(expected.violations, decision)
        yield from _changes(expected, decision)
        message = event.message if event else _ABSENT
        if expected.message is not None:
            yield from _whole(expected.message, message, "message")
        yield from _fields(expected.fields, message, "")
        for name in {**expected.destinations, **expected.requests}:
            yield from self._delivered(name, expected, decision)

    def _delivered(
        self, name: str, expected: Expectation, decision: Decision | None
    ) -> Iterator[Difference]:
        requests: Any = _ABSENT
        fate = REJECTED
        if decision is not None and decision.event is not None:
            destination, kind = next(one for one in self.destinations if one[0].name == name)
            found = delivery(
                destination, kind, decision.event.stored(0), self.pseudonymizer, self.rules
            )
            fate = str(found.get("filtered", SENT))
            requests = found.get("requests", _ABSENT)
        wanted = expected.destinations.get(name, fate)
        if wanted != fate:
            yield Difference(f"to {name}", wanted, fate)
        yield from _fields(expected.requests.get(name, {}), requests, f"to {name}: ")


def _violations(
    expected: Mapping[str, tuple[str, ...]], decision: Decision | None
) -> Iterator[Difference]:
    found: dict[str, list[str]] = {}
    for violation in decision.violations if decision else ():
        found.setdefault(violation.pointer, []).append(violation.type)
    for place in sorted({*expected, *found}):
        wanted, types = sorted(expected.get(place, ())), sorted(found.get(place, []))
        if wanted != types:
            yield Difference(f"violations of {place or 'the event'}", _names(wanted), _names(types))


def _changes(expected: Expectation, decision: Decision | None) -> Iterator[Difference]:
    found: dict[str, set[str]] = {}
    for change in decision.changes if decision else ():
        found.setdefault(change.pointer, set()).add(change.rule)
    places = {*expected.changes, *(found if expected.no_other_changes else ())}
    for place in sorted(places):
        wanted, rules = set(expected.changes.get(place, ())), found.get(place, set())
        if wanted != rules:
            yield Difference(f"rules that change {place}", _names(wanted), _names(rules))


def _names(words: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(words)) or "none"


def _fields(checks: Checks, holder: Any, prefix: str) -> Iterator[Difference]:
    for pointer, check in checks.items():
        value = at(holder, pointer)
        if not _passes(check, value):
            yield Difference(prefix + (pointer or "/"), _wanted(check), shown(value))


def _passes(check: Check, value: Any) -> bool:
    if check.absent:
        return value is _ABSENT
    if check.matches is not None:
        return isinstance(value, str) and re.fullmatch(check.matches, value) is not None
    return same(check.equals, value)


def _wanted(check: Check) -> str:
    if check.absent:
        return "nothing"
    return f"a text like {check.matches}" if check.matches is not None else shown(check.equals)


def _whole(wanted: Any, found: Any, pointer: str) -> Iterator[Difference]:
    """Where two values differ, as deep inside as can be said."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in {**wanted, **found}:
            inner = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield from _whole(wanted.get(key, _ABSENT), found.get(key, _ABSENT), inner)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _whole(one, other, f"{pointer}/{index}")
    elif not same(wanted, found):
        yield Difference(pointer, shown(wanted), shown(found))


def at(holder: Any, pointer: str) -> Any:
    """What stands at a JSON Pointer."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(holder, dict):
            holder = holder.get(name, _ABSENT)
        elif isinstance(holder, list) and name.isdecimal() and int(name) < len(holder):
            holder = holder[int(name)]
        else:
            return _ABSENT
    return holder


def same(one: Any, other: Any) -> bool:
    """As JSON has it: `true` is no number."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other and isinstance(one, bool) == isinstance(other, bool))


def shown(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def cut(found: Sequence[Difference]) -> Sequence[Difference]:
    """The first ones, and how many more there are."""
    more = len(found) - _MOST
    if more <= 0:
        return found
    return [*found[:_MOST], Difference(f"{more} more", "as expected", "not as expected")]
