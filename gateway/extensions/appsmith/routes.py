"""The gateway stands where Appsmith's cloud services do; what it records never delays an answer.

Each `/api/v1/` request is relayed where there is an upstream. The two live side by side: a ping is
recorded though the upstream is down, and relayed though it cannot be recorded. Without an upstream
the gateway answers what it can, once it has what it acknowledges. Usage pulses are always its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote

import structlog
from aiohttp import hdrs, web

from gateway.addresses import is_from
from gateway.budget import OverBudgetError
from gateway.errors import JournalError, Overloaded, RequestError, fault
from gateway.event import CleanBytes, RawEvent
from gateway.extensions.appsmith.events import usage_report
from gateway.extensions.appsmith.parse import PulseContext, read_ping, read_pulse, read_registration
from gateway.extensions.appsmith.relay import Relay, RelayError, Tap, as_upstream
from gateway.extensions.appsmith.relay_policy import FORM, TYPE, made_clean
from gateway.extensions.appsmith.relay_routes import RelayRoute, route_of
from gateway.extensions.appsmith.responses import answered, done, failed
from gateway.extensions.appsmith.settings import Appsmith, appsmith
from gateway.ingest import IngestBackend, Intake, cors
from gateway.ingest.app import go_on
from gateway.ingest.asked import asked as asked_for
from gateway.ingest.body import arriving, parsed, read_body
from gateway.ingest.client_info import sender_of
from gateway.ingest.error_responses import readable
from gateway.ingest.inflate import inflate
from gateway.ingest.json_decode import decode

log = structlog.get_logger(__name__)

_SESSION_COOKIE = "SESSION"
_READABLE = frozenset({"gzip", "x-gzip", "deflate"})
_RETRY_SECONDS = 60
_ANSWER_BYTES = 64 * 1024
"""Of an answer to a report, in which the upstream says whether it has it."""


def add_routes(app: web.Application, backend: IngestBackend) -> None:
    """Appsmith's cloud services, with and without the prefix, and the usage pulse."""
    cloud = _CloudServices(backend)
    app.cleanup_ctx.append(cloud.open_while)
    for prefix in dict.fromkeys(("", appsmith(backend.settings).cloud_services.prefix)):
        inner = web.Application()
        inner.on_response_prepare.append(as_upstream)
        inner.router.add_route("OPTIONS", "/usage-pulse", readable(_preflight))
        take = readable(answered(backend, partial(_take_pulse, backend)))
        for path in ("/usage-pulse", "/usage-pulse/"):
            inner.router.add_route("POST", path, take, expect_handler=go_on)
        serve = answered(backend, partial(cloud.serve, prefix))
        inner.router.add_route("*", "/{rest:.*}", serve, expect_handler=go_on)
        app.add_subapp(f"{prefix}/api/v1", inner)


async def _take_pulse(backend: IngestBackend, request: web.Request) -> web.Response:
    body = await read_body(request, backend.limits)
    header = appsmith(backend.settings).user_header
    is_told = header and is_from(request.remote, backend.trusted_proxies)
    host = request.host
    if is_from(request.remote, backend.trusted_proxies):
        host = request.headers.get("X-Forwarded-Host", host).partition(",")[0].strip()
    facts = PulseContext(
        host=host,
        received_at=backend.now(),
        signed_in_as=request.headers.get(header) if is_told else None,
        session=request.cookies.get(_SESSION_COOKIE),
    )
    intake = read_pulse(body, facts, appsmith(backend.settings))
    backend.rate_limit.charge(intake.events, backend.limits, time.monotonic())
    await backend.take(intake)
    return done(data=True, status=201)


async def _preflight(request: web.Request) -> web.Response:
    return web.Response(headers=cors.preflight(request.headers))


@dataclass(frozen=True, slots=True)
class Checked:
    """A request that may leave."""

    target: str
    arrived: bytes | None  # the body that came; None: it has not been read
    body: bytes | None
    line: CleanBytes


class _CloudServices:
    """Relays and records, each without the other's troubles."""

    def __init__(self, backend: IngestBackend) -> None:
        self._backend = backend
        self._relay = Relay(backend.outgoing)
        self._recording: set[asyncio.Task[None]] = set()

    async def open_while(self, app: web.Application) -> AsyncIterator[None]:
        """For `cleanup_ctx`: what is being recorded is finished before the journal closes."""
        async for _ in self._relay.open_while(app):
            yield
            await asyncio.gather(*self._recording)

    async def serve(self, prefix: str, request: web.Request) -> web.StreamResponse:
        settings = appsmith(self._backend.settings)
        route = (request.method, request.match_info["rest"].strip("/"))
        target = request.rel_url.raw_path_qs.removeprefix(prefix)
        if _leads_elsewhere(target):
            raise RequestError("no_such_path", "the path must not lead out of itself")
        match route:
            case ("GET", "releases"):
                query, now = dict(request.query), self._backend.now()
                await self._account(settings, lambda: read_ping(query, now, settings))
                return await self._pass_on(settings, request, target)
            case ("POST", "installations"):
                return await self._registration(settings, request, target)
            case ("POST", "usage/report"):
                return await self._report(settings, request, target)
            case (_, "usage-pulse"):
                raise RequestError("no_such_path", "usage pulses are sent with POST, and end here")
        return await self._pass_on(settings, request, target)

    async def _registration(
        self, settings: Appsmith, request: web.Request, target: str
    ) -> web.StreamResponse:
        tap = Tap(self._backend.limits.body_bytes)
        response = await self._pass_on(settings, request, target, asked=tap)
        now, encoding = self._backend.now(), request.headers.get(hdrs.CONTENT_ENCODING, "")
        await self._account(
            settings, lambda: read_registration(self._plain(tap, encoding), now, settings)
        )
        return response

    async def _report(
        self, settings: Appsmith, request: web.Request, target: str
    ) -> web.StreamResponse:
        """Acknowledged by the upstream or not at all: a success makes the instance forget it."""
        asked, said = Tap(self._backend.limits.body_bytes), Tap(_ANSWER_BYTES)
        response = await self._pass_on(settings, request, target, asked=asked, said=said)
        answer_encoding = response.headers.get(hdrs.CONTENT_ENCODING, "")
        encoding, now = request.headers.get(hdrs.CONTENT_ENCODING, ""), self._backend.now()

        def read() -> Intake:
            body = decode(self._plain(asked, encoding))
            accepted = 200 <= response.status < 300 and self._is_success(said, answer_encoding)
            event = usage_report(body, settings, now, accepted=accepted)
            if event is None:
                raise RequestError("unreadable_report", "the body is no usage report")
            return Intake("appsmith", [event], [])

        self._record(read)
        return response

    async def _pass_on(
        self,
        settings: Appsmith,
        request: web.Request,
        target: str,
        *,
        asked: Tap | None = None,
        said: Tap | None = None,
    ) -> web.StreamResponse:
        cloud = settings.cloud_services
        if cloud.upstream is None:
            return await self._answer(request, asked)
        path = request.match_info["rest"].strip("/")
        route = route_of(request.method, path, cloud.relay)
        if route is None:
            raise RequestError("no_such_path", "Appsmith's cloud services are not asked for this")
        checked = await self._checked(settings, request, target, route)
        if asked and checked.arrived is not None:
            asked.take(checked.arrived)
        self._record(lambda: Intake("appsmith", [], [], audit=[checked.line]))
        try:
            return await self._relay.pass_on(
                request,
                cloud.upstream + checked.target,
                cloud.timeout,
                body=checked.body,
                is_changed=checked.body != checked.arrived,
                asked=asked,
                said=said,
            )
        except RelayError as error:
            self._backend.refused("appsmith", "no_upstream", asked_for(request))
            return failed(error.status, "the cloud services cannot be reached", _RETRY_SECONDS)

    async def _checked(
        self, settings: Appsmith, request: web.Request, target: str, route: RelayRoute
    ) -> Checked:
        """What of a request may leave. Raises RequestError."""
        body = await self._arrived(request, route)
        backend = self._backend
        facts = RawEvent(settings.source, "appsmith", TYPE, None, {}, backend.now())
        encoding = request.headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()
        if body and encoding and encoding not in _READABLE:
            raise RequestError("unsupported_encoding", "this encoding cannot be read")
        limit = backend.limits.body_bytes

        def check() -> Checked:
            plain = inflate(body, encoding, limit) if body and encoding else body
            path, _, query = target.partition("?")
            clean = made_clean(
                query, plain, request.content_type.lower(), route, facts=facts, rules=rules
            )
            asked = f"{path}?{clean.query}" if clean.query or "?" in target else path
            return Checked(asked, body, body if clean.body == plain else clean.body, clean.line)

        rules = backend.rules
        try:
            return await parsed(len(body or b"") + len(target), check)
        except OverBudgetError:
            raise RequestError("payload_too_large", "the request takes too much work") from None
        except RequestError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the request must not leave)
            log.error("a request was not relayed: the policy failed", fault=fault(error))  # noqa: TRY400
            raise RequestError("unreadable", "the request cannot be checked") from None

    async def _arrived(self, request: web.Request, route: RelayRoute) -> bytes | None:
        """The body, as it came; None where it is streamed: large files, and signed reports."""
        limit = self._backend.limits.body_bytes
        kind = request.content_type.lower()
        is_read = "json" in kind or kind == FORM or 0 < (request.content_length or 0) <= limit
        if route.as_it_is or not request.body_exists or not is_read:
            return None
        body = bytearray()
        async for chunk in arriving(request, self._backend.limits):
            body += chunk
            if len(body) > limit:
                raise RequestError("payload_too_large", f"the body is larger than {limit} bytes")
        return bytes(body)

    async def _answer(self, request: web.Request, asked: Tap | None) -> web.StreamResponse:
        """What makes sense without an upstream."""
        if asked and request.body_exists:
            async for chunk in arriving(request, self._backend.limits):
                asked.take(chunk)
        match request.method, request.match_info["rest"].strip("/"):
            case "GET", "releases":
                return done({"totalCount": 0, "nodes": []})
            case "GET", "ip":
                return done(sender_of(request, self._backend).address or "unknown")
            case "POST", "installations":
                return done(data=True, status=201)
            case "POST", "feature-flags":
                return done({})
            case "POST", "usage/report":
                return failed(503, "no cloud services are configured", _RETRY_SECONDS)
        raise RequestError("no_such_path", "no cloud services are configured that could answer")

    async def _account(self, settings: Appsmith, read: Callable[[], Intake]) -> None:
        """Record: behind the upstream's back, or durably before the gateway's own answer.

        Raises JournalError or Overloaded where the gateway would acknowledge what it has not.
        """
        if settings.cloud_services.upstream is not None:
            self._record(read)
            return
        try:
            await self._take(read)
        except RequestError as error:
            self._backend.refused("appsmith", error.code)

    async def _take(self, read: Callable[[], Intake]) -> None:
        backend, intake = self._backend, read()
        backend.rate_limit.charge(intake.events, backend.limits, time.monotonic())
        await backend.take(intake)

    def _record(self, read: Callable[[], Intake]) -> None:
        """Begin to record; nothing waits for it, so the number of those at it is bounded."""
        if len(self._recording) >= self._backend.limits.requests_in_flight:
            self._backend.refused("appsmith", "unrecorded")
            return
        task = asyncio.create_task(self._recorded(read))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def _recorded(self, read: Callable[[], Intake]) -> None:
        backend = self._backend
        try:
            await self._take(read)
        except RequestError as error:
            backend.refused("appsmith", error.code)
        except (Overloaded, JournalError):
            backend.refused("appsmith", "unrecorded")
        except Exception as error:  # noqa: BLE001 (the relay goes on, whatever this is)
            backend.refused("appsmith", "unrecorded")
            log.error("a request was not recorded", fault=fault(error))  # noqa: TRY400 (may quote it)

    def _plain(self, tap: Tap, encoding: str) -> bytes:
        """What passed, decompressed. Raises RequestError."""
        limit = self._backend.limits.body_bytes
        body = tap.body
        if body is None:
            raise RequestError("payload_too_large", f"the body is larger than {limit} bytes")
        if not encoding:
            return body
        if encoding.lower() not in _READABLE:
            raise RequestError("unsupported_encoding", "this encoding cannot be read")
        return inflate(body, encoding.lower(), limit)

    def _is_success(self, said: Tap, encoding: str) -> bool:
        try:
            value = decode(self._plain(said, encoding))
        except RequestError:
            return False
        meta = value.get("responseMeta") if type(value) is dict else None
        return type(meta) is dict and meta.get("success") is True


def _leads_elsewhere(target: str) -> bool:
    """Whether a step of the path, once an upstream has read it, leads out of the one before."""
    path = unquote(unquote(target.partition("?")[0])).replace("\\", "/")
    return not {".", ".."}.isdisjoint(path.split("/"))
