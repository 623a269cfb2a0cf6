"""A vendor is asked to delete people, and later whether it has: one attempt each, no waiting.

What a vendor answers is never repeated: it may quote the ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Answer, RetryLater
from gateway.destinations.http import Http
from gateway.destinations.http_outcomes import said, wait

SECONDS = 15.0
_REFUSED = {
    401: "the token is refused: put a valid one into `deletion.token`",
    403: "the token may not delete people: give it that right, or put another into"
    " `deletion.token`",
    404: "it does not know what was asked for: check the settings in `deletion`",
}


class Api:
    """JSON over HTTP with a bearer token."""

    def __init__(self, name: str, token: str, outgoing: Outgoing) -> None:
        self._name = name
        self._token = token
        self._outgoing = outgoing

    async def call(
        self, method: str, url: str, body: Any, read: Callable[[Mapping[str, Any]], Answer | None]
    ) -> Answer:
        """One request. `read` makes something of a success, or nothing where it is none."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        content = b""
        if body is not None:
            content = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        http = Http(f"{self._name}-deletion", SECONDS, self._outgoing)
        try:
            reply = await http.send(http.prepared(method, url, content, headers))
        finally:
            http.close()
        if isinstance(reply, RetryLater):
            return Answer("pending", cause=reply.cause)
        if waiting := wait(reply):
            return Answer("pending", cause=waiting.cause, after=waiting.after)
        if reply.status >= 400:
            why = _REFUSED.get(reply.status, "it refuses the request: check `deletion`")
            return Answer("failed", cause=f"http {reply.status}: {why}")
        found = said(reply)
        answer = read(found) if isinstance(found, dict) else None
        return answer or Answer("pending", cause=f"not an answer of the vendor ({reply.status})")


def text_in(value: Any, *keys: str) -> str:
    """A text at a place in an answer; empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
