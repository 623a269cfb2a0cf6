"""A server is asked once whether it answers, without an event; what is wrong is said in words."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Probe, RetryLater
from gateway.destinations.http import Http, Reply

SECONDS = 10.0

_REMEDIES = {
    "tls": "its certificate is not trusted: check host, the system's certificates and any proxy",
    "timeout": "it does not answer: check the firewall and its status page",
    "proxy": "the proxy refuses: check outbound.proxy, or HTTPS_PROXY and NO_PROXY",
    "name": "its name cannot be looked up: check host and the DNS of this machine",
}
_ELSE = "nothing listens there, or it closes the connection: check host and port"


async def asked(
    method: str,
    url: str,
    outgoing: Outgoing,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Reply | Probe:
    """The answer; or the probe's outcome, where there is none or it says enough."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    http = Http("doctor", SECONDS, outgoing)
    try:
        reply = await http.send(http.prepared(method, url, body, headers or {}))
    finally:
        http.close()
    if isinstance(reply, RetryLater):
        is_nameless = reply.cause == "connection" and not outgoing.proxies.of(url)
        cause = "name" if is_nameless and not _has_name(parts.hostname) else reply.cause
        return Probe(f"{host} cannot be reached ({cause})", _REMEDIES.get(cause, _ELSE))
    if reply.loop:
        return Probe(f"{host} loops back to this gateway", "set host to the vendor's own address")
    if reply.status >= 500:
        return Probe(
            f"{host} answers {reply.status}",
            "it is reachable but failing; events wait meanwhile",
        )
    return reply


def is_of(url: str, *domains: str) -> bool:
    """Whether a host is in one of the domains."""
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _has_name(host: str | None) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True
