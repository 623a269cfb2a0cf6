"""The doctor finds what is broken, says what to do, and breaks nothing itself."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.commands import doctor
from gateway.privacy.pseudonyms import KEY_FILE
from tests.commands.test_dead_letters import refusing
from tests.fakes import vendor
from tests.fakes.certificate import self_signed
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import answers
from tests.wire.running import ROOT, Gateway, held_ports

Finding = dict[str, Any]


def looked(file: Path) -> tuple[int, list[Finding]]:
    out = io.StringIO()
    code = doctor.run(file, dict(os.environ), as_json=True, out=out)
    return code, json.loads(out.getvalue())


async def looked_beside(file: Path) -> tuple[int, list[Finding]]:
    """From a thread, so that the fakes can answer meanwhile."""
    return await asyncio.to_thread(looked, file)


def bad(findings: list[Finding]) -> dict[str, Finding]:
    return {finding["area"]: finding for finding in findings if finding["verdict"] == "bad"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration that no gateway has used yet."""
    settings = {
        "data_dir": str(tmp_path / "data"),
        "sources": [{"name": "shop", "write_keys": ["k"]}],
        "schemas": {"path": str(ROOT / "schemas")},
        "policy": str(ROOT / "config" / "privacy.yaml"),
        "routing": "routing.yaml",
        "journal": {"min_free_bytes": 0},
    }
    routes(tmp_path, {"local": {"type": "file", "path": "events"}})
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path / "gateway.yaml"


def routes(folder: Path, destinations: dict[str, Any]) -> None:
    routing = {"destinations": destinations, "routes": [{"name": "all", "to": [*destinations]}]}
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing))


def test_before_the_first_start_all_is_well_and_nothing_is_made(file: Path) -> None:
    code, findings = looked(file)
    assert (code, bad(findings)) == (0, {})
    assert {f["area"] for f in findings} >= {"configuration", "keys", "journal", "disk", "clock"}
    assert not (file.parent / "data").exists()


def test_every_mistake_of_the_configuration_is_told_with_its_place(file: Path) -> None:
    file.write_text(file.read_text() + "unkown: 1\nlog_level: lowd\n")
    code, findings = looked(file)
    assert code == 1
    assert len(findings) == 2
    assert all("gateway.yaml:" in finding["remedy"] for finding in findings)


async def test_beside_a_running_gateway_the_equation_is_checked(tmp_path: Path) -> None:
    async with refusing(tmp_path) as (_, _segment):
        code, findings = await looked_beside(tmp_path / "gateway.yaml")
        assert (code, bad(findings)) == (0, {})
        told = [finding["what"] for finding in findings if finding["area"] == "equation"]
        assert told == [
            "received 6 = accepted 6 + rejected 0",
            "local: accepted 6 = delivered 6 + pending 0 + filtered 0 + dead 0",
            "segment: accepted 6 = delivered 3 + pending 0 + filtered 0 + dead 3",
        ]
        (letters,) = (finding for finding in findings if finding["area"] == "dead letters")
        assert letters["verdict"] == "warning"
        assert "gateway dead-letters list --destination segment" in letters["remedy"]


def _sql(statement: str) -> Callable[[Gateway], None]:
    def breaks(gateway: Gateway) -> None:
        with closing(sqlite3.connect(gateway.data / "journal" / "journal.db")) as database:
            database.execute(statement)
            database.commit()

    return breaks


def _damage(gateway: Gateway) -> None:
    file = gateway.data / "journal" / "journal.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    content[8192:12000] = b"\xa5" * 3808
    file.write_bytes(content)


BROKEN: dict[str, tuple[str, Callable[[Gateway], object]]] = {
    "an event that nobody received": ("equation", _sql(
        "UPDATE counters SET value = value - 1 WHERE name LIKE 'received/%'")),
    "a letter that went astray": ("equation", _sql("DELETE FROM dead_letters WHERE id = 1")),
    "a cursor that does not add up": ("journal", _sql(
        "UPDATE cursors SET delivered = delivered + 1 WHERE name = 'segment'")),
    "a damaged file": ("journal", _damage),
    "a key for all to read": ("keys", lambda gateway: key(gateway).chmod(0o644)),
    "a key cut short": ("keys", lambda gateway: key(gateway).write_bytes(b"short")),
    "a key that is gone": ("keys", lambda gateway: key(gateway).unlink()),
    "events from the future": ("clock", _sql(
        "UPDATE events SET lines = "
        "cast(replace(lines, '\"received_at\":1', '\"received_at\":9') AS BLOB)")),
}  # fmt: skip


def key(gateway: Gateway) -> Path:
    return gateway.data / "keys" / KEY_FILE


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_broken_is_found(tmp_path: Path, what: str) -> None:
    area, break_it = BROKEN[what]
    async with refusing(tmp_path) as (gateway, _):
        await gateway.stop()
        break_it(gateway)
        code, findings = await looked_beside(tmp_path / "gateway.yaml")
        assert code == 1
        assert area in bad(findings)
        assert key(gateway).exists() == (what != "a key that is gone")


async def test_vendors_are_asked_without_an_event(file: Path) -> None:
    async with (
        vendor.running(FakeSegment()) as segment,
        vendor.running(FakeMixpanel()) as mixpanel,
    ):
        routes(
            file.parent,
            {
                "segment": {"type": "segment", "write_key": "w", "host": segment.url},
                "right": {"type": "mixpanel", "token": mixpanel.token, "host": mixpanel.url},
                "wrong": {"type": "mixpanel", "token": "mistyped", "host": mixpanel.url},
            },
        )
        code, findings = await looked_beside(file)
        assert code == 1
        assert bad(findings).keys() == {"wrong"}
        assert "401" in bad(findings)["wrong"]["what"]
        assert "mistyped" not in json.dumps(findings)
        assert segment.messages == mixpanel.events == []
        assert {seen.body for seen in (*segment.seen, *mixpanel.seen)} <= {b"", b"[]"}


async def test_what_cannot_be_reached_is_told_by_its_cause(file: Path, tmp_path: Path) -> None:
    async with (
        vendor.running(FakeSegment(), self_signed(tmp_path)) as untrusted,
        vendor.running(FakeSegment()) as ill,
    ):
        ill.script.append(answers(503))
        with held_ports(1) as [closed]:
            hosts = {
                "closed": f"http://127.0.0.1:{closed}",
                "nameless": "http://no-such-host.invalid",
                "untrusted": untrusted.url,
                "ill": ill.url,
            }
            routes(
                file.parent,
                {n: {"type": "segment", "write_key": "w", "host": h} for n, h in hosts.items()},
            )
            code, findings = await looked_beside(file)
        found = bad(findings)
        assert code == 1
        assert found.keys() == hosts.keys()
        assert "certificate" in found["untrusted"]["remedy"]
        assert "DNS" in found["nameless"]["remedy"]
        assert "nothing listens" in found["closed"]["remedy"]
        assert "503" in found["ill"]["what"]
