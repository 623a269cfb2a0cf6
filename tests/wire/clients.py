"""The SDKs that run on servers, each behind the program of tests/clients that drives it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import pytest
from _pytest.mark import ParameterSet

from tests.wire.running import ROOT, WRITE_KEY, until

FOLDER = ROOT / "tests" / "clients"
INSTALL = "tests/clients/install"


class Scripted(Protocol):
    """What a program of tests/clients is told to do with its SDK."""

    @property
    def request(self) -> Mapping[str, Any]: ...


@dataclass(slots=True)
class Told:
    """What the SDK told its caller: the messageId of each label, by fate."""

    acked: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, line: bytes) -> None:
        fate = json.loads(line)
        if "acked" in fate:
            self.acked[fate["acked"]] = fate["messageId"]
        else:
            self.failed[fate["failed"]] = fate["why"]


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    command: tuple[str, ...]
    library: Mapping[str, str]
    request: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    sends_nulls: bool = True
    needs: Mapping[str, str] = field(default_factory=dict)  # what, and the command that brings it

    @property
    def marks(self) -> list[pytest.MarkDecorator]:
        return [pytest.mark.needs(what, command) for what, command in self.needs.items()]

    async def send(
        self, url: str, script: Sequence[Scripted], folder: Path, **request: Any
    ) -> Told:
        """Run the script to its end; the program must not fail."""
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps([event.request for event in script]))
        async with self._running(url, script=str(path), **request) as (told, _):
            pass
        return told

    @contextlib.asynccontextmanager
    async def stream(self, url: str) -> AsyncGenerator[Told]:
        """Numbered track events for as long as the context lasts; then the SDK sends the rest."""
        async with self._running(url, stream=True) as (told, process):
            yield told
            assert process.stdin is not None
            process.stdin.close()

    @contextlib.asynccontextmanager
    async def _running(
        self, url: str, **request: Any
    ) -> AsyncGenerator[tuple[Told, asyncio.subprocess.Process]]:
        request = {"host": url, "writeKey": WRITE_KEY, **self.request, **request}
        process = await asyncio.create_subprocess_exec(
            shutil.which(self.command[0]) or self.command[0],
            *self.command[1:],
            json.dumps(request),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | self.environment,
        )
        told = Told()
        report = asyncio.create_task(_follow(process, told))
        try:
            yield told, process
            async with asyncio.timeout(90):
                complaints = await report
            assert process.returncode == 0, complaints
        finally:
            report.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _follow(process: asyncio.subprocess.Process, told: Told) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(process.stderr.read())
    async for line in process.stdout:
        told.add(line)
    await process.wait()
    return (await errors).decode()


def _node(program: str, sdk: str, library: str, version: str) -> Client:
    return Client(
        name=sdk,
        command=("node", str(FOLDER / "node" / program)),
        library={"name": library, "version": version},
        request={"sdk": sdk},
        needs={
            "node": "apt-get install nodejs npm",
            "tests/clients/node/node_modules/installed": INSTALL,
        },
    )


def _python(version: str, folder: str | None = None) -> Client:
    return Client(
        name=f"segment-python-{version}",
        command=(sys.executable, str(FOLDER / "python" / "drive_segment.py")),
        library={"name": "analytics-python", "version": version},
        environment={"PYTHONPATH": str(ROOT / folder)} if folder else {},
        needs={f"{folder}/installed": INSTALL} if folder else {},
    )


def _java(version: str) -> Client:
    built = FOLDER / "java" / "target" / version
    return Client(
        name=f"analytics-java-{version}",
        command=("java", "-cp", f"{built / 'classes'}:{built / 'lib'}/*", "DriveSegment"),
        library={"name": "analytics-java", "version": version},
        sends_nulls=False,  # Gson leaves them out
        needs={
            "java": "apt-get install maven default-jdk-headless",
            f"tests/clients/java/target/{version}/installed": INSTALL,
        },
    )


def _rudder_python(version: str, folder: str) -> Client:
    return Client(
        name=f"rudder-python-{version}",
        command=(sys.executable, str(FOLDER / "python" / "drive_segment.py")),
        library={"name": "analytics-python", "version": version},
        request={"package": "rudderstack"},
        environment={"PYTHONPATH": str(ROOT / folder)},
        needs={f"{folder}/installed": INSTALL},
    )


def _mixpanel_python(consumer: str) -> Client:
    return Client(
        name=f"mixpanel-python-{consumer}",
        command=(sys.executable, str(FOLDER / "python" / "drive_mixpanel.py")),
        library={"mp_lib": "python", "$lib_version": metadata.version("mixpanel")},
        request={"sdk": consumer},
    )


def _mixpanel_java(version: str) -> Client:
    built = FOLDER / "java" / "target" / f"mixpanel-{version}"
    return Client(
        name=f"mixpanel-java-{version}",
        command=("java", "-cp", f"{built / 'classes'}:{built / 'lib'}/*", "DriveMixpanel"),
        library={"mp_lib": "jdk"},
        needs={
            "java": "apt-get install maven default-jdk-headless",
            f"tests/clients/java/target/mixpanel-{version}/installed": INSTALL,
        },
    )


NODE_3 = _node("segment.mjs", "segment-node-3", "@segment/analytics-node", "3.1.0")
NODE_2 = _node("segment.mjs", "segment-node-2", "@segment/analytics-node", "2.3.0")
NODE_LEGACY = _node("segment-legacy.mjs", "analytics-node-6", "analytics-node", "6.2.0")
PYTHON = _python("2.4.0")
PYTHON_OLD = _python("2.3.6", "build/segment-python-2.3")
JAVA = tuple(map(_java, ("3.5.4", "3.3.1", "2.1.1")))
QUICK_TO_RETRY = (NODE_3, NODE_2, NODE_LEGACY, PYTHON, PYTHON_OLD)
RUDDER = (
    _node("rudder.mjs", "rudder-node", "analytics-node", "3.0.13"),
    _rudder_python("2.1.9", "build/rudder-python-2.1"),
)
MIXPANEL_NODE = replace(
    _node("mixpanel.mjs", "mixpanel-node", "node", "0.24.0"),
    library={"mp_lib": "node", "$lib_version": "0.24.0"},
)
MIXPANEL_PYTHON = _mixpanel_python("consumer")
MIXPANEL_BUFFERED = _mixpanel_python("buffered")
MIXPANEL = (MIXPANEL_NODE, MIXPANEL_PYTHON, MIXPANEL_BUFFERED, _mixpanel_java("1.6.1"))


def each(*clients: Client) -> list[ParameterSet]:
    """For `parametrize`: a client whose SDK is not here is skipped by name."""
    return [pytest.param(client, id=client.name, marks=client.marks) for client in clients]


async def acked_more(told: Told, count: int) -> None:
    """Return once the SDK has told of so many more events."""
    goal = len(told.acked) + count
    await until(lambda: len(told.acked) >= goal, 60, lambda: f"{len(told.acked)} of {goal} acked")
