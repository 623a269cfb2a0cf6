"""Essential and billing flow whatever the switch says; the environment wins over the file."""

from __future__ import annotations

import pytest

from gateway.config.model import Telemetry
from gateway.event import RawEvent, Reason, TelemetryClass
from gateway.pipeline.telemetry_switch import refusal, switches


def event(*, opted_out: bool = False) -> RawEvent:
    return RawEvent("demo", "segment", "track", "E", {}, 0.0, opted_out=opted_out)


@pytest.mark.parametrize(
    "value", ["true", "TRUE", "on", "Yes", "1", ' "true" ', "'1'", "y", "disable", "garbage"]
)
@pytest.mark.parametrize("name", ["APPSMITH_DISABLE_TELEMETRY", "DO_NOT_TRACK"])
def test_the_environment_turns_optional_events_off_and_only_them(name: str, value: str) -> None:
    found = switches(Telemetry(enabled=True), {name: value})
    assert found.enabled == {"essential": True, "billing": True, "optional": False}
    assert found.locked_by == name


@pytest.mark.parametrize("value", ["false", "off", "no", "0", '"False"'])
def test_the_environment_turns_them_on_too(value: str) -> None:
    found = switches(Telemetry(enabled=False), {"APPSMITH_DISABLE_TELEMETRY": value})
    assert found.enabled["optional"] is True
    assert found.locked_by == "APPSMITH_DISABLE_TELEMETRY"


def test_of_two_variables_the_one_that_says_no_wins() -> None:
    environment = {"APPSMITH_DISABLE_TELEMETRY": "false", "DO_NOT_TRACK": "1"}
    found = switches(Telemetry(), environment)
    assert found.enabled["optional"] is False
    assert found.locked_by == "DO_NOT_TRACK"


@pytest.mark.parametrize("value", ["0", "false"])
def test_do_not_track_turns_nothing_on(value: str) -> None:
    found = switches(Telemetry(enabled=False), {"DO_NOT_TRACK": value})
    assert found.enabled["optional"] is False
    assert found.locked_by is None


def test_an_empty_variable_says_nothing() -> None:
    found = switches(Telemetry(enabled=False), {"APPSMITH_DISABLE_TELEMETRY": ""})
    assert found.enabled["optional"] is False
    assert found.locked_by is None


@pytest.mark.parametrize(
    ("telemetry", "expected"),
    [
        (Telemetry(enabled=False), {"essential": True, "billing": True, "optional": False}),
        (
            Telemetry(classes={"billing": False}),
            {"essential": True, "billing": False, "optional": True},
        ),
        (
            Telemetry(enabled=False, classes={"optional": True}),
            {"essential": True, "billing": True, "optional": False},
        ),
    ],
)
def test_classes_have_switches_of_their_own(
    telemetry: Telemetry, expected: dict[TelemetryClass, bool]
) -> None:
    assert switches(telemetry, {}).enabled == expected


def test_what_is_off_is_refused_and_the_rest_is_not() -> None:
    off = switches(Telemetry(enabled=False), {})
    assert refusal(event(), "optional", off) is Reason.TELEMETRY_OFF
    assert refusal(event(), "essential", off) is None
    assert refusal(event(), "billing", off) is None


def test_an_opt_out_counts_for_optional_events_unless_configured_otherwise() -> None:
    on = switches(Telemetry(), {})
    assert refusal(event(opted_out=True), "optional", on) is Reason.OPTED_OUT
    assert refusal(event(opted_out=True), "essential", on) is None
    indifferent = switches(Telemetry(respect_opt_out=False), {})
    assert refusal(event(opted_out=True), "optional", indifferent) is None
