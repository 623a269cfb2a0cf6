"""A token for Segment is fetched by one thread; whoever waits for it waits a bounded time.

The package's OauthManager asks, signs and renews. Its `get_token` blocks for as long as the token
server says, so it is called in a thread of its own and never in a delivery's.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from segment.analytics import oauth_manager as sdk

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import RetryLater
from gateway.destinations.http import free, leave_by
from gateway.destinations.segment.settings import OAuth

_ADAPTER = free(sdk._session)  # noqa: SLF001 (the package offers no other way in)


class _Manager(sdk.OauthManager):  # type: ignore[misc]  # the package has no types
    """The package's, whose threads each begin here."""

    def __init__(self, outgoing: Outgoing, given: OAuth, seconds: float) -> None:
        super().__init__(
            given.client_id,
            given.private_key,
            given.key_id,
            auth_server=given.auth_server,
            scope=given.scope,
            timeout=seconds,
        )
        self._outgoing = outgoing

    def _poller_loop(self) -> None:
        leave_by(self._outgoing)
        super()._poller_loop()


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and who makes the next one."""

    text: str
    manager: sdk.OauthManager

    def clear(self) -> None:
        """Segment refused it; the next call fetches another."""
        self.manager.clear_token()


class Tokens:
    """The tokens of one destination."""

    def __init__(self, settings: OAuth, seconds: float, outgoing: Outgoing) -> None:
        self._settings = settings
        self._seconds = seconds
        self._outgoing = outgoing
        self._manager: sdk.OauthManager | None = None
        self._thread = ThreadPoolExecutor(1, "oauth")

    async def current(self) -> Token | RetryLater:
        """The token in force, or why there is none yet."""
        manager = self._manager = self._manager or _Manager(
            self._outgoing, self._settings, self._seconds
        )
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                text = await loop.run_in_executor(self._thread, manager.get_token)
        except TimeoutError:
            return RetryLater("oauth: no token in time")
        except Exception:  # noqa: BLE001 (keys that do not parse, refusals, broken answers: all wait)
            return RetryLater("oauth: no token")
        return Token(str(text), manager)

    def close(self) -> None:
        """Stop renewing, and release the thread if it is waiting."""
        manager, self._manager = self._manager, None
        if manager is not None:
            manager.error = sdk.FatalError("closed")
            if manager.thread is not None:
                manager.thread.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._thread = ThreadPoolExecutor(1, "oauth")
        _ADAPTER.close()
