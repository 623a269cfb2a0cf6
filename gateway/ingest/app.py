"""Every request reaches its route, which alone decides about encodings and sizes."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import HttpVersion11, hdrs, web

from gateway.ingest import cors
from gateway.process.web_server import Listening, Runner

LINE_BYTES = 128 * 1024
"""Of a request line: events come in the query of a GET too."""
FIELD_BYTES = 16 * 1024
"""Of one header."""
READ_BYTES = 32 * 1024
"""Of a body that nobody reads yet, about; the rest waits in the kernel."""


def runner(app: web.Application, listening: Listening) -> Runner:
    """What serves SDK traffic. Bodies arrive as they were sent, compressed where they were."""
    return Runner(
        app,
        replace(listening, error_headers=cors.of_unreadable),
        auto_decompress=False,
        max_line_size=LINE_BYTES,
        max_field_size=FIELD_BYTES,
        keepalive_timeout=75,
        lingering_time=5,
        read_bufsize=READ_BYTES,
    )


async def go_on(request: web.Request) -> None:
    """Go on whatever is expected: aiohttp's own 417 is a status that some SDKs retry forever."""
    expected = request.headers.get(hdrs.EXPECT, "").lower()
    if expected == "100-continue" and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
