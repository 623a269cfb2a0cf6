"""Mixpanel gets each record once in effect, in requests that its own package builds.

Events go to `/import`, strictly checked, as Segment's, RudderStack's and Jitsu's destinations send
them: it takes events of any age and names the ones it refuses, while `/track` drops what is older
than five days and says 1. `$identify` and `$create_alias` go to `/track`, their documented place.

The package's `Consumer` misreads the answers (a 400 may count as success, the documented success
of a strict import raises KeyError), so the verdict is made from the reply itself.
docs/decisions/0006-vendor-requests.md has the reasons.
"""

from __future__ import annotations

import asyncio
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson
from mixpanel import Consumer, ServiceAccountCredentials

from gateway.config.outgoing import DIRECT, Outgoing
from gateway.destinations.contract import (
    Delivered,
    Draft,
    Rejected,
    Rendered,
    Request,
    RetryLater,
    Verdict,
)
from gateway.destinations.http import Http, Reply, held
from gateway.destinations.http_outcomes import locked_out, said, stranger, wait
from gateway.destinations.mixpanel.mapping import operations_of
from gateway.destinations.mixpanel.settings import MixpanelSettings as Settings
from gateway.destinations.vendor_words import SHORT_BYTES, Sent, vendor_words
from gateway.event import Reason, StoredEvent
from gateway.translation import limits
from gateway.translation.operation import Kind, Operation
from gateway.translation.project import Project

MAX_RECORDS: dict[Kind, int] = {"event": 2000, "identity": 2000, "people": 2000, "groups": 200}
MAX_BODY_BYTES = 2_000_000
"""A form as it is sent; Mixpanel refuses more than 2,097,152 bytes."""

_ENDPOINTS: dict[Kind, str] = {
    "event": "imports",
    "identity": "events",
    "people": "people",
    "groups": "groups",
}
_AS_THEY_ARE = (string.ascii_letters + string.digits + "_.-~ ").encode()
"""What a form writes in one byte; everything else takes three."""


@dataclass(frozen=True, slots=True)
class Records:
    """Whose record is which in a request."""

    kind: Kind
    sequences: tuple[int, ...]


class MixpanelDestination:
    """Lets `mixpanel.Consumer` build each request, and sends what it built."""

    def __init__(self, name: str, settings: Settings, outgoing: Outgoing = DIRECT) -> None:
        self.name = name
        self._settings = settings
        self._project = Project(
            identity=settings.identity,
            group_key=settings.group_key,
            page_event=settings.page_event,
            screen_event=settings.screen_event,
            expand_orders=settings.expand_orders,
            increments=settings.increments,
            identify_event=settings.identify_event,
            group_keys=tuple(settings.group_keys),
            set_once=tuple(settings.set_once),
            union=tuple(settings.union),
            append=tuple(settings.append),
            super_properties=tuple(settings.super_properties),
            sdk_properties=settings.sdk_properties,
        )
        self._urls: dict[Kind, str] = {
            "event": f"{settings.host}/import{'?strict=1' if settings.strict else ''}",
            "identity": f"{settings.host}/track?ip=0",
            "people": f"{settings.host}/engage?ip=0",
            "groups": f"{settings.host}/groups?ip=0",
        }
        self._http = Http(name, settings.timeout, outgoing)
        self._consumer = _consumer(settings, self._urls)

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """Requests to be sent in order: no record of a user stands before an earlier one of his."""
        filtered: dict[int, Reason] = {}
        left_out: dict[int, dict[str, Reason]] = {}
        batches: list[_Batch] = []
        latest: dict[str, int] = {}
        for event in events:
            operations = operations_of(event, self._project)
            if isinstance(operations, Reason):
                filtered[event.sequence] = operations
                continue
            user = event.header.user
            refused: dict[str, Reason] = {}
            is_sent = False
            for operation in operations:
                text = self._text(operation)
                if reason := limits.refusal(operation, len(text)):
                    refused[operation.part] = reason
                    continue
                is_sent = True
                size = _bytes_in_form(text)
                place = _place(batches, operation.kind, size, latest.get(user, 0))
                batches[place].add(text, size, event)
                latest[user] = place
            if not is_sent:
                filtered[event.sequence] = next(iter(refused.values()))
            elif refused:
                left_out[event.sequence] = refused
        return Rendered(tuple([self._draft(batch) for batch in batches]), filtered, left_out)

    async def send(self, request: Request) -> Verdict:
        reply = await self._http.send(request)
        if isinstance(reply, RetryLater):
            return reply
        if reply.status >= 400 and len(request.body) > SHORT_BYTES:
            return await asyncio.to_thread(_verdict, reply, request)
        return _verdict(reply, request)

    async def open(self, state: str | None) -> None:
        """There is nothing to take up: Mixpanel knows an event it has seen by its `$insert_id`."""

    async def close(self) -> None:
        self._http.close()

    def _text(self, operation: Operation) -> bytes:
        record = operation.record
        if operation.kind in ("people", "groups"):
            record["$token"] = self._settings.token
        else:
            record["properties"]["token"] = self._settings.token
        return orjson.dumps(record)

    def _draft(self, batch: _Batch) -> Draft:
        events = tuple(dict.fromkeys(batch.sequences))
        return Draft(self._urls[batch.kind], events, partial(self._finished, batch, events))

    def _finished(self, batch: _Batch, events: tuple[int, ...]) -> Request:
        by_token = batch.kind == "event" and not self._settings.service_account

        def send() -> None:
            self._consumer.send(
                _ENDPOINTS[batch.kind],
                b"[" + b",".join(batch.texts) + b"]",
                api_secret=self._settings.token if by_token else None,
            )

        records = Records(batch.kind, tuple(batch.sequences))
        return replace(self._http.built(send, batch.hops), events=events, context=records)


@dataclass(slots=True)
class _Batch:
    """Records for one endpoint, and how long their form is."""

    kind: Kind
    texts: list[bytes] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    hops: dict[str, None] = field(default_factory=dict)
    size: int = 100

    def takes(self, size: int) -> bool:
        fits = self.size + size <= MAX_BODY_BYTES or not self.texts
        return fits and len(self.texts) < MAX_RECORDS[self.kind]

    def add(self, text: bytes, size: int, event: StoredEvent) -> None:
        self.texts.append(text)
        self.sequences.append(event.sequence)
        self.hops.update(dict.fromkeys(event.header.hops))
        self.size += size


def _bytes_in_form(text: bytes) -> int:
    """How long a record is in a form, with the comma behind it."""
    return len(text) + 2 * len(text.translate(None, _AS_THEY_ARE)) + 3


def _place(batches: list[_Batch], kind: Kind, size: int, earliest: int) -> int:
    """The first batch of its kind with room from `earliest` on, or a new one at the end."""
    for place in range(earliest, len(batches)):
        if batches[place].kind == kind and batches[place].takes(size):
            return place
    batches.append(_Batch(kind))
    return len(batches) - 1


def _consumer(settings: Settings, urls: Mapping[Kind, str]) -> Consumer:
    """Threads may share it: building a request changes nothing in it or its session."""
    account = settings.service_account
    credentials = None
    if account:
        credentials = ServiceAccountCredentials(
            account.username, account.secret, account.project_id
        )
    consumer = Consumer(
        events_url=urls["identity"],
        people_url=urls["people"],
        import_url=urls["event"],
        groups_url=urls["groups"],
        credentials=credentials,
    )
    held(consumer._session)  # noqa: SLF001 (the package offers no other way in)
    return consumer


def _verdict(reply: Reply, request: Request) -> Verdict:
    if waiting := wait(reply):
        return waiting
    answer = said(reply)
    if reply.status < 300 and _is_taken(answer):
        return Delivered()
    if not (_is_refused(answer) if reply.status < 300 else _is_error(answer, reply.status)):
        return stranger("Mixpanel's", reply)
    if waiting := locked_out(reply):
        return waiting
    found: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    error = str(found.get("error") or "refused")
    sent = Sent.of(request.body, request.headers)
    failed = _failed(found.get("failed_records"), request.context, sent)
    if not failed and "token" in error:
        return RetryLater(f"http {reply.status}: the token is refused")
    words = vendor_words(error, sent)
    return Rejected(Reason.REFUSED, reply.status, words, failed, others_arrived=bool(failed))


def _is_taken(answer: Any) -> bool:
    """`1`; `{"error": null, "status": 1}`; or an import's count with `"status": "OK"` or 1."""
    if not isinstance(answer, dict):
        return type(answer) is int and answer == 1
    status, count = answer.get("status"), answer.get("num_records_imported")
    is_import = answer.get("code") == 200 and type(count) is int
    if type(status) is int and status == 1:
        return is_import or ("error" in answer and answer["error"] is None)
    return status == "OK" and is_import


def _is_refused(answer: Any) -> bool:
    """A success by its status alone: `0`, or `{"error": "…", "status": 0}`."""
    if not isinstance(answer, dict):
        return type(answer) is int and answer == 0
    return _is_zero(answer.get("status")) and isinstance(answer.get("error"), str)


def _is_error(answer: Any, status: int) -> bool:
    """`error` in words, with the same `code` as the status line has, or `status` in words or 0."""
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), str):
        return False
    if "code" in answer:
        return type(answer["code"]) is int and answer["code"] == status
    return isinstance(answer.get("status"), str) or _is_zero(answer.get("status"))


def _is_zero(value: Any) -> bool:
    return type(value) is int and value == 0


def _failed(listed: Any, records: Records, sent: Sent) -> dict[int, str]:
    """The refused events by their sequence. Mixpanel counts from 0 in the array it was sent."""
    failed: dict[int, str] = {}
    for entry in listed if isinstance(listed, list) else ():
        index = entry.get("index") if isinstance(entry, dict) else None
        if type(index) is int and 0 <= index < len(records.sequences):
            words = f"{entry.get('field', '')} {entry.get('message', '')}"
            failed[records.sequences[index]] = vendor_words(words, sent.record(index))
    return failed
