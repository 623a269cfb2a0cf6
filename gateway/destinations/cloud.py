"""Usage pulses are settled once Appsmith's cloud services said that they have them, never before.

The documented report: pages of at most 100 pulses of one instance, signed with the licence key.
`message` is made of what is in the page, so a page that is sent
again after a crash says the same again. Whatever else is answered, the page waits: the product
forgets pulses after seven days, this destination never.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import requests
import structlog

from gateway.appsmith.ledger import Ledger
from gateway.appsmith.signature import sign
from gateway.config.routing import CloudDestination as Settings
from gateway.destinations import Delivered, Rendered, Request, RetryLater
from gateway.destinations.transport import CONNECT_SECONDS, Adapter, attempt, threads
from gateway.destinations.verdict import wait
from gateway.event import Message, Reason, StoredEvent
from gateway.ingest.timestamps import read_time

PAGE = 100
"""Pulses of one report at most."""

log = structlog.get_logger(__name__)


class CloudDestination:
    """Reports usage pulses."""

    def __init__(self, name: str, settings: Settings, data_dir: Path) -> None:
        self.name = name
        self._settings = settings
        self._data_dir = data_dir
        self._pool = threads(name)
        self._session = _session()

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """One report for each page, in the order of the pages' first pulses."""
        pages: list[_Page] = []
        open_pages: dict[str, _Page] = {}
        filtered: dict[int, Reason] = {}
        for event in events:
            if event.header.type != "usage_pulse":
                filtered[event.sequence] = Reason.NO_EQUIVALENT
                continue
            message = event.message
            instance = str(message.get("instanceId") or "")
            page = open_pages.get(instance)
            if page is None or len(page.pulses) == PAGE:
                page = open_pages[instance] = _Page(instance)
                pages.append(page)
            page.pulses.append(_pulse(message, event.header.received_at))
            page.names.append(event.header.message_id)
            page.sequences.append(event.sequence)
        return Rendered(tuple([self._request(page) for page in pages]), filtered)

    async def send(self, request: Request) -> Delivered | RetryLater:
        settings = self._settings

        def post() -> None:
            self._session.post(
                request.url,
                data=request.body,
                headers=dict(request.headers),
                timeout=(CONNECT_SECONDS, settings.timeout),
                allow_redirects=False,
            )

        reply = await attempt(self._pool, post, settings.timeout)
        if isinstance(reply, RetryLater):
            return reply
        if not 200 <= reply.status < 300:
            return wait(reply) or RetryLater(f"http {reply.status}")
        if not _is_success(reply.body):
            return RetryLater("the answer does not say success")
        await asyncio.get_running_loop().run_in_executor(self._pool, self._note, request.context)
        return Delivered()

    async def open(self, state: str | None) -> None:
        """There is nothing to take up."""

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = threads(self.name)
        self._session.close()

    def _request(self, page: _Page) -> Request:
        settings = self._settings
        message = page.message
        body = {
            "usageData": page.pulses,
            "message": message,
            "hashedMessage": sign(message, settings.license_key),
            "instanceId": page.instance,
        }
        return Request(
            "POST",
            f"{settings.host}/api/v1/usage/report",
            orjson.dumps(body),
            headers={"Content-Type": "application/json"},
            events=tuple(page.sequences),
            context=page,
        )

    def _note(self, page: _Page) -> None:
        """Tell the ledger, which people ask what was reported; the report counts without it too."""
        nonce = hashlib.sha256(page.message.encode()).hexdigest()
        data = hashlib.sha256(orjson.dumps(page.pulses, option=orjson.OPT_SORT_KEYS)).hexdigest()
        try:
            ledger = Ledger(self._data_dir)
            try:
                ledger.reported(time.time(), page.instance, len(page.pulses), nonce, data)
            finally:
                ledger.close()
        except (OSError, sqlite3.Error) as error:
            log.warning("the ledger missed a report", cause=type(error).__name__)


class _Page:
    """Pulses that go together."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        self.pulses: list[Message] = []
        self.names: list[str] = []
        self.sequences: list[int] = []

    @property
    def message(self) -> str:
        digest = hashlib.sha256("\n".join(self.names).encode()).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))


def _pulse(message: Message, received_at: float) -> Message:
    """The five documented fields; `createdAt` in whole seconds, as the document shows it."""
    moment = read_time(message.get("createdAt"))
    return {
        "user": message.get("user", ""),
        "tenantId": message.get("tenantId", ""),
        "viewMode": message.get("viewMode"),
        "isAnonymousUser": message.get("isAnonymousUser"),
        "createdAt": int(received_at) if moment is None else moment // 1000,
    }


def _is_success(body: bytes) -> bool:
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    meta = said.get("responseMeta") if isinstance(said, dict) else None
    return isinstance(meta, dict) and meta.get("success") is True


def _session() -> requests.Session:
    session = requests.Session()
    adapter = Adapter()
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
