"""What a webhook may say in routing.yaml."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from gateway.config.routing import Vendor
from gateway.config.values import Seconds

ENCODED = "whsec_"
"""Before a secret whose rest is the key in base64."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_OURS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "telemetry-gateway-hops",
        "transfer-encoding",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ValueError("write an address such as https://hooks.example.com/events")
    if "@" in parts.netloc:
        raise ValueError("write user and password as an `Authorization` header under `headers`")
    return value


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(text):
            raise ValueError(f"`{name[:50]}` is no header: write plain ASCII on one line")
        if name.lower() in _OURS:
            raise ValueError(f"the gateway writes `{name}` itself; leave it out")
    return value


def _secret(value: str) -> str:
    if value.startswith(ENCODED):
        try:
            base64.b64decode(value.removeprefix(ENCODED), validate=True)
        except ValueError:
            raise ValueError(f"behind `{ENCODED}` base64 is expected") from None
    return value


class WebhookSettings(Vendor):
    """Any server that takes JSON by POST: `{"batch": […]}`, of clean Segment-shaped messages."""

    type: Literal["webhook"]
    url: Annotated[str, AfterValidator(_url)]
    """The whole address, used as it stands."""
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default={}, repr=False)
    """Headers of each request beside the gateway's own. `gateway explain` masks their values."""
    secret: Annotated[str, Field(min_length=16), AfterValidator(_secret)] | None = Field(
        default=None, repr=False
    )
    """Signs each request (Standard Webhooks): `webhook-signature` is `v1,` and the base64 of the
    HMAC-SHA256 of `webhook-id`, `webhook-timestamp` and the body, joined by dots. Behind `whsec_`
    the key is read as base64."""
    batch: int = Field(default=100, ge=1, le=2000)
    """Events in one request at most."""
    timeout: Seconds = Field(default=15, gt=0)
    """How long one request may take, from the first byte to the last."""
