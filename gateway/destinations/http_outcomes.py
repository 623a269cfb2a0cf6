"""Only the vendor's own words take or refuse an event; whatever else answers, the event waits.

A proxy, a firewall or a sign-in page may answer in the vendor's place, with any status. Each vendor
knows its own shapes of an answer; what they have in common is here. A refusal is of the events, or
of the account: what only the operator can fix waits, too.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from gateway.destinations.contract import RetryLater
from gateway.destinations.http import Reply

_BUSY = frozenset({408, 425, 429})
_ABOUT_THE_ACCOUNT = frozenset({401, 402, 403, 404, 405, 407, 409, 410, 421, 423, 426, 460})
_KINDS_OF_DATA = frozenset({"", "application/json", "text/json", "text/plain"})
_DETAIL_LENGTH = 200
_WORD = re.compile(r"[\w$.'<>-]+")
_SAYABLE = frozenset(
    """
    a above all alphanumeric an and are array at be been before bad batch body bytes cannot
    character characters code contain count data date defined distinct_id does empty entity error
    event events exceed exceeded exceeds expected failed failed_records field for format future
    give given greater has have hyphen id in index integer invalid invalid_json is it json key kb
    key's large larger length less limit long longer match max maximum mb message messageid messages
    millisecond milliseconds missing more must name nested no not null number object of old on one
    only optional or out parse past payload point points properties property range record records
    request required reserved second seconds sent should size some string than that the this time
    timestamp to token too traits type unix unknown utf-8 valid validation value values was were
    with within writekey write
    $distinct_id $group_id $group_key $insert_id $set $token bad_request event_not_defined
    exceed_payload_limit properties.$insert_id properties.distinct_id properties.time
    properties.token
    """.split()  # noqa: SIM905 (a list of words reads best as words)
)


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


def spoken(text: str) -> str:
    """What a vendor says, in words that cannot be anybody's data; `…` stands for the others.

    Vendors quote the offending value now and then. Words are therefore let through by a list.
    """
    words = [word.strip(".'-") for word in _WORD.findall(text[:2000])]
    said = [word if word.lower() in _SAYABLE else "…" for word in words if word]
    joined = " ".join(said)
    while "… …" in joined:
        joined = joined.replace("… …", "…")
    return joined[:_DETAIL_LENGTH]
