"""However the journal comes to refuse, everybody says the same, the log once, and it heals."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway import health
from gateway.cli.doctor import command as doctor
from gateway.health import HEALED_SECONDS, Began, Disk, Ended, HealthFacts, Outages
from gateway.journal.sqlite import store
from tests.cli.test_dead_letters import settled
from tests.fakes import vendor
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import answers
from tests.journal.disks import small_tmpfs
from tests.test_server import event, metrics, post, ready
from tests.wire.running import Gateway, running, until

MIB = 1024**2
NUMBERS = itertools.count()
REFUSED, ACCEPTED = "events are refused", "events are accepted again"
HEALTHY = HealthFacts(
    used=0, max_bytes=8 * MIB, disk=Disk(1, 64 * MIB, 32 * MIB), min_free_bytes=MIB
)


class Away(FakeSegment):
    """Answers 503 while it is away."""

    is_away = False

    async def answer(self, request: Any, body: bytes) -> Any:
        if self.is_away:
            return await answers(503)(request)
        return await super().answer(request, body)


async def sent(gateway: Gateway) -> int:
    async with aiohttp.ClientSession() as session:
        one = event(next(NUMBERS), properties={"text": "x" * 9000})
        status, _, _ = await post(session, gateway, one)
        return status


Way = Callable[[Gateway, Away], AbstractContextManager[None]]
"""Within it the journal refuses, at once or after some events."""


@contextmanager
def full_journal(_: Gateway, away: Away) -> Iterator[None]:
    """While the vendor is away, everything stays in the journal."""
    away.is_away = True
    yield
    away.is_away = False


@contextmanager
def file_size_limit(gateway: Gateway, _: Away) -> Iterator[None]:
    """The process alone cannot write; no other program sees that."""
    assert gateway.process is not None
    process = gateway.process.pid
    hard = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
    size = (gateway.data / "journal" / "journal.db-wal").stat().st_size
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))
    yield
    resource.prlimit(process, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def folder_gone(gateway: Gateway, _: Away) -> Iterator[None]:
    (gateway.data / "journal").rename(gateway.data / "away")
    yield
    (gateway.data / "away").rename(gateway.data / "journal")


@contextmanager
def files_replaced(gateway: Gateway, _: Away) -> Iterator[None]:
    """A backup is put back under a running gateway: what is written now, nobody would find."""
    (gateway.data / "journal").rename(gateway.data / "away")
    shutil.copytree(gateway.data / "away", gateway.data / "journal")
    yield
    shutil.rmtree(gateway.data / "journal")
    (gateway.data / "away").rename(gateway.data / "journal")


@contextmanager
def log_deleted(gateway: Gateway, _: Away) -> Iterator[None]:
    file = gateway.data / "journal" / "journal.db-wal"
    kept = gateway.data / "kept"
    os.link(file, kept)
    file.unlink()
    yield
    kept.replace(file)


@contextmanager
def locked(gateway: Gateway, _: Away) -> Iterator[None]:
    """No event comes meanwhile: it is noticed all the same."""
    connection = sqlite3.connect(gateway.data / "journal" / "journal.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


@contextmanager
def low_disk(gateway: Gateway, _: Away) -> Iterator[None]:
    """Another program fills the disk beyond journal.min_free_bytes."""
    filler = gateway.data / "filler"
    filler.write_bytes(bytes(40 * MIB))
    yield
    filler.unlink()


@contextmanager
def full_disk(gateway: Gateway, _: Away) -> Iterator[None]:
    """Another program takes the last byte."""
    filler = gateway.data / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(MIB)):
            pass
    yield
    filler.unlink()


@contextmanager
def read_only(gateway: Gateway, _: Away) -> Iterator[None]:
    folder = str(gateway.data)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
    yield
    subprocess.run(["umount", "--lazy", folder], check=True)


WAYS: dict[str, tuple[Way, str, dict[str, Any]]] = {
    "max_bytes": (full_journal, "its journal.max_bytes", {"max_bytes": MIB}),
    "no write succeeds": (file_size_limit, "the disk is failing", {}),
    "folder gone": (folder_gone, health.UNREACHABLE, {}),
    "files replaced": (files_replaced, health.REPLACED, {}),
    "log deleted": (log_deleted, health.REPLACED, {}),
    "locked": (locked, "another program holds the journal locked", {}),
}
AFTER_EVENTS = {"max_bytes", "no write succeeds"}
if os.geteuid() == 0:  # who may mount a small disk
    WAYS |= {
        "min_free_bytes": (low_disk, "journal.min_free_bytes keeps", {"min_free_bytes": 32 * MIB}),
        "disk full": (full_disk, health.FULL, {}),
        "read-only": (read_only, health.READ_ONLY, {}),
    }


def examined(gateway: Gateway) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    code = doctor.examine(gateway.folder / "gateway.yaml", dict(os.environ), as_json=True, out=out)
    return code, json.loads(out.getvalue())


def bad(findings: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["area"]: one for one in findings if one["verdict"] == "bad"}


def without_numbers(text: str) -> str:
    return re.sub(r"[\d.,]+ .iB", "#", text)


def log_lines(gateway: Gateway, words: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in gateway.log.splitlines() if line.startswith("{"))
    return [line for line in lines if line["event"] == words]


@asynccontextmanager
async def on_a_small_disk(
    folder: Path, journal: dict[str, Any]
) -> AsyncGenerator[tuple[Gateway, Away]]:
    """64 MiB for `data_dir`, where somebody may mount; otherwise the disk that there is."""
    with ExitStack() as stack:
        if os.geteuid() == 0:
            stack.enter_context(small_tmpfs(folder / "data", 64 * MIB))
        async with vendor.running(Away()) as away:
            routing = {
                "destinations": {"away": {"type": "segment", "write_key": "k", "host": away.url}},
                "routes": [{"name": "all", "to": ["away"]}],
            }
            away.write_key = "k"
            (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
            settings = {"min_free_bytes": 0, **journal}
            async with running(folder, routing="routing.yaml", journal=settings) as gateway:
                yield gateway, away


@pytest.mark.parametrize("way", WAYS)
async def test_all_say_the_same_and_the_log_says_it_once(tmp_path: Path, way: str) -> None:
    refusing, words, journal = WAYS[way]
    async with (
        on_a_small_disk(tmp_path, journal) as (gateway, away),
        aiohttp.ClientSession() as session,
    ):
        assert await sent(gateway) == 200
        await settled(gateway, "away")
        with refusing(gateway, away):
            while way in AFTER_EVENTS and await sent(gateway) == 200:
                pass
            await until(lambda: bool(log_lines(gateway, REFUSED)), 30, lambda: gateway.log)
            status, said = await ready(session, gateway)
            assert (status, said["ready"]) == (503, False)
            assert words in said["reason"]
            async with session.get(f"{gateway.url}/readyz") as answer:
                assert (answer.status, await answer.json()) == (503, {"ready": False})
            assert (await metrics(session, gateway))["gateway_ready"] == 0
            assert await sent(gateway) == 503
            code, findings = await asyncio.to_thread(examined, gateway)
            assert code == 1
            finding = bad(findings)["readiness"]
            assert without_numbers(finding["what"]) == without_numbers(said["reason"])
            assert finding["remedy"] == said["remedy"] != ""
            async with session.get(gateway.admin_url) as page:
                assert said["remedy"].partition("`")[0] in unescape(await page.text())
        await until(lambda: bool(log_lines(gateway, ACCEPTED)), 60, lambda: gateway.log)
        assert (await ready(session, gateway))[0] == 200
        assert (await metrics(session, gateway))["gateway_ready"] == 1
        code, findings = await asyncio.to_thread(examined, gateway)
        assert (code, bad(findings)) == (0, {})
        assert await sent(gateway) == 200
        [began] = log_lines(gateway, REFUSED)
        [ended] = log_lines(gateway, ACCEPTED)
        assert (began["level"], ended["level"]) == ("error", "warning")
        assert words in began["cause"]
        assert began["remedy"] == said["remedy"]
        assert min(ended["requests"], ended["events"], ended["refused_for"]) > 0


def test_every_reason_of_a_database_has_a_remedy_of_its_own() -> None:
    for code in ("FULL", "IOERR", "CANTOPEN", "READONLY", "BUSY", "LOCKED", "CORRUPT", "NOTADB"):
        error = sqlite3.OperationalError()
        error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{code}")
        assert health.remedy(store.cause(error)) != health.remedy("something else")


def replaced(**changes: Any) -> HealthFacts:
    fields = {name: getattr(HEALTHY, name) for name in HealthFacts.__slots__}
    return HealthFacts(**{**fields, **changes})


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (HEALTHY, None),
        (replaced(used=8 * MIB), "the journal holds 8.0 MiB, its journal.max_bytes"),
        (
            replaced(disk=Disk(1, 64 * MIB, MIB // 2)),
            "the disk has 512.0 KiB left; journal.min_free_bytes keeps 1.0 MiB",
        ),
        (replaced(disk=Disk(1, 64 * MIB, 100), min_free_bytes=0), health.FULL),
        (replaced(disk=Disk(1, 0, None)), None),
        (replaced(disk=None, fault="the disk is full"), health.UNREACHABLE),
        (replaced(fault="the disk is full"), "the disk is full"),
        (replaced(is_replaced=True), health.REPLACED),
        (replaced(disk=Disk(1, 64 * MIB, 32 * MIB, is_read_only=True)), health.READ_ONLY),
        (replaced(is_stopping=True, disk=None), health.STOPPING),
    ],
)
def test_the_judgement(facts: HealthFacts, said: str | None) -> None:
    assert health.reason(facts) == said


def test_an_outage_is_one_also_where_it_comes_and_goes() -> None:
    outages = Outages()
    said = [outages.look(at, "full" if at % 3 else None) for at in range(1, 60)]
    assert said == [Began("full")] + [None] * 58
    later = [outages.look(at, None) for at in range(60, 70)]
    assert [one for one in later if one] == [Ended("full", 59.0, 0, 0)]


def test_what_was_refused_between_two_looks_is_an_outage_too() -> None:
    outages = Outages()
    outages.refused("locked", 3)
    assert outages.look(0, None) == Began("locked")
    outages.refused("locked", 4)
    assert outages.look(1, None) is None
    assert outages.look(2, None) is None
    assert outages.look(2 + HEALED_SECONDS, None) == Ended("locked", 2, 2, 7)
    assert outages.look(99, None) is None
