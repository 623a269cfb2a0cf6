"""What may stand between an SDK and the gateway: a TLS terminator, an overload, an outage."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

PASSED_ON = ("Content-Type", "Content-Encoding", "Authorization", "Origin", "Host", "X-Retry-Count")
PASSED_ON_TOO = (
    *("Access-Control-Request-Method", "Access-Control-Request-Headers", "User-Agent"),
    "X-Write-Key",
)
NOT_PASSED_BACK = frozenset({"transfer-encoding", "connection", "content-length", "date", "server"})


@dataclass(slots=True)
class Front:
    """Refuses the first POSTs with the statuses of `refusals`, then passes everything on."""

    upstream: str
    url: str
    refusals: list[int]
    session: aiohttp.ClientSession
    refused: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)  # that the gateway answered
    paths: Counter[str] = field(default_factory=Counter)  # that were asked for, without their query

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.method == "POST" and self.refusals:
            self.refused.append(self.refusals.pop(0))
            return self._refusal(request, self.refused[-1])
        headers = {
            name: request.headers[name]
            for name in (*PASSED_ON, *PASSED_ON_TOO)
            if name in request.headers
        }
        self.paths[request.path] += 1
        async with self.session.request(
            request.method,
            self.upstream + request.path_qs,
            headers=headers,
            data=body or None,
        ) as answer:
            self.statuses[answer.status] += 1
            back = {k: v for k, v in answer.headers.items() if k.lower() not in NOT_PASSED_BACK}
            return web.Response(status=answer.status, headers=back, body=await answer.read())

    @staticmethod
    def _refusal(request: web.Request, status: int) -> web.Response:
        return web.json_response(
            {"success": False, "code": "try_again", "message": "not just now"},
            status=status,
            headers={
                "Retry-After": "1",
                "X-RateLimit-Reset": "1",
                "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Expose-Headers": "Retry-After, X-RateLimit-Reset",
            },
        )


@contextlib.asynccontextmanager
async def front(
    upstream: str, refusals: Sequence[int] = (), tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Front]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        before = Front(upstream, "", list(refusals), session)
        application = web.Application(client_max_size=4 * 1024**2)
        application.router.add_route("*", "/{anything:.*}", before.answer)
        runner = web.AppRunner(application, auto_decompress=False, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
            await site.start()
            scheme = "https" if tls else "http"
            before.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
            yield before
        finally:
            _hang_up(runner)
            await runner.cleanup()


def _hang_up(runner: web.AppRunner) -> None:
    """TLS would wait for the goodbye of a client that keeps its connections for later."""
    if runner.server is not None:
        for connection in runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()


def self_made_certificate(folder: Path) -> ssl.SSLContext:
    """For 127.0.0.1, made by the `openssl` program."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *kind, *subject, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
