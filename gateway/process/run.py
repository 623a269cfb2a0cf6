"""The process starts whole or not at all, reloads all or nothing, and stops without a loss.

On SIGTERM and SIGINT the gateway answers 503 to what is new, finishes what it has begun, gives the
destinations some seconds, and closes the journal. On SIGHUP it reads its files again; if they are
wrong, the old ones stay in force and the log says why. On SIGUSR2 it restarts in the same process,
and no client notices.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path as FilePath

import structlog
import uvloop
from aiohttp import web

from gateway import tls
from gateway.admin import routes as admin
from gateway.admin.guard import AdminGuard
from gateway.admin.sessions import Sessions
from gateway.app import Gateway
from gateway.config import Configuration, load
from gateway.config.loops import loops
from gateway.config.values import Listen
from gateway.errors import ConfigurationError, GatewayError, fault, file_problem
from gateway.forward_proxy import ForwardProxy
from gateway.ingest import health, unrouted
from gateway.ingest.app import runner as ingest_runner
from gateway.ingest.registry import INGESTS
from gateway.process import data_dir_lock, descriptors, hot_restart, logs
from gateway.process import sockets as listeners
from gateway.process.connections import Connections
from gateway.process.descriptors import ADMIN_CONNECTIONS
from gateway.process.notify import ServiceManager
from gateway.process.sockets import Sockets
from gateway.process.web_server import Listening, Runner, Site

log = structlog.get_logger(__name__)

_DRAIN_SECONDS = 5.0
_HANDOVER_SECONDS = 1.0
"""What the destinations get at a restart: what remains is delivered by the next program."""


def _folders(configuration: Configuration) -> list[FilePath]:
    """What the gateway writes to below its data folder."""
    written = (settings.folder for settings in configuration.routing.destinations.values())
    folders = [folder for folder in written if folder is not None]
    data_dir = configuration.gateway.data_dir
    return [data_dir / name for name in ("keys", "journal", "audit", "quarantine", *folders)]


class StartError(GatewayError):
    """The gateway cannot start here."""


def run(file: FilePath, environment: Mapping[str, str]) -> int:
    """Serve until a signal to stop. Raises ConfigurationError, StartError or JournalError."""
    configuration = load(file, environment)
    logs.configure(configuration.gateway.log_level)
    with data_dir_lock.claimed(configuration.gateway.data_dir):
        data_dir_lock.check_folders(_folders(configuration))
        service = _Service(file, environment)
        try:
            uvloop.run(service.serve(configuration))
        finally:
            logs.flush()
        if service.is_restarting:
            hot_restart.become_new(service.sockets, environment)
    return 0


def _spare_the_collector() -> None:
    """Schemas and policy stay for good, events hold no cycles: that saves a quarter of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@contextmanager
def _compiling() -> Iterator[None]:
    """Meanwhile the event loop has its turn after one millisecond, not after five."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.001)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class _Service:
    """The listeners, what serves them, and the signals that they got."""

    def __init__(self, file: FilePath, environment: Mapping[str, str]) -> None:
        self._file = file
        self._environment = environment
        self.sockets: Sockets = {}
        self.is_restarting = False
        self._told = asyncio.Event()
        self._asked_to_reload = asyncio.Event()
        self._trying = asyncio.Lock()
        self._manners = hot_restart.ConnectionCloser()
        self._manager = ServiceManager.of(environment)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._forward_proxy: ForwardProxy | None = None

    async def serve(self, configuration: Configuration) -> None:
        self._take_up_sockets(configuration)
        for mistake in loops(configuration):
            log.error(mistake.message, file=mistake.file, line=mistake.line)
        self._gateway = await Gateway.open(configuration, self._environment)
        gateway = self._gateway
        traffic = Connections(
            *_most_connections(configuration), lambda: gateway.backend.trusted_proxies
        )
        self._contexts = self._serving(gateway.control.snapshot.certificates)
        _spare_the_collector()
        self._public = ingest_runner(self._application(), self._listening(traffic))
        self._private = Runner(
            self._admin(configuration),
            self._listening(Connections(ADMIN_CONNECTIONS, ADMIN_CONNECTIONS // 2)),
            auto_decompress=False,
        )
        gateway.listeners.connections["traffic"] = self._public.listening.connections
        gateway.listeners.connections["admin"] = self._private.listening.connections
        try:
            at = await self._listen(self._public, "listen", configuration.gateway.listen)
            if configuration.gateway.tls:
                await self._listen(self._public, "tls.listen", configuration.gateway.tls.listen)
            await self._listen_as_proxy(configuration)
            look_at = configuration.gateway.admin.listen
            admin_at = await self._listen(self._private, "admin.listen", look_at)
            if not any(one.takes_stdout for one in configuration.routing.destinations.values()):
                logs.greet(_greeting(configuration, at, admin_at))
            self._hear()
            gateway.watchdog.start()
            self._manager.ready()
            self._manager.keep_watch()
            reloading = asyncio.create_task(self._reload_when_asked(), name="reload")
            await self._told.wait()
            reloading.cancel()
            if self.is_restarting:
                log.info("restarting")
                self._manager.reloading()
                self._leave_the_proxy()
                await asyncio.gather(
                    hot_restart.quiet(self._public), hot_restart.quiet(self._private)
                )
                hot_restart.hold_signals()
            else:
                log.info("stopping")
                self._manager.stopping()
                gateway.watch.is_stopping = True
                for sockets in self.sockets.values():
                    listeners.close(sockets)
        finally:
            gateway.watchdog.stop()
            self._leave_the_proxy()
            await self._public.cleanup()
            await gateway.close(_HANDOVER_SECONDS if self.is_restarting else _DRAIN_SECONDS)
            await self._private.cleanup()
        log.info("stopped")

    def _listening(self, connections: Connections) -> Listening:
        backend = self._gateway.backend
        return Listening(
            connections,
            lambda: backend.limits.header_seconds,
            lambda: backend.refused("http", "not_http"),
        )

    async def restart(self) -> None:
        """Restart, once the new program has checked its files. Raises RestartError.

        When it returns, the new program answers whoever connects to the admin listener from now on.
        """
        async with self._trying:
            if self._told.is_set():
                return
            await hot_restart.tried(self._file, self._environment)
            await asyncio.to_thread(self._bind_what_is_new)
            self._manners.leaving = self.is_restarting = True
            for site in self._private.sites:
                await site.stop()
            self._told.set()

    def _bind_what_is_new(self) -> None:
        """What the new program will listen on is had before the old one goes."""
        try:
            asked = listeners.wanted(load(self._file, self._environment))
        except ConfigurationError:
            return  # the new program reads what this one cannot
        for key, (setting, listen) in asked.items():
            if key not in self.sockets:
                try:
                    self.sockets[key] = listeners.bound(listen)
                except OSError as error:
                    raise hot_restart.RestartError(_unusable(setting, listen, error)) from None

    def _take_up_sockets(self, configuration: Configuration) -> None:
        found = listeners.inherited(self._environment)
        for key, (setting, listen) in listeners.wanted(configuration).items():
            try:
                self.sockets[key] = found.pop(key, []) or listeners.bound(listen)
            except OSError as error:
                raise StartError(_unusable(setting, listen, error)) from None
        for unused in found.values():
            listeners.close(unused)

    def _application(self) -> web.Application:
        app = web.Application()
        health.add_routes(app, self._gateway.backend)
        for protocol in INGESTS:
            protocol.add_routes(app, self._gateway.backend)
        self._gateway.extensions.add_routes(app, self._gateway.backend)
        unrouted.add_routes(app, self._gateway.backend)
        app.on_response_prepare.append(self._manners.say)
        return app

    def _admin(self, configuration: Configuration) -> web.Application:
        gateway = configuration.gateway
        token = gateway.admin.token
        guard = AdminGuard(token, Sessions.open(gateway.data_dir / "keys", token))
        app = admin.application(self._gateway.observed, guard, self.restart)
        app.middlewares.append(self._manners.send_on)
        app.on_response_prepare.append(self._manners.say)
        return app

    async def _listen(self, runner: web.AppRunner, setting: str, listen: Listen) -> str:
        """Serve; returns the URL, with the port that port 0 became."""
        if runner.server is None:
            await runner.setup()
        context = self._contexts.get(setting)
        sockets = self.sockets[listeners.key(setting, listen)]
        for one in sockets:
            await Site(runner, one.dup(), ssl_context=context, backlog=1024).start()
        scheme = "https" if context else "http"
        return f"{scheme}://{Listen(listen.host, sockets[0].getsockname()[1])}"

    async def _listen_as_proxy(self, configuration: Configuration) -> None:
        settings, web_server = configuration.gateway.forward_proxy, self._public.server
        if settings is None or web_server is None:
            return
        self._forward_proxy = ForwardProxy(
            settings,
            self._contexts["tls.listen"],
            web_server,
            self._public.listening.connections,
            self._gateway.listeners.forwarded,
        )
        await self._forward_proxy.listen(
            self.sockets[listeners.key("forward_proxy.listen", settings.listen)]
        )

    def _leave_the_proxy(self) -> None:
        if self._forward_proxy:
            self._forward_proxy.close()

    def _hear(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._asked_to_reload.set)
        loop.add_signal_handler(signal.SIGUSR2, self._restart_by_signal)
        hot_restart.hear_signals()

    def _stop(self) -> None:
        self.is_restarting = False
        self._told.set()

    def _restart_by_signal(self) -> None:
        self._task = asyncio.create_task(self._restart_or_say_why_not())

    async def _restart_or_say_why_not(self) -> None:
        try:
            await self.restart()
        except hot_restart.RestartError as error:
            log.error("not restarted", mistakes=str(error).splitlines())  # noqa: TRY400 (as below)

    async def _reload_when_asked(self) -> None:
        """One reload at a time; what is asked for meanwhile is one more behind it."""
        while True:
            await self._asked_to_reload.wait()
            self._asked_to_reload.clear()
            await self._reload()

    async def _reload(self) -> None:
        self._manager.reloading()
        try:
            with _compiling():
                configuration = await asyncio.to_thread(load, self._file, self._environment)
                await self._gateway.control.reload(configuration)
        except ConfigurationError as error:
            mistakes = [str(mistake) for mistake in error.mistakes]
            log.error(  # noqa: TRY400 (the mistakes say it all)
                "the new configuration has mistakes; the old one stays in force", mistakes=mistakes
            )
        except OSError as error:
            what = f"{error.filename or 'data_dir'}: {file_problem(error)}"
            log.error("not reloaded; the old configuration stays in force", mistakes=[what])  # noqa: TRY400
        except Exception as error:  # noqa: BLE001 (whatever it is, the gateway goes on as it is)
            log.error("not reloaded; the old configuration stays in force", fault=fault(error))  # noqa: TRY400
        else:
            log.info("reloaded")
        self._manager.ready()
        gc.collect()  # what was replaced holds cycles; a collection of all takes some 30 ms

    def _serving(self, certificates: Mapping[str, ssl.SSLContext]) -> dict[str, ssl.SSLContext]:
        """What each https listener serves with; a certificate that a reload leaves out stays."""

        def in_force(listener: str, first: ssl.SSLContext) -> ssl.SSLContext:
            return self._gateway.control.snapshot.certificates.get(listener, first)

        return {
            listener: tls.serving(partial(in_force, listener, first))
            for listener, first in certificates.items()
        }


def _most_connections(configuration: Configuration) -> tuple[int, int]:
    """As many as are asked for, or as open files allow."""
    gateway = configuration.gateway
    files = descriptors.raised()
    most = descriptors.for_clients(files, len(configuration.routing.destinations))
    if most < gateway.limits.connections:
        log.warning(
            "the limit of open files allows fewer connections than limits.connections;"
            " raise it (LimitNOFILE of systemd, ulimit -Hn)",
            open_files=files,
            connections=most,
        )
    most = min(most, gateway.limits.connections)
    each = gateway.limits.connections_per_address or most // 2
    return most, each


def _unusable(setting: str, listen: Listen, error: OSError) -> str:
    reason = str(error) if isinstance(error, socket.gaierror) else error.strerror
    return f"{setting} {listen}: {reason or error}; choose another"


def _greeting(configuration: Configuration, at: str, admin_at: str) -> str:
    keys = [key for source in configuration.gateway.sources for key in source.write_keys]
    key = keys[0] if keys else "any-write-key"
    body = '{"event": "Signed Up", "userId": "42", "properties": {"plan": "pro"}}'
    return (
        f"SDKs send to  {at}\n"
        f"admin pages   {admin_at}\n"
        f"data          {configuration.gateway.data_dir}/\n"
        f"try           curl -u {key}: {at}/v1/track -d '{body}'\n"
    )
