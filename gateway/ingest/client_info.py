"""A person's address is known for a browser's or phone's event only, never for a server's."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from aiohttp import web

from gateway.config.outgoing import hops_in
from gateway.config.values import Network
from gateway.event import GatewayMark
from gateway.privacy import client_address

_ON_A_DEVICE = (
    "analytics.js",
    "analytics-ios",
    "analytics-android",
    "analytics-kotlin",
    "analytics-swift",
    "analytics-react-native",
    "@segment/analytics-react-native",
    "analytics-flutter",
    "RudderLabs JavaScript SDK",
)
_ON_A_SERVER = (
    "analytics-node",
    "@segment/analytics-node",
    "analytics-python",
    "analytics-java",
    "analytics-go",
    "analytics-ruby",
    "analytics-php",
    "analytics-clojure",
    "Analytics.NET",
    "Analytics-CSharp",
    "rudder-analytics-python",
)

_AGENT_LENGTH = 512
"""Characters kept of a user agent; each event of a batch gets it."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What a request tells about who sent it, beside its body."""

    address: str | None = field(default=None, repr=False)
    origin: str | None = None
    is_page: bool = False  # a browser sent it on behalf of a page
    opted_out: bool = False
    hops: tuple[GatewayMark, ...] = ()  # the gateways it has passed
    user_agent: str | None = field(default=None, repr=False)


class BehindProxies(Protocol):
    """Whose word about a client's address is believed."""

    @property
    def trusted_proxies(self) -> Sequence[Network]: ...

    @property
    def client_address_headers(self) -> Sequence[str]: ...


def address_of(request: web.BaseRequest, backend: BehindProxies) -> str | None:
    """Where a request comes from: its peer, or who the trusted proxies say it is."""
    return client_address(
        request.remote, request.headers, backend.trusted_proxies, backend.client_address_headers
    )


def sender_of(request: web.BaseRequest, backend: BehindProxies) -> Sender:
    """What a request tells beside its body.

    A browser says Origin or Sec-Fetch-Site. Sec-Fetch-Mode alone proves nothing: Node's fetch
    sends it too.
    """
    headers = request.headers
    origin = headers.get("Origin")
    return Sender(
        address=address_of(request, backend),
        origin=origin,
        is_page=origin is not None or "Sec-Fetch-Site" in headers,
        opted_out=headers.get("Sec-GPC") == "1" or headers.get("DNT") == "1",
        hops=hops_in(headers),
        user_agent=headers.get("User-Agent", "")[:_AGENT_LENGTH] or None,
    )


def basic_user(authorization: str | None) -> str:
    """The user of `Basic`: a token, a service account or a secret. Empty where there is none."""
    scheme, _, credentials = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(credentials + "==").decode().partition(":")[0]
    except ValueError:
        return ""


def is_on_a_device(
    kind: Literal["browser", "mobile", "server", "any"], library: str | None, sender: Sender
) -> bool:
    """Whether an event comes straight from a person's device, so that the address is theirs.

    `library`: `context.library.name` of the event, or what the protocol has instead.
    """
    if kind != "any":
        return kind != "server"
    if library is not None:
        if library.startswith(_ON_A_DEVICE):
            return True
        if library.startswith(_ON_A_SERVER):
            return False
    return sender.is_page
