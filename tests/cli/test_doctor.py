"""The doctor finds what is broken, says what to do, and breaks nothing itself."""

from __future__ import annotations

import asyncio
import io
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.doctor import command as doctor
from gateway.cli.progress import Progress
from gateway.event import CleanBytes
from gateway.journal import AuditLine
from gateway.journal.block import Block
from gateway.journal.sqlite.examine import examined
from gateway.privacy.keys import KEY_FILE
from tests.cli.test_dead_letters import refusing, send, settled
from tests.fakes import vendor
from tests.fakes.certificate import self_signed
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import answers
from tests.wire.running import ROOT, Gateway, held_ports, running

Finding = dict[str, Any]


def looked(file: Path) -> tuple[int, list[Finding]]:
    out = io.StringIO()
    code = doctor.examine(file, dict(os.environ), as_json=True, out=out)
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


def _older(gateway: Gateway) -> None:
    """Two events fewer than the mark beside it knows of."""
    _sql("DELETE FROM events WHERE first > 0")(gateway)
    _sql("INSERT INTO events (first, count, lines) VALUES (1, 4, x'')")(gateway)


BROKEN: dict[str, tuple[str, Callable[[Gateway], object]]] = {
    "an event that nobody received": ("equation", _sql(
        "UPDATE counters SET value = value - 1 WHERE name LIKE 'received/%'")),
    "a letter that went astray": ("equation", _sql("DELETE FROM dead_letters WHERE id = 1")),
    "a cursor that does not add up": ("journal", _sql(
        "UPDATE cursors SET delivered = delivered + 1 WHERE name = 'segment'")),
    "a damaged file": ("journal", _damage),
    "a dead letter that cannot be read": ("dead letters", _sql(
        "UPDATE dead_letters SET lines = substr(lines, 20) WHERE id = 1")),
    "a changed dead letter": ("dead letters", _sql(
        "UPDATE dead_letters SET lines = cast(replace(lines, 'pro', 'con') AS BLOB)")),
    "an older journal": ("journal", _older),
    "a key for all to read": ("keys", lambda gateway: key(gateway).chmod(0o644)),
    "a key cut short": ("keys", lambda gateway: key(gateway).write_bytes(b"short")),
    "a key that is gone": ("keys", lambda gateway: key(gateway).unlink()),
    "events from the future": ("clock", _sql(
        "UPDATE events SET frames = NULL, lines = "
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


UNREADABLE = {
    "UPDATE events SET lines = cast(replace(lines, '\"source\"', '\"sauce\"') AS BLOB)"
    " WHERE first = 3": "1 of events cannot be read, from sequence 3 on",
    "UPDATE events SET lines = cast(replace(lines, 'n4', 'n5') AS BLOB)"
    " WHERE first = 5": "1 of events cannot be read, from sequence 5 on",
    "UPDATE events SET lines = cast(replace(lines, '\"event\":', '\"event\":}') AS BLOB),"
    " frames = NULL WHERE first = 5": "1 of events cannot be read, from sequence 5 on",
    "UPDATE events SET lines = x'' WHERE first = 1": (
        "1 of events cannot be read, from sequence 1 on"
    ),
    "DELETE FROM events WHERE first IN (2, 3)": "2 of events cannot be read, from sequence 2 on",
}
"""What somebody did to the rows that wait, and what the doctor says of it."""


async def test_every_row_that_waits_is_decoded(tmp_path: Path) -> None:
    with held_ports(1) as [port]:
        away = {"type": "segment", "write_key": "k", "host": f"http://127.0.0.1:{port}"}
        local = {"type": "file", "path": "events"}
        routes(tmp_path, {"away": away, "local": local})
        async with running(tmp_path, routing="routing.yaml") as gateway:
            for number in range(6):
                await send(gateway, 1, first=number)
            await gateway.wait_for([f"m-{number}" for number in range(6)])
            await settled(gateway, "local")
            _, findings = await looked_beside(tmp_path / "gateway.yaml")
            assert bad(findings).keys() == {"away"}, "only that nothing listens there"
            [waiting] = (one["what"] for one in findings if one["area"] == "delivery")
            assert waiting.startswith("away: 6 wait, the oldest since 20")
            assert "connection" in waiting
            [readable] = (one for one in findings if one["what"].startswith("all that waits"))
            assert readable["verdict"] == "good"
            await gateway.kill()
            shutil.copytree(gateway.data, tmp_path / "kept")
            for change, what in UNREADABLE.items():
                shutil.rmtree(gateway.data)
                shutil.copytree(tmp_path / "kept", gateway.data)
                _sql(change)(gateway)
                code, findings = await looked_beside(tmp_path / "gateway.yaml")
                assert code == 1
                found = bad(findings)["journal"]
                assert found["what"] == f"{what}; `away` will not get them"
                assert "dead letter `unreadable`" in found["remedy"]


async def test_a_gateway_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway:
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGSTOP)
        try:
            code, findings = await looked_beside(tmp_path / "gateway.yaml")
        finally:
            gateway.process.send_signal(signal.SIGCONT)
        assert code == 1
        assert "cannot be asked" in bad(findings)["gateway"]["what"]
        assert "readiness" not in {one["area"] for one in findings}


async def test_another_environment_is_told_apart(tmp_path: Path) -> None:
    """As when GATEWAY_DATA_DIR is set for the service alone."""
    async with running(tmp_path):
        out = io.StringIO()
        elsewhere = {**os.environ, "GATEWAY_DATA_DIR": str(tmp_path / "other")}
        file = tmp_path / "gateway.yaml"
        await asyncio.to_thread(doctor.examine, file, elsewhere, as_json=True, out=out)
        findings = json.loads(out.getvalue())
        [told, none] = (one for one in findings if one["area"] == "gateway")
        assert told["verdict"] == "warning"
        assert str(tmp_path / "data") in told["what"]
        assert "GATEWAY_DATA_DIR" in told["remedy"]
        assert none["what"] == "none is running in data_dir"


@pytest.mark.parametrize("user", [65534] if os.geteuid() == 0 else [])
async def test_another_user_hears_whose_files_they_are(tmp_path: Path, user: int) -> None:
    async with running(tmp_path) as gateway:
        for folder in (*tmp_path.parents, tmp_path, gateway.data):
            if str(folder).startswith(tempfile.gettempdir()):
                folder.chmod(folder.stat().st_mode | 0o055)
        (tmp_path / "gateway.yaml").chmod(0o644)
        code, said = await asyncio.to_thread(looked_as, user, tmp_path / "gateway.yaml")
        assert code == 1
        assert "the running gateway accepts events" in said
        assert f"{gateway.data}/journal belongs to the user root" in said
        assert "run the doctor as the gateway's user" in said


def looked_as(user: int, file: Path) -> tuple[int, str]:
    """In a child that becomes this user once all is imported."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def look() -> None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        out = io.StringIO()
        code = doctor.examine(file, dict(os.environ), as_json=False, out=out)
        sender.send((code, out.getvalue()))

    child = multiprocessing.get_context("fork").Process(target=look)
    child.start()
    child.join(60)
    assert receiver.poll(), "the doctor broke"
    code, said = receiver.recv()
    return code, said


def test_a_long_look_shows_how_far_it_is_on_a_terminal_only() -> None:
    class Terminal(io.StringIO):
        is_terminal = True

        def isatty(self) -> bool:
            return self.is_terminal

    for is_terminal in (True, False):
        Terminal.is_terminal = is_terminal
        out = Terminal()
        progress = Progress(out, patience=0)
        progress.show("decoding", 1, 4)
        assert ("decoding 25%" in out.getvalue()) is is_terminal
        progress.done()
        assert out.getvalue().endswith("\x1b[K" if is_terminal else "")
    quick = Terminal()
    Terminal.is_terminal = True
    Progress(quick).show("decoding", 1, 4)
    assert quick.getvalue() == ""


def numbered(block: Block) -> list[AuditLine]:
    """A 0 is an item that is damaged."""
    return [
        AuditLine(sequence, CleanBytes(b"1"), is_readable=kind == 1)
        for sequence, kind in enumerate(block.lines, block.first)
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 1), min_size=1))))
def test_what_is_readable_and_what_is_not_make_up_all(
    blocks: list[tuple[int, list[int]]],
) -> None:
    """Blocks of good and of damaged items, some with a gap before them."""
    given: list[Block] = []
    good, at = set(), 1
    for gap, kinds in blocks:
        at += gap if given else 0
        given.append(Block(at, len(kinds), bytes(kinds), None))
        good |= {at + place for place, kind in enumerate(kinds) if kind}
        at += len(kinds)
    found = [*examined(given, numbered)]
    bad = [range(one.first, one.end + 1) for each in found for one in each.unreadable]
    assert {item.sequence for each in found for item in each.readable} == good
    assert {sequence for run in bad for sequence in run} == set(range(1, at)) - good
    assert sum(map(len, bad)) == at - 1 - len(good)


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
