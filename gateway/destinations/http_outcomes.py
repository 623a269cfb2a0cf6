"""Only the vendor's own words take or refuse an event; whatever else answers, the event waits.

A proxy, a firewall or a sign-in page may answer in the vendor's place, with any status. Each vendor
knows its own shapes of an answer; what they have in common is here. A refusal is of the events, or
of the account: what only the operator can fix waits, too.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.destinations.contract import RetryLater
from gateway.destinations.http import Reply

_BUSY = frozenset({408, 425, 429})
_ABOUT_THE_ACCOUNT = frozenset({401, 402, 403, 404, 405, 407, 409, 410, 421, 423, 426, 460})
_KINDS_OF_DATA = frozenset({"", "application/json", "text/json", "text/plain"})


def wait(reply: Reply) -> RetryLater | None:
    """Set where the status alone says to come again, whoever answered.

    The vendor is down or busy, or the request came back to this gateway.
    """
    status = reply.status
    if reply.loop:
        where = "this gateway" if reply.loop == "own" else "a gateway that its events came from"
        return RetryLater(f"it loops back to {where}")
    if 200 <= status < 300 or (400 <= status < 500 and status not in _BUSY):
        return None
    word = "redirect" if 300 <= status < 400 else "http"
    return RetryLater(f"{word} {status}", reply.retry_after)


def locked_out(reply: Reply) -> RetryLater | None:
    """Set where the vendor's own refusal is of the account, not of what was sent."""
    if reply.status in _ABOUT_THE_ACCOUNT:
        return RetryLater(f"http {reply.status}", reply.retry_after)
    return None


def is_data(reply: Reply) -> bool:
    """Whether the answer's type is one that an API answers with, and no page's."""
    return reply.kind in _KINDS_OF_DATA or reply.kind.endswith("+json")


def said(reply: Reply) -> Any:
    """The value in an answer; None where it is no JSON, or says that it is something else."""
    if not is_data(reply):
        return None
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None


def stranger(vendor: str, reply: Reply) -> RetryLater:
    """What somebody between the gateway and the vendor answered: it says nothing of the events."""
    is_page = "html" in reply.kind or reply.body[:200].lstrip()[:1] == b"<"
    return RetryLater(
        f"not an answer of {vendor} (http {reply.status}{', a page' if is_page else ''})"
    )
