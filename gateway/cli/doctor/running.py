"""What the running gateway says of itself; the doctor repeats it, so that they cannot disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from gateway import __version__
from gateway.cli.admin_client import AskingError, ask_at
from gateway.cli.doctor.finding import Finding
from gateway.config import Configuration
from gateway.process.data_dir_lock import is_claimed

_SECONDS = 5.0
_SAME = (
    "run the doctor with the --config and the environment (GATEWAY_DATA_DIR) that the gateway "
    "was started with, and in the same folder"
)


@dataclass(frozen=True, slots=True)
class Running:
    """The gateway that works in the data folder, so far as it can be known."""

    is_there: bool
    readiness: Mapping[str, Any] | None = None
    """What `/readyz` answers."""
    status: Mapping[str, Any] | None = None
    """What `/api/status` answers."""
    silence: str | None = None
    """Why one of them does not answer."""
    elsewhere: str | None = None
    """The data folder of a gateway that answers in its place."""

    @property
    def destinations(self) -> Mapping[str, Mapping[str, Any]]:
        """What it says of each destination."""
        return {one["name"]: one for one in (self.status or {}).get("destinations", ())}


def asked(configuration: Configuration) -> Running:
    """Ask at the admin listener, whoever holds the data folder: that may be gone meanwhile."""
    data_dir = configuration.gateway.data_dir
    is_there = is_claimed(data_dir)
    listener = configuration.gateway.admin, configuration.admin_tls
    try:
        readiness = ask_at(*listener, "GET", "/readyz", also=(503,), seconds=_SECONDS)
        if not isinstance(readiness, dict) or "ready" not in readiness:
            return Running(is_there, silence="the server at admin.listen is not a gateway")
    except AskingError as error:
        return Running(is_there, silence=str(error))
    try:
        status = ask_at(*listener, "GET", "/api/status", seconds=_SECONDS)
    except AskingError as error:
        return Running(True, readiness, silence=str(error))
    works_in = status.get("data_dir")
    if not is_there and works_in and FilePath(works_in) != data_dir.resolve():
        return Running(False, elsewhere=works_in)
    return Running(True, readiness, status)


def findings(running: Running, configuration: Configuration) -> Iterator[Finding]:
    """What it says, or that it says nothing."""
    listen = configuration.gateway.admin.listen
    if running.elsewhere:
        yield Finding(
            "gateway", "warning",
            f"the gateway at {listen} works in {running.elsewhere}, and this configuration says "
            f"{configuration.gateway.data_dir.resolve()}",
            _SAME,
        )  # fmt: skip
    if not running.is_there:
        yield Finding("gateway", "good", "none is running in data_dir")
    elif running.readiness is None:
        yield Finding(
            "gateway", "bad", f"one is running in data_dir, but cannot be asked: {running.silence}",
            f"if it neither starts nor stops just now, look into its log; or {_SAME}",
        )  # fmt: skip
    else:
        yield from _readiness(running.readiness)
        yield from _process(running)


def _readiness(readiness: Mapping[str, Any]) -> Iterator[Finding]:
    if readiness["ready"]:
        yield Finding("readiness", "good", "the running gateway accepts events")
    else:
        yield Finding(
            "readiness", "bad", str(readiness.get("reason")), readiness.get("remedy") or ""
        )
    if warning := readiness.get("warning"):
        yield Finding(
            "forecast", "warning", warning, "free space, or bring the destinations back that wait"
        )


def _process(running: Running) -> Iterator[Finding]:
    if running.status is None:
        yield Finding(
            "gateway", "warning", f"its answer says no more than: {running.silence}",
            "is admin.token the one it was started with?",
        )  # fmt: skip
        return
    version = running.status.get("version")
    if version != __version__:
        yield Finding(
            "gateway", "warning", f"version {version} is running, and this is {__version__}",
            "restart it to run this version",
        )  # fmt: skip
    dropped = running.status.get("log_lines_dropped")
    if dropped:
        yield Finding(
            "gateway", "warning", f"{dropped:,} lines of its log could not be written",
            "the reader of its standard error is too slow or has stopped",
        )  # fmt: skip
