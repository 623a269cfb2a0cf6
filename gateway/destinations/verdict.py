"""A refusal is of the events, or of the account: what only the operator can mend waits.

Shared by the vendors that answer over HTTP.
"""

from __future__ import annotations

import re

from gateway.destinations import RetryLater
from gateway.destinations.transport import Reply

_ABOUT_THE_ACCOUNT = frozenset(
    {401, 402, 403, 404, 405, 407, 408, 409, 410, 421, 423, 425, 426, 429, 460}
)
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
    """Set where the same request may be taken later: the vendor is down, busy or locks us out.

    None when it took or refused what was sent.
    """
    status = reply.status
    if 200 <= status < 300 or (400 <= status < 500 and status not in _ABOUT_THE_ACCOUNT):
        return None
    word = "redirect" if 300 <= status < 400 else "http"
    return RetryLater(f"{word} {status}", reply.retry_after)


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
