"""Lines of one kind become one that says how many; what nobody reads is dropped and counted."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.process.log_writer import FOLD_SECONDS, WRITTEN_AT_ONCE, LogWriter

GENEROUS = 20.0


class Pipe:
    """Standard error of a process that somebody may read."""

    def __init__(self) -> None:
        self.now = 0.0
        self._reading, self.writing = os.pipe()
        self.writer = LogWriter(self.writing, lambda: self.now, room=50)
        self.writer.start()

    def lines(self) -> list[dict[str, Any]]:
        assert self.writer.flush(GENEROUS)
        os.set_blocking(self._reading, False)
        return [json.loads(line) for line in os.read(self._reading, 1 << 20).splitlines()]

    def read_until(self, text: bytes) -> bytes:
        os.set_blocking(self._reading, True)
        found = b""
        while text not in found:
            found += os.read(self._reading, 1 << 16)
        return found

    def close(self) -> None:
        os.close(self._reading)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_the_first_lines_of_a_kind_are_written_and_the_rest_is_one(pipe: Pipe) -> None:
    for number in range(1000):
        pipe.writer.put({"event": "a request failed", "level": "error", "number": number})
        pipe.writer.put({"event": "delivery waits", "level": "error", "destination": "a"})
    pipe.writer.put({"event": "delivery waits", "level": "error", "destination": "b"})
    found = pipe.lines()
    failed = [line for line in found if line["event"] == "a request failed"]
    assert [line["number"] for line in failed] == [*range(WRITTEN_AT_ONCE), 999]
    assert failed[-1]["repeated"] == 1000 - WRITTEN_AT_ONCE
    assert sum(line.get("repeated", 1) for line in found) == 2001
    assert len(found) == 2 * (WRITTEN_AT_ONCE + 1) + 1


def test_what_goes_on_is_told_once_in_each_stretch_of_time(pipe: Pipe) -> None:
    for _ in range(5):
        for _ in range(100):
            pipe.writer.put({"event": "again", "level": "error"})
        pipe.now += FOLD_SECONDS + 1
    found = pipe.lines()
    assert sum(line.get("repeated", 1) for line in found) == 500
    assert len(found) <= WRITTEN_AT_ONCE + 5


def test_a_kind_that_was_quiet_is_written_at_once_again(pipe: Pipe) -> None:
    for _ in range(WRITTEN_AT_ONCE + 1):
        pipe.writer.put({"event": "again", "level": "error"})
    assert len(pipe.lines()) == WRITTEN_AT_ONCE + 1
    pipe.now += 2 * FOLD_SECONDS + 1
    pipe.writer.put({"event": "wakes the writer", "level": "error"})
    pipe.lines()
    pipe.writer.put({"event": "again", "level": "error"})
    [line] = pipe.lines()
    assert "repeated" not in line


def test_nobody_waits_for_a_reader_that_does_not_read(pipe: Pipe) -> None:
    """Kinds without end, too: neither the queue nor what is remembered grows."""
    for number in range(5000):
        pipe.writer.put({"event": f"line {number}", "level": "error", "more": "x" * 500})
    assert pipe.writer.dropped > 1000
    assert not pipe.writer.flush(0.01)
    told = pipe.read_until(b"log lines were dropped")
    line = next(line for line in told.splitlines() if b"were dropped" in line)
    assert json.loads(line)["lines"] > 0


def test_what_cannot_be_written_costs_nobody_anything(pipe: Pipe) -> None:
    """A value that is no JSON, text that is no UTF-8, a descriptor that is closed."""
    pipe.writer.put({"event": "odd", "level": "error", "what": object(), "half": "\udc80"})
    [line] = pipe.lines()
    assert (line["what"], line["half"]) == ("object", "\udc80")
    os.set_blocking(pipe.writing, False)
    pipe.writer.put({"event": "not blocking", "level": "error"})
    assert pipe.lines()
    os.close(pipe.writing)
    pipe.writer.put({"event": "closed", "level": "error"})
    assert pipe.writer.flush(GENEROUS)
    assert pipe.writer.dropped == 1


def test_threads_lose_nothing_to_each_other(pipe: Pipe) -> None:
    def write(name: str) -> None:
        for _ in range(2000):
            pipe.writer.put({"event": "busy", "level": "error", "source": name})

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(line.get("repeated", 1) for line in pipe.lines()) == 8000


def test_of_a_library_only_the_template_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What asyncio says of a task that broke shows the task, and with it what the error quotes."""
    from gateway.process import logs

    said: list[dict[str, Any]] = []
    monkeypatch.setattr(logs, "_writer", type("Writer", (), {"put": staticmethod(said.append)}))
    handler = logs._Handler()
    secret = "ada@mail.example"

    async def breaks() -> None:
        raise ValueError(secret)

    async def run() -> None:
        task = asyncio.create_task(breaks())
        await asyncio.wait([task])

    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    try:
        asyncio.run(run())
        logging.getLogger("asyncio").error("a line of %s", secret)
    finally:
        logger.removeHandler(handler)
    assert [line["event"] for line in said] == [
        "Task exception was never retrieved",
        "a line of %s",
    ]
    assert said[0]["error"].startswith("ValueError at test_log_writer.py")
    assert secret not in repr(said)


def test_what_breaks_unseen_is_one_line_without_its_words() -> None:
    """In a thread, in a finalizer and at the end of the process; warnings, too."""
    program = """
import threading, warnings
from gateway.process import logs
logs.configure("info")
def breaks(secret="ada@mail.example"):
    raise ValueError(secret)
thread = threading.Thread(target=breaks)
thread.start()
thread.join()
class Dies:
    def __del__(self):
        breaks()
Dies()
warnings.warn("ada@mail.example")
breaks()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [line["event"] for line in lines] == [
        "an unexpected error in a thread",
        "an unexpected error in the background",
        "a library warns",
        "the gateway stopped on an unexpected error",
    ]
    assert "ada@" not in done.stderr
