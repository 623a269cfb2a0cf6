"""Nothing a client can send makes a scrub crash, hang or leak in an error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.budget import Budget
from gateway.event import RawEvent
from gateway.privacy import CompiledPolicy, ScrubError
from tests.clean import inside

MakeEvent = Callable[..., RawEvent]

SIZE = 64 * 1024
PIECES = (
    *"a0 1@.:-_/%={}[]\"'\\+(&#?,;\u2028\u200f\u00ad\x00\ud800ü日９＠",
    "a@",
    "@a",
    "a.",
    "a@b.",
    "1.",
    "1.1.1.1.",
    "1:",
    "::",
    "f:",
    "0:0:0:0:0:0:0:0:",
    "12-",
    "ab-cd-",
    "4 ",
    "4111 ",
    "41-",
    "+1",
    "+1 ",
    "(0",
    "030 ",
    "call ",
    "DE89",
    "DE89 ",
    "iban",
    "eyJ",
    "eyJ.",
    "eyJa.",
    "Bearer ",
    "bearer=",
    "basic ",
    "sk_live_",
    "sk-",
    "SG.",
    "xoxb-",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "//",
    "//a:b",
    "//a@",
    "://a:@",
    "%40",
    "%2540",
    "%C3",
    "%",
    "a=",
    "a=b&",
    "=a",
    '"a":"',
    '\\"a\\":\\"',
    '{"a":',
    "{",
    "[",
    '"',
    "https://a.b/c?d=e&",
    "&#64;",
    "v1.2.3.4 ",
    "password=",
    "Mozilla/5.0 (",
    "aA1",
    "0a",
    "2026-03-05 ",
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", PIECES, ids=ascii)
@pytest.mark.parametrize("end", ["", "!", "@x.example"], ids=["as it is", "cut", "mail"])
def test_long_repetitions_take_linear_time(
    default: CompiledPolicy, event: MakeEvent, piece: str, end: str
) -> None:
    """A step that grows with the square of 64 KB would take minutes, not milliseconds."""
    text = (piece * (SIZE // len(piece)))[:SIZE] + end
    message = {
        "type": "track",
        "event": "E",
        "userId": text[: SIZE // 2] + "x",
        "properties": {"t": text, text: 1, "email": text, "url": text},
        "context": {"page": {"url": text}, "ip": text},
    }
    scrubbed = default.scrub(event(message), budget=Budget(1 << 30))
    assert scrubbed.message["type"] == "track"
    assert "email" not in inside(scrubbed.message)["properties"]
    assert len(default.text(text)) > 0


@pytest.mark.timeout(20)
def test_many_small_things_take_linear_time(default: CompiledPolicy, event: MakeEvent) -> None:
    message: dict[str, Any] = {
        "type": "track",
        "userId": "user-1234",
        "properties": {
            "mails": " ".join(f"a{i}@b.example" for i in range(4000)),
            "list": ["user-1234 a@b.example"] * 2000,
            **{f"k{i}@b.example": f"user-1234/{i}" for i in range(1000)},
        },
    }
    scrubbed = default.scrub(event(message))
    assert "b.example" not in repr(scrubbed)
    assert "user-1234" not in repr(scrubbed)
    assert len(inside(scrubbed.message)["properties"]) == 1002


def nested(levels: int, leaf: Any) -> Any:
    value = leaf
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("levels", [64, 200, 250])
def test_deep_events_are_scrubbed_to_the_bottom(
    default: CompiledPolicy, event: MakeEvent, levels: int
) -> None:
    message = {"type": "track", "properties": nested(levels, "jane@x.example")}
    assert "jane" not in json.dumps(default.scrub(event(message)).message)


def test_what_is_deeper_than_any_limit_fails_closed(
    default: CompiledPolicy, event: MakeEvent
) -> None:
    message = {"type": "track", "properties": nested(500, "jane@x.example")}
    with pytest.raises(ScrubError) as caught:
        default.scrub(event(message))
    assert "jane" not in str(caught.value)


def test_deep_json_in_a_string_is_masked_whole(default: CompiledPolicy, event: MakeEvent) -> None:
    text = "[" * 600 + '{"password": "x"}' + "]" * 600
    message = {"type": "track", "properties": {"a": text, "b": [{"c": "jane@x.example"}]}}
    scrubbed = default.scrub(event(message))
    assert scrubbed.message["properties"] == {"a": "[masked]", "b": [{"c": "[email]"}]}
    assert [change.rule for change in scrubbed.changes] == ["limits", "secrets-in-text"]
    assert [change.pointer for change in scrubbed.changes] == ["/properties/a", "/properties/b/0/c"]


def test_json_in_json_in_json(default: CompiledPolicy, event: MakeEvent) -> None:
    text = '{"password":"hunter2","note":"jane@x.example"}'
    for _ in range(8):
        text = json.dumps({"inner": text})
    after = default.scrub(event({"type": "track", "properties": {"t": text}}))
    assert "hunter2" not in repr(after)
    assert "jane" not in repr(after)


@pytest.mark.parametrize("odd", ["\ud800", "\x00", "\u2028", "\u202e", "\u200f", "\ufeff"])
def test_odd_characters_hide_nothing(default: CompiledPolicy, event: MakeEvent, odd: str) -> None:
    message = {
        "type": "track",
        "userId": f"u{odd}ser-1234",
        "properties": {
            "t": f"{odd}jane@x.example{odd} {odd}4111111111111111",
            f"{odd}jane@x.example": 1,
            "again": f"/u{odd}ser-1234/",
            "j": json.dumps({"a": f"{odd}jane@x.example"}),
        },
    }
    after = repr(default.scrub(event(message)))
    assert "jane" not in after
    assert "4111" not in after
    assert "ser-1234" not in after


@pytest.mark.parametrize(
    ("hidden", "plain"),
    [
        ("jane\u200b@x.exa\u00admple", "[email]"),
        ("ｊａｎｅ＠ｘ．ｅｘａｍｐｌｅ", "[email]"),
        ("4111\u00a01111\u20091111\u00a01111", "[credit_card]"),
        ("４１１１１１１１１１１１１１１１", "[credit_card]"),
        ("٤١١١١١١١١١١١١١١١", "[credit_card]"),
        ("4111\u20131111\u20131111\u20131111", "[credit_card]"),
        ("jane%2540x.example", "[email]"),
        ("jane&#64;x.example", "[email]"),
    ],
)
def test_disguises_are_taken_off(
    default: CompiledPolicy, event: MakeEvent, hidden: str, plain: str
) -> None:
    after = default.scrub(event({"type": "track", "properties": {"t": f"{hidden} x"}}))
    assert after.message["properties"] == {"t": f"{plain} x"}


def test_huge_and_odd_numbers(default: CompiledPolicy, event: MakeEvent) -> None:
    numbers = [10**30, -(10**19), 2**64, 1e308, -0.0, float("inf"), float("nan"), 4.5e15]
    message = {"type": "track", "userId": 10**30, "properties": {"n": list(numbers), "phone": 1e20}}
    after = inside(default.scrub(event(message)).message)
    assert repr(after["properties"]["n"][1:]) == repr(numbers[1:])
    assert isinstance(after["userId"], str)
