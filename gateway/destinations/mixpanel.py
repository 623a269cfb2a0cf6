"""Mixpanel gets each record once in effect, with what identifies it minted before the journal.

Events go to `/import`, strictly checked, as Segment's, RudderStack's and Jitsu's destinations send
them: it takes events of any age and names the ones it refuses, while `/track` drops what is older
than five days and says 1. `$identify` and `$create_alias` go to `/track`, their documented place.

The package's `Consumer` carries the records but misreads the answers (a 400 may count as success,
the documented success of a strict import raises KeyError), so the verdict is made from the reply
itself. docs/decisions/0006-mixpanel-import.md has the reasons.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

import orjson
import requests
from mixpanel import Consumer, ServiceAccountCredentials

from gateway.config.outgoing import DIRECT, Outgoing, hops_in
from gateway.config.routing import MixpanelSettings as Settings
from gateway.destinations import Delivered, Rejected, Rendered, Request, RetryLater, Verdict
from gateway.destinations.form import quoted
from gateway.destinations.http_outcomes import locked_out, said, spoken, stranger, wait
from gateway.destinations.transport import CONNECT_SECONDS, Reply, attempt, harnessed, threads
from gateway.event import Message, Reason, StoredEvent
from gateway.timestamps import read_time
from gateway.translation import to_mixpanel
from gateway.translation.identifiers import DEVICE, insert_id, usable
from gateway.translation.project import Project
from gateway.translation.to_mixpanel import Kind, Operation

MAX_RECORDS: dict[Kind, int] = {"event": 2000, "identity": 2000, "people": 2000, "groups": 200}
MAX_BODY_BYTES = 2_000_000
"""A form as it is sent; Mixpanel refuses more than 2,097,152 bytes."""
FUTURE_SECONDS = 3600
"""`/import` refuses what is further ahead of now; Mixpanel's SDKs do not correct their clocks."""

_IDENTITY_EVENTS = frozenset({"$identify", "$create_alias"})
_ENDPOINTS: dict[Kind, str] = {
    "event": "imports",
    "identity": "events",
    "people": "people",
    "groups": "groups",
}
_TAIL = "&verbose=1&ip=0"  # what the Consumer adds to every form


@dataclass(frozen=True, slots=True)
class Records:
    """What one request carries: the JSON array for the Consumer, and whose record is which."""

    kind: Kind
    text: str
    sequences: tuple[int, ...]


class MixpanelDestination:
    """Sends batches through `mixpanel.Consumer`, one of them in each thread."""

    def __init__(self, name: str, settings: Settings, outgoing: Outgoing = DIRECT) -> None:
        self.name = name
        self._settings = settings
        self._outgoing = outgoing
        self._project = Project(
            identity=settings.identity,
            group_key=settings.group_key,
            page_event=settings.page_event,
            screen_event=settings.screen_event,
            expand_orders=settings.expand_orders,
            increments=settings.increments,
        )
        self._urls: dict[Kind, str] = {
            "event": f"{settings.host}/import{'?strict=1' if settings.strict else ''}",
            "identity": f"{settings.host}/track?ip=0",
            "people": f"{settings.host}/engage?ip=0",
            "groups": f"{settings.host}/groups?ip=0",
        }
        self._shown = dict(self._urls)
        signer = f"{settings.token}:"
        if account := settings.service_account:
            signer = f"{account.username}:{account.secret}"
            mark = "&" if settings.strict else "?"
            self._shown["event"] += f"{mark}project_id={quoted(account.project_id)}"
        self._signature = "Basic " + base64.b64encode(signer.encode()).decode()
        self._pool = threads(name)
        self._consumers = _Consumers(settings, self._urls)

    def render(self, events: Sequence[StoredEvent]) -> Rendered:
        """Requests to be sent in order: no record of a user stands before an earlier one of his."""
        filtered: dict[int, Reason] = {}
        batches: list[_Batch] = []
        latest: dict[str, int] = {}
        for event in events:
            operations = self._operations(event)
            if isinstance(operations, Reason):
                filtered[event.sequence] = operations
                continue
            user = event.header.user
            for operation in operations:
                text = self._text(operation, event.header.received_at)
                escaped = quoted(text)
                place = _place(batches, operation.kind, escaped, latest.get(user, 0))
                batches[place].add(text, escaped, event)
                latest[user] = place
        return Rendered(tuple([self._request(batch) for batch in batches]), filtered)

    async def send(self, request: Request) -> Verdict:
        records: Records = request.context

        def post() -> None:
            is_import = records.kind == "event"
            by_token = is_import and not self._settings.service_account
            self._consumers.mine().send(
                _ENDPOINTS[records.kind],
                records.text,
                api_secret=self._settings.token if by_token else None,
            )

        reply = await attempt(
            self._pool, post, self._settings.timeout, self._outgoing, hops_in(request.headers)
        )
        if isinstance(reply, RetryLater):
            return reply
        return _verdict(reply, records)

    async def open(self, state: str | None) -> None:
        """There is nothing to take up: Mixpanel knows an event it has seen by its `$insert_id`."""

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._consumers.close()
        self._pool = threads(self.name)
        self._consumers = _Consumers(self._settings, self._urls)

    def _operations(self, event: StoredEvent) -> tuple[Operation, ...] | Reason:
        match event.header.protocol:
            case "segment":
                return to_mixpanel.translate(event.message, event.header, self._project)
            case "mixpanel":
                return _native(event)
            case "appsmith":
                return Reason.NO_EQUIVALENT
            case unknown:
                assert_never(unknown)

    def _text(self, operation: Operation, received_at: float) -> str:
        record = operation.record
        if operation.kind in ("people", "groups"):
            record["$token"] = self._settings.token
        else:
            record["properties"]["token"] = self._settings.token
        if operation.kind == "event":
            _not_in_the_future(record["properties"], received_at)
        return orjson.dumps(record).decode()

    def _request(self, batch: _Batch) -> Request:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": requests.utils.default_user_agent(),
        }
        if batch.kind == "event":
            headers["Authorization"] = self._signature
        headers |= self._outgoing.hops(batch.hops)
        return Request(
            "POST",
            self._shown[batch.kind],
            f"data=%5B{'%2C'.join(batch.quoted)}%5D{_TAIL}".encode(),
            headers=headers,
            events=tuple(dict.fromkeys(batch.sequences)),
            context=Records(batch.kind, f"[{','.join(batch.texts)}]", tuple(batch.sequences)),
        )


@dataclass(slots=True)
class _Batch:
    """Records for one endpoint, and how long their form is."""

    kind: Kind
    texts: list[str] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    hops: dict[str, None] = field(default_factory=dict)
    size: int = 100

    def takes(self, more: str) -> bool:
        fits = self.size + len(more) + 3 <= MAX_BODY_BYTES or not self.quoted
        return fits and len(self.quoted) < MAX_RECORDS[self.kind]

    def add(self, text: str, escaped: str, event: StoredEvent) -> None:
        self.texts.append(text)
        self.quoted.append(escaped)
        self.sequences.append(event.sequence)
        self.hops.update(dict.fromkeys(event.header.hops))
        self.size += len(escaped) + 3


def _place(batches: list[_Batch], kind: Kind, more: str, earliest: int) -> int:
    """The first batch of its kind with room from `earliest` on, or a new one at the end."""
    for place in range(earliest, len(batches)):
        if batches[place].kind == kind and batches[place].takes(more):
            return place
    batches.append(_Batch(kind))
    return len(batches) - 1


def _native(event: StoredEvent) -> tuple[Operation, ...] | Reason:
    """A record of Mixpanel's own, as it came; only what `/import` would refuse is mended."""
    record: Message = event.message
    kind = event.header.type
    if kind == "people":
        # Refused by Mixpanel, it would have its whole batch sent again in halves.
        return (Operation("people", record),) if record.get("$distinct_id") else Reason.INCOMPLETE
    if kind == "groups":
        is_whole = record.get("$group_key") and record.get("$group_id")
        return (Operation("groups", record),) if is_whole else Reason.INCOMPLETE
    properties = record.get("properties")
    if not isinstance(properties, dict) or not isinstance(record.get("event"), str):
        return Reason.INCOMPLETE
    if record["event"] in _IDENTITY_EVENTS:
        properties.pop("time", None)  # /track would drop it for its age, and ids have none
        return (Operation("identity", record),)
    if read_time(properties.get("time")) is None:
        properties["time"] = round(event.header.received_at * 1000)
    properties["$insert_id"] = insert_id(properties.get("$insert_id") or event.header.message_id)
    if usable(properties.get("distinct_id")) is None:
        properties["distinct_id"] = _somebody(properties)
    properties.setdefault("ip", 0)
    return (Operation("event", record),)


def _not_in_the_future(properties: Message, received_at: float) -> None:
    if (read_time(properties["time"]) or 0) > (received_at + FUTURE_SECONDS) * 1000:
        properties["time"] = round(received_at * 1000)


def _somebody(properties: Message) -> str:
    """Without any distinct_id Mixpanel would make one of the sending address, which is ours."""
    user, device = usable(properties.get("$user_id")), usable(properties.get("$device_id"))
    return user or (DEVICE + device if device else "")


class _Consumers:
    """A Consumer for each thread: `requests` does not promise that threads may share a session."""

    def __init__(self, settings: Settings, urls: Mapping[Kind, str]) -> None:
        self._settings = settings
        self._urls = urls
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def mine(self) -> Consumer:
        consumer = getattr(self._local, "consumer", None)
        if consumer is None:
            consumer = self._local.consumer = self._new()
        return consumer

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    def _new(self) -> Consumer:
        account = self._settings.service_account
        credentials = None
        if account:
            credentials = ServiceAccountCredentials(
                account.username, account.secret, account.project_id
            )
        consumer = Consumer(
            events_url=self._urls["identity"],
            people_url=self._urls["people"],
            import_url=self._urls["event"],
            groups_url=self._urls["groups"],
            request_timeout=(CONNECT_SECONDS, self._settings.timeout),
            credentials=credentials,
        )
        session = consumer._session  # noqa: SLF001 (the package offers no other way in)
        harnessed(session)
        self._sessions.append(session)
        return consumer


def _verdict(reply: Reply, records: Records) -> Verdict:
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
    failed = _failed(found.get("failed_records"), records)
    if not failed and "token" in error:
        return RetryLater(f"http {reply.status}: the token is refused")
    return Rejected(
        Reason.REFUSED, reply.status, spoken(error), events=failed, others_arrived=bool(failed)
    )


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


def _failed(listed: Any, records: Records) -> dict[int, str]:
    """The refused events by their sequence. Mixpanel counts from 0 in the array it was sent."""
    failed: dict[int, str] = {}
    for entry in listed if isinstance(listed, list) else ():
        index = entry.get("index") if isinstance(entry, dict) else None
        if type(index) is int and 0 <= index < len(records.sequences):
            words = f"{entry.get('field', '')} {entry.get('message', '')}"
            failed[records.sequences[index]] = spoken(words)
    return failed
