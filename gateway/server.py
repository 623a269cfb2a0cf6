"""The process starts whole or not at all, reloads all or nothing, and stops without a loss.

On SIGTERM and SIGINT the gateway answers 503 to what is new, finishes what it has begun, gives the
destinations some seconds, and closes the journal. On SIGHUP it reads its files again; if they are
wrong, the old ones stay in force and the log says why.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path as FilePath

import structlog
import uvloop
from aiohttp import web

from gateway import logs
from gateway.admin import routes as admin
from gateway.app import Gateway
from gateway.config import Configuration, load
from gateway.config.values import Listen
from gateway.errors import ConfigurationError, GatewayError
from gateway.ingest import mixpanel_routes, segment_routes
from gateway.ingest.server import runner as ingest_runner

log = structlog.get_logger(__name__)

_DRAIN_SECONDS = 5.0


class StartError(GatewayError):
    """The gateway cannot start here."""


def run(file: FilePath, environment: Mapping[str, str]) -> int:
    """Serve until told to stop. Raises ConfigurationError, StartError or JournalError."""
    configuration = load(file, environment)
    logs.configure(configuration.gateway.log_level)
    with _claimed(configuration.gateway.data_dir):
        uvloop.run(_serve(configuration, file, environment))
    return 0


async def _serve(
    configuration: Configuration, file: FilePath, environment: Mapping[str, str]
) -> None:
    gateway = await Gateway.open(configuration, environment)
    public = ingest_runner(_public(gateway))
    private = web.AppRunner(
        admin.application(gateway, configuration.gateway.admin.token), access_log=None
    )
    try:
        at = await _listen(public, configuration.gateway.listen, "listen")
        admin_at = await _listen(private, configuration.gateway.admin.listen, "admin.listen")
        print(_greeting(configuration, at, admin_at), flush=True)  # noqa: T201 (for the person)
        await _until_told_to_stop(gateway, file, environment)
        log.info("stopping")
        gateway.closing = True
    finally:
        await public.cleanup()
        await gateway.close(_DRAIN_SECONDS)
        await private.cleanup()
    log.info("stopped")


def _public(gateway: Gateway) -> web.Application:
    app = web.Application()
    segment_routes.add_routes(app, gateway)
    mixpanel_routes.add_routes(app, gateway)
    return app


async def _listen(runner: web.AppRunner, listen: Listen, setting: str) -> str:
    """Bind and serve; returns the URL, with the port that port 0 became."""
    await runner.setup()
    try:
        site = web.TCPSite(runner, listen.host, listen.port, backlog=1024)
        await site.start()
    except (OSError, socket.gaierror) as error:
        raise StartError(f"{setting} {listen}: {error.strerror or error}; choose another") from None
    port = runner.addresses[0][1]
    return f"http://{Listen(listen.host, port)}"


async def _until_told_to_stop(
    gateway: Gateway, file: FilePath, environment: Mapping[str, str]
) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    loop.add_signal_handler(signal.SIGHUP, _reload, gateway, file, environment)
    await told.wait()


def _reload(gateway: Gateway, file: FilePath, environment: Mapping[str, str]) -> None:
    try:
        gateway.reload(load(file, environment), environment)
    except ConfigurationError as error:
        mistakes = [str(mistake) for mistake in error.mistakes]
        log.error(  # noqa: TRY400 (the mistakes say it all)
            "the new configuration is wrong; the old one stays", mistakes=mistakes
        )
    else:
        log.info("reloaded")


@contextmanager
def _claimed(data_dir: FilePath) -> Iterator[None]:
    """Hold `data_dir` for this process: two gateways in one would overwrite each other's files."""
    try:
        data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(f"data_dir {data_dir}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StartError(
            f"another gateway is running in {data_dir}; give this one its own"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def _greeting(configuration: Configuration, at: str, admin_at: str) -> str:
    keys = [key for source in configuration.gateway.sources for key in source.write_keys]
    key = keys[0] if keys else "any-write-key"
    body = '{"event": "Signed Up", "userId": "42", "properties": {"plan": "pro"}}'
    return (
        f"SDKs send to  {at}\n"
        f"you look at   {admin_at}\n"
        f"data          {configuration.gateway.data_dir}/\n"
        f"try           curl -u {key}: {at}/v1/track -d '{body}'\n"
    )
