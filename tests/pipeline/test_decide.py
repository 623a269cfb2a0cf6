"""One pure function decides: what is refused leaves nothing, what is accepted is clean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.config import load
from gateway.config.model import Schemas
from gateway.event import RawEvent, RawMessage, Reason
from gateway.pipeline import audit_line
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer

CONFIGURATION = load(Path("config/gateway.yaml"), {})


@pytest.fixture(scope="module")
def shipped() -> Rules:
    """The rules of the shipped configuration."""
    return compile_rules(CONFIGURATION, {}, Pseudonymizer(bytes(range(32))))


def track(event: Any = "Signed Up", **message: Any) -> RawEvent:
    """A track call as ingest hands it over."""
    whole = {
        "type": "track",
        "event": event,
        "messageId": "m-1",
        "userId": "user-1",
        "timestamp": "2026-11-23T07:51:04.317Z",
        "originalTimestamp": "2026-11-23T07:51:04.317Z",
        "receivedAt": "2026-11-23T07:51:04.400Z",
        "properties": {"plan": "pro"},
        "context": {},
        **message,
    }
    return RawEvent("demo", "segment", "track", event, whole, 1795420264.4)


def test_an_ordinary_event_is_accepted_and_led_to_every_destination(shipped: Rules) -> None:
    decision = decide(track(), shipped)
    assert decision.event is not None
    assert decision.reason is None
    header = decision.event.header
    assert header.to == ("local",)
    assert header.filtered == {}
    assert header.message_id == "m-1"
    assert header.schema == "segment/track"
    assert decision.event.message["properties"] == {"plan": "pro"}


def test_the_user_is_a_pseudonym_and_the_header_names_it(shipped: Rules) -> None:
    decision = decide(track(), shipped)
    assert decision.event is not None
    user = decision.event.message["userId"]
    assert user != "user-1"
    assert decision.event.header.user == user
    assert decision.event.header.pseudonyms == (user,)
    assert [change.pointer for change in decision.changes] == ["/userId"]


def test_the_switch_comes_before_everything(shipped: Rules) -> None:
    enabled = {**shipped.switches.enabled, "optional": False}
    rules = replace(shipped, switches=replace(shipped.switches, enabled=enabled))
    decision = decide(track(), rules)
    assert decision.event is None
    assert decision.reason is Reason.TELEMETRY_OFF
    assert decision.changes == ()


def test_a_blocked_event_leaves_its_clean_name_and_id_and_nothing_else(shipped: Rules) -> None:
    rules = replace(shipped, schemas=Schemas(unplanned_events="block"))
    secret = "ada@mail.example"
    raw = track(f"Invited {secret}", messageId=f"order-{secret}")
    decision = decide(raw, rules)
    assert decision.event is None
    assert decision.reason is Reason.UNPLANNED_EVENT
    assert decision.name == "Invited [email]"
    assert secret not in decision.message_id
    assert secret.encode() not in orjson.dumps([v.as_json() for v in decision.violations])


def test_a_quarantined_event_goes_to_no_destination(shipped: Rules) -> None:
    rules = replace(shipped, schemas=Schemas(unplanned_events="quarantine"))
    decision = decide(track(), rules)
    assert decision.reason is Reason.QUARANTINED
    assert decision.event is not None
    assert decision.event.header.to == ()
    assert decision.event.header.filtered == {"local": Reason.QUARANTINED}


def test_what_the_policy_fails_on_is_not_kept(shipped: Rules) -> None:
    class Broken:
        """A policy with a fault, whose message would quote the event."""

        placeholders = shipped.policy.placeholders

        def pointer(self, *_: object) -> str:
            return ""

        def spare(self, _: RawEvent) -> None:
            return None

        def scrub(self, raw: RawEvent, *_: object, **__: object) -> None:
            raise RuntimeError(f"cannot handle {raw.message}")

    decision = decide(track(), replace(shipped, policy=Broken()))  # type: ignore[arg-type]  # that is the point
    assert decision.event is None
    assert decision.reason is Reason.PRIVACY_FAILED
    assert decision.fault is not None
    assert decision.fault.startswith("RuntimeError at test_decide.py:")
    assert "user-1" not in repr(decision)


@pytest.mark.parametrize(
    "properties",
    [
        {"text": "ada={" * 12_000},
        {"text": "ada={" * 15 + "4111-" * 12_000},
        {"x" * 30_000: {f"ada{i}@mail.example": 1 for i in range(1_000)}},
        {"x" * 30_000: {f"email{i}": "ada" for i in range(1_000)}},
    ],
    ids=[
        "texts in texts",
        "a few texts around a costly one",
        "keys below a long key",
        "values below it",
    ],
)
def test_an_event_that_costs_too_much_ends_with_its_own_reason(
    shipped: Rules, properties: dict[str, Any]
) -> None:
    decision = decide(track("Ada signed up", properties=properties), shipped)
    assert decision.event is None
    assert decision.reason is Reason.OVER_BUDGET
    assert b"over_budget" in (audit_line.line(decision) or b"")
    assert "ada" not in repr((decision, audit_line.line(decision))).lower()


@pytest.mark.parametrize(
    "properties",
    [
        {"state": orjson.dumps([{"id": i, "label": f"item {i}"} for i in range(1_700)]).decode()},
        {"list": [{"email": f"ada{i}@mail.example"} for i in range(2_000)]},
        {"text": "ada@mail.example wrote to +49 30 1234567; " * 1_400},
        {"urls": ["https://shop.example/a?b=c&d=e#f"] * 1_700},
        {"query": "a=b&" * 15_000},
    ],
    ids=["json in a text", "addresses", "a text of them", "urls", "a query"],
)
def test_no_event_of_64_kb_that_anybody_means_costs_too_much(
    shipped: Rules, properties: dict[str, Any]
) -> None:
    assert 55_000 < len(orjson.dumps(properties)) < 2**16
    assert decide(track(properties=properties), shipped).event is not None


def test_integrations_and_consent_of_the_event_are_honoured(shipped: Rules) -> None:
    decision = decide(track(integrations={"All": True, "local": False}), shipped)
    assert decision.event is not None
    assert decision.event.header.filtered == {"local": Reason.INTEGRATIONS}


def test_a_raw_event_holds_no_message_once_it_is_decided(shipped: Rules) -> None:
    raw = track()
    message = raw.message
    decision = decide(raw, shipped)
    assert decision.event is not None
    assert decision.event.message is message, "made clean in place, and the decision's alone"
    assert not hasattr(raw, "message")


@pytest.mark.parametrize(
    "reason", [Reason.TELEMETRY_OFF, Reason.OVER_BUDGET, Reason.PRIVACY_FAILED]
)
def test_nor_does_one_that_is_refused(shipped: Rules, reason: Reason) -> None:
    raw, rules = track(properties={"text": "a=b" * 400}), shipped
    if reason is Reason.TELEMETRY_OFF:
        off = dict.fromkeys(shipped.switches.enabled, False)
        rules = replace(shipped, switches=replace(shipped.switches, enabled=off))
    elif reason is Reason.OVER_BUDGET:
        rules = replace(shipped, budget=100)
    else:
        raw.message["properties"] = {"odd": object()}  # type: ignore[dict-item]
    assert decide(raw, rules).reason is reason
    assert not hasattr(raw, "message")
    with pytest.raises(AttributeError):
        raw.take()


def test_what_a_browser_calls_itself_is_kept_with_a_mixpanel_record(shipped: Rules) -> None:
    record: RawMessage = {
        "event": "Signed Up",
        "properties": {"distinct_id": "u1", "$insert_id": "i"},
    }
    raw = RawEvent(
        "demo", "mixpanel", "event", "Signed Up", record, 1795420264.4,
        user_agent="Mozilla/5.0 (ada@mail.example)",
    )  # fmt: skip
    decision = decide(raw, shipped)
    assert decision.event is not None
    assert decision.event.message["$user_agent"] == "Mozilla/5.0 ([email])"
