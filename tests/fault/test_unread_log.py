"""Nobody reads standard error: every request is answered, and the stop does not hang."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import aiohttp

from tests.test_server import metrics
from tests.wire.running import COMMAND, WRITE_KEY, running, until

GARBAGE = b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: -7%d\r\n\r\n"
REQUESTS = 2000


async def refused(host: str, port: int, number: int) -> bool:
    """Send what is no request; whether it was answered as such."""
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(GARBAGE % number)
        line = await reader.readline()
        writer.close()
    return line.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))


async def test_a_log_that_nobody_reads_costs_nobody_a_request(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        await gateway.stop()
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, b"#" * 4096)  # what a reader left when it stopped
        except BlockingIOError:
            os.set_blocking(writing, True)
        gateway.process = await asyncio.create_subprocess_exec(
            *COMMAND, str(tmp_path / "gateway.yaml"), stdout=writing, stderr=writing, cwd=tmp_path
        )
        os.close(writing)

        async def is_up() -> bool:
            try:
                async with session.get(f"{gateway.admin_url}/healthz") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False

        async with asyncio.timeout(30):
            while not await is_up():  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.02)
        for start in range(0, REQUESTS, 50):
            answers = await asyncio.gather(
                *(refused("127.0.0.1", gateway.port, n) for n in range(start, start + 50))
            )
            assert all(answers)
        assert await is_up()
        body = {"event": "Moved", "userId": "u", "messageId": "m", "writeKey": WRITE_KEY}
        async with session.post(f"{gateway.url}/v1/track", json=body) as answer:
            assert answer.status == 200
        gateway.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await gateway.process.wait() == 0
        os.close(reading)


async def test_bad_requests_log_a_handful_of_lines(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        for start in range(0, REQUESTS, 50):
            await asyncio.gather(
                *(refused("127.0.0.1", gateway.port, n) for n in range(start, start + 50))
            )
        found = await metrics(session, gateway)
        assert found["gateway_log_lines_dropped_total"] == 0
        await gateway.stop()
        await until(lambda: "stopped" in gateway.log, 10, lambda: gateway.log)
        assert len(gateway.log.splitlines()) < 20
