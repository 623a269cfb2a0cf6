"""Segment's tracking API as its documentation and its SDKs describe it.

Batches over 500 KB, messages over 32 KB and malformed write keys are answered 400; what it takes is
kept once for each `messageId`; `timestamp` is corrected by `sentAt`; `context.ip` of client-side
messages is the sender's address unless it is set.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any

import jwt
from aiohttp import web

from tests.fakes.vendor import Vendor

Message = dict[str, Any]
MAX_BATCH_BYTES = 500 * 1000
MAX_MESSAGE_BYTES = 32 * 1024
MAX_MESSAGES = 2500


class FakeSegment(Vendor):
    def __init__(self, write_key: str = "segment-write-key") -> None:
        super().__init__()
        self.write_key = write_key
        self.messages: list[Message] = []
        """As Segment stores them, in the order of their first arrival."""
        self.copies: dict[str, int] = {}
        """How often each messageId came."""
        self.tokens: list[str] = []
        """OAuth tokens that were given out; the last one is good. None: OAuth is not asked for."""
        self.public_key: Any = None

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.path == "/token":
            return self._token(body)
        if request.path != "/v1/batch" or request.method != "POST":
            return web.Response(status=404, text="404 page not found")
        if self.public_key is not None and (
            not self.tokens or request.headers.get("Authorization") != f"Bearer {self.tokens[-1]}"
        ):
            return _refusal(401, "unauthorized", "invalid token")
        if len(body) > MAX_BATCH_BYTES:
            return _refusal(400, "bad_request", "Exceed payload limit")
        try:
            batch = json.loads(body)
        except ValueError:
            return _refusal(400, "invalid_json", "malformed JSON")
        if batch.get("writeKey") != self.write_key:
            return web.json_response(
                {"success": False, "message": "An invalid write key was provided"}, status=400
            )
        if any(len(_compact(message)) > MAX_MESSAGE_BYTES for message in batch["batch"]):
            return _refusal(400, "bad_request", "Exceed payload limit")
        received_at = datetime.fromisoformat(_iso(time.time()))
        for message in batch["batch"][:MAX_MESSAGES]:
            self._take(message, batch, received_at, request.remote or "")
        return web.json_response({"success": True})

    def _take(self, message: Message, batch: Message, received_at: datetime, peer: str) -> None:
        identity = message["messageId"]
        self.copies[identity] = self.copies.get(identity, 0) + 1
        if self.copies[identity] > 1:
            return
        stored = dict(message)
        sent_at = datetime.fromisoformat(stored.get("sentAt") or batch["sentAt"])
        original = stored["timestamp"]
        corrected = received_at - (sent_at - datetime.fromisoformat(original))
        stored["originalTimestamp"] = original
        stored["timestamp"] = corrected.isoformat()
        context = stored.get("context") or {}
        library = (context.get("library") or {}).get("name", "")
        if context.get("direct") or ("node" not in library and "python" not in library):
            stored["context"] = {**context, "ip": context.get("ip") or peer}
        self.messages.append(stored)

    def _token(self, body: bytes) -> web.StreamResponse:
        form = dict(pair.split("=", 1) for pair in body.decode().split("&"))
        try:
            jwt.decode(
                form["client_assertion"],
                self.public_key,
                algorithms=["RS256"],
                audience=self.url,
                leeway=timedelta(seconds=10),
            )
        except jwt.InvalidTokenError as error:
            return web.json_response(
                {"error": "invalid_client", "error_description": str(error)}, status=400
            )
        self.tokens.append(f"token-{len(self.tokens)}")
        return web.json_response({"access_token": self.tokens[-1], "expires_in": 3600})


def _compact(message: Message) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().isoformat()


def _refusal(status: int, code: str, message: str) -> web.StreamResponse:
    return web.json_response({"success": False, "code": code, "message": message}, status=status)
