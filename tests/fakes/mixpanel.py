"""Mixpanel's ingestion API as its documentation and its SDKs describe it.

/track, /engage, /groups and /import take forms and JSON. A strict import refuses records one by one
with 400 and takes the others; `/engage` and `/groups` say 200 whatever happened; `/track` drops in
silence what is older than five days. All but `/import` take any token and answer 1.
"""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tests.fakes.vendor import Vendor

Record = dict[str, Any]
MAX_BYTES = 2_097_152
MAX_RECORDS = 2000
FIVE_DAYS = 5 * 86400
ONE_YEAR = 365 * 86400
BLOCKED = {
    "00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a", "na",
    "undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}",
}  # fmt: skip


class FakeMixpanel(Vendor):
    def __init__(self, token: str = "project-token") -> None:
        super().__init__()
        self.token = token
        self.accounts: dict[str, str] = {}
        """Secrets of the service accounts by user name."""
        self.events: list[Record] = []
        """As stored: without the token, in order of arrival, duplicates included."""
        self.people: list[Record] = []
        self.groups: list[Record] = []
        self.most_properties = 255

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if len(body) > MAX_BYTES:
            return web.json_response(
                {
                    "code": 413,
                    "error": f"request exceeds max limit of {MAX_BYTES} bytes",
                    "status": "Request Entity Too Large",
                },
                status=413,
            )
        form = parse_qs(body.decode()) if body[:1] not in b"[{" else {"data": [body.decode()]}
        records = json.loads(form["data"][0])
        records = records if isinstance(records, list) else [records]
        is_verbose = "1" in (form.get("verbose", ["0"])[0], request.query.get("verbose"))
        match request.path:
            case "/track":
                taken = [record for record in records if self._track(record)]
                return _received(is_verbose, None if taken else "no valid data")
            case "/engage" | "/groups":
                return _received(is_verbose, self._update(request.path, records))
            case "/import":
                return self._import(request, records, is_verbose=is_verbose)
        return web.Response(status=404)

    def _track(self, record: Record) -> bool:
        properties = record["properties"]
        moment = _seconds(properties.get("time", time.time()))
        if not properties.get("token"):
            return False
        if properties["token"] == self.token and time.time() - moment < FIVE_DAYS:
            self._store(record)
        return True

    def _update(self, path: str, records: list[Record]) -> str | None:
        error = None
        for record in records:
            if not record.get("$token"):
                error = "$token, missing or empty"
            elif path == "/engage" and not record.get("$distinct_id"):
                error = "$distinct_id, missing or empty"
            elif path == "/groups" and not (record.get("$group_key") and record.get("$group_id")):
                error = "$group_key, missing or empty"
            elif record["$token"] == self.token:
                stored = {key: value for key, value in record.items() if key != "$token"}
                (self.people if path == "/engage" else self.groups).append(stored)
        return error

    def _import(
        self, request: web.Request, records: list[Record], *, is_verbose: bool
    ) -> web.StreamResponse:
        if not self._may_import(request):
            answer = {"code": 401, "error": "Invalid credentials", "status": "Unauthorized"}
            return web.json_response(answer, status=401)
        failed = []
        for index, record in enumerate(records[:MAX_RECORDS]):
            if request.query.get("strict") == "1" and (
                wrong := _wrong(record, self.most_properties)
            ):
                failed.append({"index": index, **wrong})
            else:
                self._store(record)
        if failed:
            answer = {
                "code": 400,
                "error": "some data points in the request failed validation",
                "failed_records": failed,
                "num_records_imported": len(records) - len(failed),
                "status": "Bad Request",
            }
            return web.json_response(answer, status=400)
        if request.query.get("strict") == "1":
            status = {"error": None, "status": 1} if is_verbose else {"status": "OK"}
            return web.json_response({"code": 200, "num_records_imported": len(records), **status})
        return _received(is_verbose, None)

    def _may_import(self, request: web.Request) -> bool:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        user, _, secret = base64.b64decode(encoded).decode().partition(":")
        if user in self.accounts:
            return secret == self.accounts[user] and bool(request.query.get("project_id"))
        return scheme == "Basic" and user == self.token and not secret

    def _store(self, record: Record) -> None:
        properties = {k: v for k, v in record["properties"].items() if k != "token"}
        self.events.append({**record, "properties": properties})


def _wrong(record: Record, most_properties: int) -> Record | None:
    """What a strict import finds wrong first, in Mixpanel's words."""
    properties = record.get("properties", {})
    identity = properties.get("$insert_id")
    moment = properties.get("time")

    def problem(field: str, message: str) -> Record:
        return {"insert_id": identity, "field": f"properties.{field}", "message": message}

    if not isinstance(moment, int | float):
        return problem("time", "'properties.time' is invalid: must be specified as seconds or ms")
    if _seconds(moment) > time.time() + 3600:
        return problem("time", "'properties.time' is invalid: must not be in the future")
    if _seconds(moment) < ONE_YEAR:
        return problem("time", "'properties.time' is invalid: must not be before 1971")
    if not isinstance(identity, str) or not re.fullmatch(r"[A-Za-z0-9-]{1,36}", identity):
        return problem(
            "$insert_id",
            f"'{identity}' is invalid: must only contain alphanumeric or hyphen '-' characters",
        )
    if str(properties.get("distinct_id")).lower() in BLOCKED:
        return problem("distinct_id", "'distinct_id' is invalid: blocked value")
    if len(properties) > most_properties:
        return problem("", "too many properties")
    return None


def _seconds(moment: float) -> float:
    return moment / 1000 if moment > 1e10 else moment


def _received(is_verbose: bool, error: str | None) -> web.StreamResponse:
    if is_verbose:
        return web.json_response({"error": error, "status": 0 if error else 1})
    return web.Response(text="0" if error else "1")
