"""A service manager hears when the gateway is ready, reloads, stops, and that it is alive."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.process.notify import ServiceManager
from tests.fault.small import write_schema
from tests.wire.running import ROOT, Gateway, running, until

UNIT = ROOT / "deploy" / "systemd" / "telemetry-gateway.service"


class Listener:
    """The socket of a service manager."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address)
        self._messages: list[str] = []

    def heard(self, word: str) -> int:
        """How often a line of this name has come."""
        while True:
            try:
                self._messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                break
        return sum(line == word for message in self._messages for line in message.split("\n"))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    listener = Listener(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    yield listener
    listener.close()


def small(folder: Path) -> dict[str, Any]:
    write_schema(folder / "schemas")
    (folder / "privacy.yaml").write_text("rules: []\n")
    return {"schemas": {"path": "schemas"}, "policy": "privacy.yaml"}


async def hear(manager: Listener, word: str, times: int, gateway: Gateway) -> None:
    await until(
        lambda: manager.heard(word) >= times, 30, lambda: f"{word} not heard\n{gateway.log}"
    )


async def test_every_state_is_said_once(tmp_path: Path, manager: Listener) -> None:
    async with running(tmp_path, **small(tmp_path)) as gateway:
        assert gateway.process is not None
        await hear(manager, "READY=1", 1, gateway)

        gateway.process.send_signal(signal.SIGHUP)
        await hear(manager, "RELOADING=1", 1, gateway)
        await hear(manager, "READY=1", 2, gateway)

        (tmp_path / "privacy.yaml").write_text("rules: wrong\n")
        gateway.process.send_signal(signal.SIGHUP)
        await hear(manager, "RELOADING=1", 2, gateway)
        await hear(manager, "READY=1", 3, gateway)
        (tmp_path / "privacy.yaml").write_text("rules: []\n")

        gateway.process.send_signal(signal.SIGUSR2)
        await hear(manager, "RELOADING=1", 3, gateway)
        await hear(manager, "READY=1", 4, gateway)

        assert manager.heard("STOPPING=1") == 0
        await gateway.stop()
        assert manager.heard("STOPPING=1") == 1
        assert manager.heard("READY=1") == 4
        assert manager.heard("WATCHDOG=1") == 0  # nobody asked


async def test_signs_of_life_come_in_time_and_go_on_after_a_restart_in_place(
    tmp_path: Path, manager: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    async with running(tmp_path, **small(tmp_path)) as gateway:
        assert gateway.process is not None
        await hear(manager, "WATCHDOG=1", 3, gateway)
        gateway.process.send_signal(signal.SIGUSR2)  # the same process goes on
        await hear(manager, "READY=1", 2, gateway)
        await hear(manager, "WATCHDOG=1", manager.heard("WATCHDOG=1") + 3, gateway)


async def test_a_service_manager_that_is_gone_or_deaf_stops_nothing(tmp_path: Path) -> None:
    ServiceManager(str(tmp_path / "nobody")).ready()
    address = str(tmp_path / "deaf")
    deaf = Listener(address)
    manager = ServiceManager(address)
    for _ in range(10_000):  # more than its queue holds
        manager.ready()
    assert deaf.heard("READY=1") < 10_000
    deaf.close()


async def test_an_abstract_socket_is_reached() -> None:
    listener = Listener("\0telemetry-gateway-test")
    ServiceManager("@telemetry-gateway-test").ready("so it is")
    assert listener.heard("STATUS=so it is") == 1
    listener.close()


@pytest.mark.parametrize("given", ["", "0", "-5", "soon", "³"])
async def test_without_a_sensible_time_no_sign_of_life_is_given(tmp_path: Path, given: str) -> None:
    listener = Listener(str(tmp_path / "notify"))
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": given}
    ServiceManager.of(environment).keep_watch()
    assert listener.heard("WATCHDOG=1") == 0
    listener.close()


async def test_the_watch_over_another_process_is_not_this_one_s(tmp_path: Path) -> None:
    listener = Listener(str(tmp_path / "notify"))
    environment = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "400000",
        "WATCHDOG_PID": "1",
    }
    ServiceManager.of(environment).keep_watch()
    assert listener.heard("WATCHDOG=1") == 0
    listener.close()


def unit_with_an_existing_program(folder: Path) -> Path:
    """systemd-analyze looks whether the programs are there."""
    written = UNIT.read_text().replace("/opt/gateway/bin/gateway", sys.executable)
    copy = folder / UNIT.name
    copy.write_text(written)
    return copy


@pytest.mark.needs("systemd-analyze", "apt-get install systemd")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    unit = unit_with_an_existing_program(tmp_path)
    read = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in read.stderr.splitlines() if UNIT.name in line]
    assert (read.returncode, ours) == (0, []), read.stderr


@pytest.mark.needs("systemd-analyze", "apt-get install systemd")
def test_systemd_calls_its_exposure_low(tmp_path: Path) -> None:
    unit = unit_with_an_existing_program(tmp_path)
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr


def test_the_unit_keeps_what_the_gateway_says_of_itself() -> None:
    unit = UNIT.read_text()
    state = re.search(r"^StateDirectory=(\S+)$", unit, re.MULTILINE)
    assert state
    assert f"GATEWAY_DATA_DIR=/var/lib/{state[1]}\n" in unit
    assert "Type=notify\n" in unit
    assert "RestartPreventExitStatus=78\n" in unit
