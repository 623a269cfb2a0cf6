"""Usage pulses are settled once Appsmith's cloud services said that they have them, never before.

The documented report: pages of at most 100 pulses of one instance, signed with its licence key. A
page that was begun is sent again as it was, and not at all where the answer was a success (see
`gateway.extensions.appsmith.outbox`). Whatever else is answered, it waits: the product forgets
pulses after seven days, this destination never.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import orjson
import structlog

from gateway.config.outgoing import DIRECT, Outgoing
from gateway.destinations import Delivered, Rendered, Request, RetryLater
from gateway.destinations.http import Http
from gateway.destinations.http_outcomes import said, stranger, wait
from gateway.errors import DestinationError
from gateway.event import Message, Reason, StoredEvent
from gateway.extensions.appsmith.cloud.settings import CloudSettings as Settings
from gateway.extensions.appsmith.ledger import Ledger
from gateway.extensions.appsmith.outbox import Outbox, Report
from gateway.extensions.appsmith.signature import sign
from gateway.timestamps import read_time

PAGE = 100
"""Pulses of one report at most."""

_NO_KEYS: Mapping[str, str] = MappingProxyType({})

log = structlog.get_logger(__name__)


class CloudDestination:
    """Reports usage pulses."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        data_dir: Path,
        keys: Mapping[str, str] = _NO_KEYS,
        outgoing: Outgoing = DIRECT,
    ) -> None:
        """`keys` are the licence keys of instances that have one of their own."""
        self.name = name
        self._settings = settings
        self._keys = keys
        self._data_dir = data_dir
        self._http = Http(name, settings.timeout, outgoing)
        self._thread = self._new_thread()
        self._outbox: Outbox | None = None
        self._begun: Mapping[str, Report] = {}
        self._done: set[str] = set()  # of those that were begun before the last opening

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """One report for each page, in the order of the pages' first pulses."""
        pages: list[_Page] = []
        open_pages: dict[str, _Page] = {}
        filtered: dict[int, Reason] = {}
        for event in events:
            if event.header.type != "usage_pulse":
                filtered[event.sequence] = Reason.NO_EQUIVALENT
                continue
            name, message = event.header.message_id, event.message
            report = self._begun.get(name)
            instance = str(message.get("instanceId") or "")
            of = report.message if report else instance
            page = open_pages.get(of)
            if page is None or (report is None and len(page.pulses) == PAGE):
                page = open_pages[of] = _Page(instance, report)
                pages.append(page)
            page.pulses[name] = _pulse(message, event.header.received_at)
            page.sequences.append(event.sequence)
        return Rendered(tuple([self._request(page) for page in pages]), filtered)

    async def send(self, request: Request) -> Delivered | RetryLater:
        report: Report = request.context
        is_done = report.is_done or report.message in self._done
        if not is_done and (failure := await self._reported(request, report)):
            return failure
        await asyncio.get_running_loop().run_in_executor(self._thread, self._note, report)
        return Delivered()

    async def _reported(self, request: Request, report: Report) -> RetryLater | None:
        """One attempt; None when the cloud services have it."""
        outbox = self._outbox
        assert outbox is not None  # noqa: S101 (delivery opens before it sends)
        if failure := await self._kept(lambda: outbox.begin(report)):
            return failure
        reply = await self._http.send(request)
        if isinstance(reply, RetryLater):
            return reply
        if failure := wait(reply):
            return failure
        answer = said(reply)
        meta = answer.get("responseMeta") if isinstance(answer, dict) else None
        if not isinstance(meta, dict):
            return stranger("the cloud services", reply)
        if reply.status >= 300:
            return RetryLater(f"http {reply.status}", reply.retry_after)
        if meta.get("success") is not True:
            return RetryLater("the answer does not say success")
        if await self._kept(lambda: outbox.done(report)):
            log.warning("a report may be sent again after a crash", destination=self.name)
        if not self._begun.keys().isdisjoint(report.pulses):
            self._done.add(report.message)
        return None

    async def open(self, state: str | None) -> str:
        """Take up what was begun. Raises DestinationError."""
        if failure := await self._kept(lambda: self._open(is_new=state is None)):
            raise DestinationError(failure.cause)
        return "begun"

    async def close(self) -> None:
        self._http.close()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._thread = self._new_thread()
        if self._outbox:
            self._outbox.close()
            self._outbox = None

    def _new_thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, f"outbox-{self.name}")

    def _open(self, *, is_new: bool) -> None:
        self._outbox = Outbox.open(self._data_dir, self.name)
        if is_new:
            self._outbox.forget()
        self._begun, self._done = self._outbox.begun(), set()

    async def _kept(self, work: Callable[[], None]) -> RetryLater | None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (OSError, sqlite3.Error) as error:
            return RetryLater(f"the outbox failed ({type(error).__name__})")
        return None

    def _request(self, page: _Page) -> Request:
        report = page.report or Report(_text_of(page), page.instance, page.pulses)
        # A begun report may hold pulses of other batches, and its own may be cleaner by now.
        report = replace(report, pulses={**report.pulses, **page.pulses})
        body = {
            "usageData": [*report.pulses.values()],
            "message": report.message,
            "hashedMessage": sign(report.message, self._key(report.instance)),
            "instanceId": report.instance,
        }
        request = self._http.prepared(
            "POST",
            f"{self._settings.host}/api/v1/usage/report",
            orjson.dumps(body),
            {"Content-Type": "application/json"},
        )
        return replace(request, events=tuple(page.sequences), context=report)

    def _key(self, instance: str) -> str:
        return self._keys.get(instance) or self._settings.license_key

    def _note(self, report: Report) -> None:
        """Tell the ledger, which people ask what was reported; the report counts without it too."""
        nonce = hashlib.sha256(report.message.encode()).hexdigest()
        pulses = [*report.pulses.values()]
        data = hashlib.sha256(orjson.dumps(pulses, option=orjson.OPT_SORT_KEYS)).hexdigest()
        try:
            ledger = Ledger.open(self._data_dir)
            try:
                ledger.reported(time.time(), report.instance, len(pulses), nonce, data)
            finally:
                ledger.close()
        except (OSError, sqlite3.Error) as error:
            log.warning("the ledger missed a report", cause=type(error).__name__)


class _Page:
    """Pulses that go together: in a new report, or in one that was begun."""

    def __init__(self, instance: str, report: Report | None) -> None:
        self.instance = instance
        self.report = report
        self.pulses: dict[str, Message] = {}
        self.sequences: list[int] = []


def _text_of(page: _Page) -> str:
    """What stands for the random text: made of the pulses, so that a second try says the same."""
    digest = hashlib.sha256("\n".join(page.pulses).encode()).digest()
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
