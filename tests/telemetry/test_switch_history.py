"""The history is appended to, survives a crash in the middle of a line, and counts exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.model import Telemetry
from gateway.errors import ConfigurationError
from gateway.event import TelemetryClass
from gateway.pipeline.telemetry_switch import Order, switches
from gateway.telemetry import switch_history
from gateway.telemetry.switch_history import History, Period

T1, T2, T3 = (f"2026-11-23T0{hour}:00:00.000Z" for hour in (1, 2, 3))


def order(time: str, *, enabled: bool | None) -> Order:
    return Order(time, "optional", enabled, "admin page", "with the token")


def period(time: str, number: int, *, optional: bool, by: str = "default") -> Period:
    enabled: dict[TelemetryClass, bool] = {"essential": True, "billing": True, "optional": optional}
    decided: dict[TelemetryClass, str] = {
        "essential": "default",
        "billing": "default",
        "optional": by,
    }
    return Period(time, number, enabled, decided)


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    began, told = period(T1, 1, optional=True), order(T2, enabled=False)
    switch_history.append(tmp_path, began)
    switch_history.append(tmp_path, told)
    assert switch_history.read(tmp_path) == History((told,), (began,))


@pytest.mark.parametrize("torn", [b"{", b'{"time": "2026', b"\x00\x00"])
def test_half_a_line_is_nobodys_word(tmp_path: Path, torn: bytes) -> None:
    switch_history.append(tmp_path, order(T1, enabled=False))
    with (tmp_path / switch_history.FILE).open("ab") as file:
        file.write(torn)
    assert len(switch_history.read(tmp_path).orders) == 1
    switch_history.append(tmp_path, order(T2, enabled=True))
    assert [entry.enabled for entry in switch_history.read(tmp_path).orders] == [False, True]


def test_a_damaged_history_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    switch_history.append(tmp_path, order(T1, enabled=False))
    with (tmp_path / switch_history.FILE).open("ab") as file:
        file.write(b"nonsense\n")
    with pytest.raises(ConfigurationError, match=r"telemetry\.jsonl:2: "):
        switch_history.read(tmp_path)


def test_the_last_order_wins_and_can_be_taken_back() -> None:
    telemetry = Telemetry(enabled=True)
    orders = [order(T1, enabled=True), order(T2, enabled=False)]
    off = switches(telemetry, {}, orders)
    assert (off.enabled["optional"], off.decided_by["optional"]) == (False, "admin page")
    back = switches(telemetry, {}, [*orders, order(T3, enabled=None)])
    assert (back.enabled["optional"], back.decided_by["optional"]) == (True, "gateway.yaml")


def test_the_environment_wins_over_an_order() -> None:
    told = switches(Telemetry(), {"DO_NOT_TRACK": "1"}, [order(T1, enabled=True)])
    assert told.enabled["optional"] is False
    assert told.decided_by["optional"] == "DO_NOT_TRACK"


def test_counts_are_those_since_the_class_was_last_switched() -> None:
    past = History(
        periods=(
            period(T1, 1, optional=True),
            period(T2, 2, optional=False, by="admin page"),
            period(T3, 3, optional=False, by="DO_NOT_TRACK"),
        )
    )
    counters = {
        "period/1/optional/accepted": 100,
        "period/2/optional/telemetry_off": 10,
        "period/3/optional/telemetry_off": 1,
        "period/3/essential/accepted": 5,
        "period/1/essential/accepted": 50,
    }
    off = switches(Telemetry(), {"DO_NOT_TRACK": "1"})
    account = past.account("optional", off, counters)
    assert (account.since, account.accepted, account.refused) == (T2, 0, 11)
    essential = past.account("essential", off, counters)
    assert (essential.since, essential.accepted) == (T1, 55)


def test_what_file_and_environment_changed_is_in_the_history_too() -> None:
    past = History(
        orders=(order(T2, enabled=False),),
        periods=(
            period(T1, 1, optional=True),
            period(T2, 2, optional=False, by="admin page"),
            period(T3, 3, optional=True, by="APPSMITH_DISABLE_TELEMETRY"),
        ),
    )
    told = [(change.time, change.enabled, change.who) for change in past.changes()]
    assert told == [(T2, False, "admin page"), (T3, True, "APPSMITH_DISABLE_TELEMETRY")]
