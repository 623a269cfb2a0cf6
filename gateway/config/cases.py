"""*.test.yaml, typed: events, and what must come of each under the configuration beside them.

Nothing in these files is filled in from the environment, so that a case means the same everywhere.
Every mistake is found before a case runs, each with its file and line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from gateway.config import typed
from gateway.config.sentences import did_you_mean
from gateway.config.source import Document
from gateway.config.source import load as load_yaml
from gateway.config.values import Many, Settings
from gateway.errors import ConfigurationError, Mistake
from gateway.event import JsonPath, Reason

SUFFIX = ".test.yaml"
SENT = "sent"
REJECTED = "rejected"


class Check(Settings):
    """What must stand at a pointer. A value by itself stands for `equals`."""

    equals: Any = None
    """This value."""
    matches: str | None = None
    """A text that this regular expression matches as a whole."""
    absent: bool = False
    """Nothing: the field has left the event."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1 or ("absent" in self.model_fields_set) != self.absent:
            raise ValueError("write one of `equals: …`, `matches: …` and `absent: true`")
        return self

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error.msg}") from None
        return value


def check(value: Any) -> Any:
    return value if isinstance(value, dict | Check) else {"equals": value}


Checks = dict[str, Annotated[Check, BeforeValidator(check)]]
"""By JSON Pointer."""


class Expectation(Settings):
    """What must come of one event. What is not named may be as it likes."""

    outcome: Literal["accepted", "rejected"] | None = None
    """Whether the gateway takes it."""
    reason: str | None = None
    """Why it is rejected or quarantined; `none`: there is no reason."""
    schema_: str | None = Field(default=None, alias="schema")
    """The schema that covers it; `none`: no schema does."""
    telemetry_class: Literal["essential", "billing", "optional"] | None = Field(
        default=None, alias="class"
    )
    """The class of the event."""
    violations: dict[str, Many[str]] | None = None
    """All of its violations: their types by JSON Pointer. `{}`: it breaks nothing."""
    message: dict[str, Any] | None = None
    """The whole message after the policy."""
    fields: Checks = Field(default={})
    """What stands at a JSON Pointer of the message after the policy."""
    changes: dict[str, Many[str]] = Field(default={})
    """The rules that changed what stood at a JSON Pointer. `[]`: none did."""
    no_other_changes: bool = False
    """`changes` names all that was changed."""
    destinations: dict[str, str] = Field(default={})
    """By name: `sent`, or the reason why the destination does not get it; `rejected`: none does."""
    requests: dict[str, Checks] = Field(default={})
    """By destination, what stands at a JSON Pointer of its requests, as `gateway explain --json`
    shows them: `/0/url`, `/0/body/…`."""


class Case(Settings):
    """An event, and what must come of it."""

    name: str
    """What is shown of it; no two of a file have the same."""
    event: dict[str, Any] | list[Any]
    """A message or batch of Segment's, what Mixpanel's SDKs write, or what an extension takes."""
    source: str | None = None
    """The source it comes from; without it, the first."""
    address: str | None = None
    """The address of the client."""
    origin: str | None = None
    """The origin of the page that sends it."""
    user_agent: str | None = None
    """What its browser calls itself."""
    opted_out: bool = False
    """Whether the request says `Sec-GPC: 1`."""
    environment: dict[str, str] = Field(default={})
    """Variables of the environment that decide over telemetry, such as DO_NOT_TRACK."""
    expect: Many[Expectation]
    """What must come of it; of a batch a list, in the order of `gateway explain`."""

    @field_validator("expect")
    @classmethod
    def _something(cls, value: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
        if not value or not all(one.model_fields_set for one in value):
            raise ValueError("it expects nothing, so it can never fail; say what must come of it")
        return value


class CaseFile(Settings):
    """A file of `config/tests/`."""

    cases: tuple[Case, ...]
    """What is tried, one after the other."""


@dataclass(frozen=True, slots=True)
class Known:
    """The names that a case may use."""

    sources: Collection[str]
    schemas: Collection[str]
    rules: Collection[str]
    destinations: Collection[str]
    variables: Collection[str]
    """Of the environment."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A case, and where it stands."""

    case: Case
    file: str
    line: int


def files_in(path: FilePath) -> Sequence[FilePath]:
    """The files of cases at `path`, in order of their names."""
    return sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]


def load_cases(files: Sequence[FilePath], known: Known) -> list[Placed]:
    """The cases of all files. Raises ConfigurationError with every mistake in them."""
    mistakes: list[Mistake] = []
    placed: list[Placed] = []
    for file in files:
        try:
            document = load_yaml(file, None)
        except ConfigurationError as error:
            mistakes += error.mistakes
            continue
        if found := typed(CaseFile, document, mistakes):
            mistakes += _mistakes(found, document, known)
            placed += [
                Placed(case, document.file, document.line(("cases", i)))
                for i, case in enumerate(found.cases)
            ]
    if mistakes:
        raise ConfigurationError(mistakes)
    return placed


def _mistakes(given: CaseFile, document: Document, known: Known) -> Iterator[Mistake]:
    names: dict[str, int] = {}
    for i, case in enumerate(given.cases):
        place: JsonPath = ("cases", i)
        if (first := names.setdefault(case.name, i)) != i:
            line = document.line(("cases", first, "name"))
            what = f"line {line} has a case of this name; give it another"
            yield document.mistake((*place, "name"), what)
        if case.source is not None and case.source not in known.sources:
            yield _unknown(document, (*place, "source"), case.source, "a source", known.sources)
        for name in case.environment:
            if name not in known.variables:
                what = "a variable that decides over telemetry"
                yield _unknown(document, (*place, "environment", name), name, what, known.variables)
        several = isinstance(document.value["cases"][i]["expect"], list)
        for j, one in enumerate(case.expect):
            below: JsonPath = (*place, "expect", j) if several else (*place, "expect")
            yield from _of_expectation(one, document, below, known)


def _of_expectation(
    one: Expectation, document: Document, place: JsonPath, known: Known
) -> Iterator[Mistake]:
    reasons = {str(reason) for reason in Reason}
    if one.reason is not None and one.reason not in reasons | {"none"}:
        yield _unknown(document, (*place, "reason"), one.reason, "a reason", reasons)
    if one.schema_ is not None and one.schema_ not in {*known.schemas, "none"}:
        yield _unknown(document, (*place, "schema"), one.schema_, "a schema", known.schemas)
    for pointer, rules in one.changes.items():
        for rule in rules:
            if rule not in known.rules:
                path = (*place, "changes", pointer)
                yield _unknown(document, path, rule, "a rule of this policy", known.rules)
    for name, fate in one.destinations.items():
        path = (*place, "destinations", name)
        if name not in known.destinations:
            yield _unknown(document, path, name, "a destination", known.destinations)
        if fate not in (fates := {*reasons, SENT, REJECTED}):
            yield _unknown(document, path, fate, f"`{SENT}` or a reason", fates)
    for name in one.requests:
        if name not in known.destinations:
            path = (*place, "requests", name)
            yield _unknown(document, path, name, "a destination", known.destinations)
    for setting, named in _pointers(one).items():
        for pointer in named:
            if pointer and not pointer.startswith("/"):
                what = f"`{pointer}` is no JSON Pointer; write `/{pointer.replace('.', '/')}`"
                yield document.mistake((*place, *setting, pointer), what)


def _pointers(one: Expectation) -> Mapping[tuple[str, ...], Collection[str]]:
    return {
        ("violations",): one.violations or {},
        ("fields",): one.fields,
        ("changes",): one.changes,
        **{("requests", name): checks for name, checks in one.requests.items()},
    }


def _unknown(
    document: Document, path: JsonPath, word: str, what: str, known: Collection[str]
) -> Mistake:
    return document.mistake(path, f"`{word}` is not {what}{did_you_mean(word, known)}")
