"""Notifications to a service manager: that the gateway is ready, reloads or stops, and is alive.

It is systemd's protocol (sd_notify), spoken to the socket that NOTIFY_SOCKET names; without one
nothing is said. Nobody waits for a service manager that does not listen. The signs of life leave
from the event loop, so they end when it stands still.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

_LEAST_SECONDS = 0.05


class ServiceManager:
    """Who started the gateway."""

    def __init__(self, address: str = "", beat_seconds: float = 0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._beat_seconds = beat_seconds

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        return cls(environment.get("NOTIFY_SOCKET", ""), _beat_seconds(environment))

    def ready(self, status: str = "takes events") -> None:
        self._say("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._say("RELOADING=1", f"MONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        self._say("STOPPING=1", "STATUS=delivers what it can")

    def keep_watch(self) -> None:
        """Give signs of life for as long as the event loop runs, if they are asked for."""
        if self._beat_seconds and self._address:
            self._say("WATCHDOG=1")
            asyncio.get_running_loop().call_later(self._beat_seconds, self.keep_watch)

    def _say(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.setblocking(False)
            one.sendto("\n".join(lines).encode(), self._address)


def _beat_seconds(environment: Mapping[str, str]) -> float:
    """Twice in the time that WATCHDOG_USEC gives this process; 0: not at all."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    given = environment.get("WATCHDOG_USEC", "")
    return max(int(given) / 2e6, _LEAST_SECONDS) if given.isdecimal() and int(given) else 0
