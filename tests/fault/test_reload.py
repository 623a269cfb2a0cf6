"""A reload stops no request, and is all or none whatever fails on its way."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.app import Gateway
from gateway.config import Configuration, load
from gateway.errors import ConfigurationError
from gateway.pipeline.rules import compile_rules
from gateway.pipeline.telemetry_switch import Order
from gateway.snapshot import Snapshot
from gateway.telemetry import switch_history
from tests.fault.small import write_schema
from tests.wire.running import ROOT, WRITE_KEY, running, until

ORDER = Order("2026-11-25T00:00:00.000Z", "optional", False, "API")


def configured(folder: Path, *, telemetry: bool = True, source: str = "shop") -> Configuration:
    """A small configuration of its own, so that a reload takes milliseconds."""
    write_schema(folder / "schemas")
    (folder / "privacy.yaml").write_text("rules: []\n")
    (folder / "gateway.yaml").write_text(
        yaml.safe_dump(
            {
                "data_dir": str(folder / "data"),
                "sources": [{"name": source, "write_keys": [f"{source}-write-key"]}],
                "schemas": {"path": "schemas"},
                "policy": "privacy.yaml",
                "routing": str(ROOT / "config" / "routing.yaml"),
                "telemetry": {"enabled": telemetry},
            }
        )
    )
    return load(folder / "gateway.yaml", {})


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Gateway]:
    (folder / "data").mkdir()
    gateway = await Gateway.open(configured(folder), {})
    try:
        yield gateway
    finally:
        await gateway.close(0)


async def observed(gateway: Gateway, folder: Path) -> dict[str, Any]:
    """All that a client or a person can see of what is in force."""
    return {
        **{field.name: getattr(gateway.control.snapshot, field.name) for field in fields(Snapshot)},
        "sources": gateway.backend.sources,
        "limits": gateway.backend.limits,
        "settings": gateway.backend.settings,
        "script": gateway.backend.browser_stop,
        "telemetry": (await gateway.control.telemetry()).as_json(),
        "history": switch_history.read(folder / "data"),
        "file": (folder / "data" / switch_history.FILE).read_bytes(),
    }


def _fails(error: BaseException) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


STEPS = [
    "gateway.snapshot.compile_rules",
    "gateway.snapshot.EgressGuards",
    "gateway.snapshot.Sources",
    "gateway.snapshot.browser_stop.script",
    "gateway.snapshot._certificates",
    "gateway.snapshot.switch_history.read",
    "gateway.snapshot.switches",
    "gateway.snapshot.switch_history.entered",
    "gateway.jsonl.history.os.open",
    "gateway.jsonl.history.os.pwrite",
    "gateway.jsonl.history.os.fsync",
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "no space"), MemoryError(), KeyError("a bug")], ids=repr
)
async def test_whatever_fails_on_the_way_nothing_has_changed(
    tmp_path: Path, step: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as gateway:
        before = await observed(gateway, tmp_path)
        new = configured(tmp_path, telemetry=False, source="other")
        with monkeypatch.context() as patched:
            patched.setattr(step, _fails(error))
            with pytest.raises(type(error)):
                await gateway.control.reload(new)
        assert await observed(gateway, tmp_path) == before
        await gateway.control.reload(new)
        after = await observed(gateway, tmp_path)
        assert after["sources"].find("other-write-key")
        assert not after["telemetry"]["enabled"]
        assert len(after["history"].periods) == len(before["history"].periods) + 1


@pytest.mark.parametrize("step", ["os.open", "os.pwrite", "os.fsync"])
async def test_a_switch_that_cannot_be_stored_stays_as_it_was(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as gateway:
        before = await observed(gateway, tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(
                f"gateway.jsonl.history.{step}",
                _fails(OSError(errno.ENOSPC, "no space")),
            )
            with pytest.raises(OSError, match="no space"):
                await gateway.control.order(ORDER)
        assert await observed(gateway, tmp_path) == before
        await gateway.control.order(ORDER)
        assert not (await gateway.control.telemetry()).classes["optional"].enabled


async def test_a_line_that_was_half_written_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.pwrite
    async with opened(tmp_path) as gateway:
        before = await observed(gateway, tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", lambda handle, data, at: whole(handle, data[:9], at))
            with pytest.raises(OSError, match="No space"):
                await gateway.control.reload(configured(tmp_path, telemetry=False))
        assert await observed(gateway, tmp_path) == before


async def test_what_is_read_at_a_start_only_is_not_reloaded(tmp_path: Path) -> None:
    async with opened(tmp_path) as gateway:
        before = await observed(gateway, tmp_path)
        text = (tmp_path / "gateway.yaml").read_text()
        (tmp_path / "gateway.yaml").write_text(text.replace("/data", "/elsewhere"))
        with pytest.raises(ConfigurationError, match=r"gateway\.yaml:\d+: data_dir"):
            await gateway.control.reload(load(tmp_path / "gateway.yaml", {}))
        assert await observed(gateway, tmp_path) == before


async def test_a_switch_and_a_reload_at_once_both_hold(tmp_path: Path) -> None:
    """Each is decided behind the other, in whatever order they come."""
    async with opened(tmp_path) as gateway:
        new = configured(tmp_path, source="other")
        await asyncio.gather(
            gateway.control.reload(new),
            gateway.control.order(ORDER),
            gateway.control.telemetry(),
            gateway.control.reload(new),
        )
        assert gateway.backend.sources.find("other-write-key")
        assert not gateway.control.snapshot.rules.switches.enabled["optional"]
        standing = await gateway.control.telemetry()
        assert not standing.classes["optional"].enabled
        assert [change.who for change in standing.changes] == ["API"]
        period = switch_history.read(tmp_path / "data").periods[-1]
        assert gateway.control.snapshot.rules.switches.period == period.number


async def test_the_loop_has_its_turns_while_the_disk_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history is read, written and fsynced in a thread, for a reload, a switch and a look."""

    def slow(call: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*given: Any) -> Any:
            time.sleep(0.2)
            return call(*given)

        return wait

    async with opened(tmp_path) as gateway:
        new = configured(tmp_path, telemetry=False)
        monkeypatch.setattr("gateway.snapshot.compile_rules", slow(compile_rules))
        monkeypatch.setattr(os, "fsync", slow(os.fsync))
        monkeypatch.setattr(switch_history, "read", slow(switch_history.read))
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        for work in (
            gateway.control.reload(new),
            gateway.control.order(ORDER),
            gateway.control.telemetry(),
        ):
            ticks = 0
            await work
            assert ticks > 3
        ticking.cancel()


async def test_sighup_stops_no_request_and_the_last_files_win(tmp_path: Path) -> None:
    """With all schemas and the whole policy: no request waits as long as a reload takes."""
    policy = tmp_path / "mine.yaml"
    policy.write_text((ROOT / "config" / "privacy.yaml").read_text())
    async with (
        running(tmp_path, policy="mine.yaml") as gateway,
        aiohttp.ClientSession() as session,
    ):
        assert gateway.process is not None
        waited = [0.0]
        reloading = True

        async def look() -> None:
            while reloading:
                began = time.perf_counter()
                async with session.get(f"{gateway.admin_url}/healthz") as answer:
                    assert answer.status == 200
                waited.append(time.perf_counter() - began)
                await asyncio.sleep(0.002)

        looking = asyncio.create_task(look())
        began = time.perf_counter()
        gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: '"reloaded"' in gateway.log, 60, lambda: gateway.log)
        took = time.perf_counter() - began
        for action in ("dorp", "dorp", "drop"):
            new = tmp_path / "new.yaml"
            new.write_text(f"rules:\n  - {{id: u, match: {{path: /userId}}, action: {action}}}\n")
            new.replace(policy)
            gateway.process.send_signal(signal.SIGHUP)
        await until(lambda: gateway.log.count('"reloaded"') >= 2, 60, lambda: gateway.log)
        reloading = False
        await looking
        assert max(waited) < took / 2
        body = {"event": "Moved", "userId": "u", "messageId": "m", "writeKey": WRITE_KEY}
        async with session.post(f"{gateway.url}/v1/track", json=body) as answer:
            assert answer.status == 200
        assert "userId" not in (await gateway.wait_for(["m"]))["m"][0]


async def test_an_event_that_comes_behind_an_order_is_decided_by_it(tmp_path: Path) -> None:
    """However many wait for their turn: between two turns, the lock stands open for a moment."""
    async with opened(tmp_path) as gateway:
        control = gateway.control
        readers = [asyncio.create_task(control.telemetry()) for _ in range(3)]
        await asyncio.sleep(0)
        ordered = asyncio.create_task(control.order(ORDER))
        behind = []
        while not ordered.done():
            await asyncio.sleep(0)
            behind.append(asyncio.create_task(control.settled_rules()))
        decided_by = await asyncio.gather(*behind)
        await asyncio.gather(*readers)
    assert len(behind) > len(readers)
    assert {rules.switches.enabled["optional"] for rules in decided_by} == {False}
