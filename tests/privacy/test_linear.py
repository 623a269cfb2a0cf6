"""Looking for personal data takes time linear in the text: by every detector, in every place."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.budget import Budget
from gateway.config import load
from gateway.destinations import BodyFormat, Request
from gateway.destinations.egress_guard import EgressGuard
from gateway.event import RawEvent
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer, decoding, nested_text, text_fields
from gateway.privacy.deobfuscate import undisguised
from gateway.privacy.detectors import PERSONAL, PHONE, REGISTRY, Scanner, Span, suspicious
from gateway.privacy.detectors.declaration import Finder
from gateway.privacy.log_safe_text import scrubbed_text
from gateway.privacy.scrub.truncate import shortened, without_query
from tests.linear import FACTOR, growth, is_linear, kinds_of, repeated, texts
from tests.privacy.conftest import Compile, MakeEvent
from tests.privacy.test_hostile import PIECES

pytestmark = pytest.mark.slow

SIZE = 32 * 1024
HARD = (
    *PIECES,
    " @a.bc",
    '"@a.bc ',
    "//a:b@c.de ",
    "/1.1.1.1 ",
    "a={",
    "\\",
    '"a":\\',
    "a/1.1.1.1 ",
    "password: ",
    "a: b\n",
    "<a>b</a>",
    '{"a":[[',
    "YWJj",
    "616263",
    "&#64;",
    "\\u0040",
    "=40",
    'a "b" ',
    "--a b ",
)
FINDERS = tuple(dict.fromkeys(detector.find for detector in REGISTRY))
RUNS = [["\\"], ['"', "'"]]
READERS: dict[str, Callable[[str], object]] = {
    "undisguised": undisguised,
    "pairs": lambda text: nested_text.rewrite_pairs(text, lambda *_: None),
    "json": nested_text.json_container,
    "json in text": lambda text: list(nested_text.json_pieces(text)),
    "fields": lambda text: text_fields.rewrite_fields(text, lambda *_: None),
    "encoded": lambda text: list(decoding.blobs(text)),
    "may be encoded": decoding.may_hold_blob,
    "logs": scrubbed_text,
    "pre-check": suspicious,
    "shortened": shortened,
    "query": without_query,
    "guard": lambda text: EgressGuard(PERSONAL).leaks(
        Request("POST", "http://a.example", orjson.dumps(text.encode("utf-8", "replace").decode())),
        BodyFormat.JSON,
    ),
}


def test_the_measure_knows_a_square() -> None:
    def quadratic(text: str, _: int = 0) -> list[Span]:
        return [(0, text.count("a", at), "email") for at in range(0, len(text), 2)][:0]

    assert growth(quadratic, lambda size: repeated("ab", size), SIZE) > 2 * FACTOR
    assert not is_linear(quadratic, lambda size: repeated("ab", size), SIZE)


@pytest.mark.parametrize("find", FINDERS, ids=lambda find: find.__name__)
def test_every_detector_is_linear_in_what_it_looks_for(find: Finder) -> None:
    kinds = kinds_of(find)
    assert kinds, "a detector without patterns must bring texts of its own"
    for number, (name, make) in enumerate(texts(kinds, mixtures=100, seed=1)):
        context = PHONE if number % 3 == 2 else 0
        assert is_linear(partial(_found, find, context), make, SIZE), name


def test_what_stands_once_at_the_start_is_not_read_for_each_match() -> None:
    scanner = Scanner(PERSONAL)
    for head, tail in (("a", "a/1.1.1.1 "), ("a.", "b@c.de "), ("-", "1-1"), ("//", "a@b.cd ")):
        assert is_linear(scanner.find, partial(_one_before_the_other, head, tail), SIZE), head


def _one_before_the_other(head: str, tail: str, size: int) -> str:
    return repeated(head, size) + repeated(tail, size)


def _found(find: Finder, context: int, text: str) -> list[Span]:
    return find(text, context)


def test_all_detectors_together_are_linear() -> None:
    scanner = Scanner(PERSONAL)
    kinds = [pieces for find in FINDERS for pieces in kinds_of(find)]
    few = [random.Random(2).sample(pieces, 1) for pieces in kinds]
    for name, make in texts([HARD, *few], mixtures=60, seed=3):
        assert is_linear(scanner.find, make, SIZE), name


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_of_texts_is_linear(reader: str) -> None:
    for name, make in texts([HARD, *RUNS], mixtures=30, seed=4):
        assert is_linear(READERS[reader], make, SIZE // 2), name


@pytest.fixture(scope="module")
def rules() -> Rules:
    """Those of the shipped configuration, without the budget that would hide what grows."""
    compiled = compile_rules(
        load(Path("config/gateway.yaml"), {}), {}, Pseudonymizer(bytes(range(32)))
    )
    return replace(compiled, budget=1 << 40)


def _parts(text: str, length: int = 10) -> list[str]:
    return [text[at : at + length] for at in range(0, len(text), length)]


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "a value": lambda text: {"properties": {"text": text}},
    "a key": lambda text: {"properties": {text: 1}},
    "the name": lambda text: {"event": text},
    "a url": lambda text: {"context": {"page": {"url": text}}},
    "an id that stands elsewhere": lambda text: {
        "userId": text[: len(text) // 2],
        "properties": {"a": text},
    },
    "many keys": lambda text: {
        "properties": {f"{part}{i}": 1 for i, part in enumerate(_parts(text))}
    },
    "many keys that become one": lambda text: {
        "properties": {f"{i}a@b.cd": 1 for i, _ in enumerate(_parts(text))}
    },
    "many values": lambda text: {"properties": {"list": _parts(text)}},
    "many emails": lambda text: {"properties": {"emails": _parts(text)}},
    "many ids": lambda text: {
        "properties": {
            "list": [{"userId": f"{i}{part}", "t": part} for i, part in enumerate(_parts(text))]
        }
    },
    "values in a deep place": lambda text: {
        "properties": {"k" * 64: {"l" * 64: {"m" * 64: dict(_numbered(text))}}}
    },
    "many texts of json": lambda text: {
        "properties": {"list": [orjson.dumps({"a": part}).decode() for part in _parts(text)]}
    },
}


def _numbered(text: str) -> list[tuple[str, str]]:
    return [(f"k{i}", part) for i, part in enumerate(_parts(text))]


@pytest.mark.parametrize("place", PLACES)
def test_an_event_is_decided_in_linear_time(rules: Rules, place: str) -> None:
    def decided(body: bytes) -> None:
        message = orjson.loads(body)
        decide(RawEvent("demo", "segment", "track", message["event"], message, 1.0), rules)

    def body(make: Callable[[int], str], size: int) -> bytes:
        common = {"type": "track", "event": "E", "messageId": "m"}
        return orjson.dumps({**common, **PLACES[place](make(size))})

    for name, make in texts([("a@b.cd ", "4111-1111 ", "::1 ", "a={", "%40", "x")], 3, seed=5):
        assert is_linear(decided, partial(body, make), SIZE // 2), name


def test_many_ids_in_many_texts_take_linear_time(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled("rules: [{id: ids, match: {key: [uid]}, action: pseudonymize}]")

    def body(size: int) -> bytes:
        users = [{"uid": f"user-{i:05}", "t": f"/users/user-{i:05}/"} for i in range(size // 50)]
        return orjson.dumps({"type": "track", "properties": {"users": users}})

    def scrubbed(body: bytes) -> None:
        policy.scrub(event(orjson.loads(body)), budget=Budget(1 << 40))

    assert is_linear(scrubbed, body, 2 * SIZE)
    message = policy.scrub(event(orjson.loads(body(SIZE)))).message
    assert b"user-0" not in orjson.dumps(message)
