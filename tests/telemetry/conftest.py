"""A gateway of the test's own, and its command line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.wire.running import Gateway, running


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    error: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.error
        return json.loads(self.out)


async def gateway_command(folder: Path, *arguments: str, **environment: str) -> Answer:
    """Type `gateway …` beside the gateway whose files are in `folder`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.cli.main",
        *arguments,
        env={**os.environ, **environment},
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await process.communicate()
    assert process.returncode is not None
    return Answer(process.returncode, out.decode(), error.decode())


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with running(tmp_path) as gateway:
        yield gateway
