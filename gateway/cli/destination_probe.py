"""Whether a destination can be reached is found out without sending an event.

One request each, of the cheapest kind that the vendor answers: a GET to Segment, and to Mixpanel an
import of nothing, which also tells whether the token may import.
"""

from __future__ import annotations

import asyncio
import base64
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

import requests

from gateway.config.outgoing import Outgoing
from gateway.config.routing import Destination, FileSettings, MixpanelSettings, SegmentSettings
from gateway.destinations import RetryLater
from gateway.destinations.transport import CONNECT_SECONDS, Reply, attempt, harnessed, threads

SECONDS = 10.0

_REMEDIES = {
    "tls": "its certificate is not trusted: check host, the system's certificates and any proxy",
    "timeout": "it does not answer: check the firewall and its status page",
    "proxy": "the proxy refuses: check outbound.proxy, or HTTPS_PROXY and NO_PROXY",
    "name": "its name cannot be looked up: check host and the DNS of this machine",
}
_ELSE = "nothing listens there, or it hangs up: check host and port"

_SEGMENT_KEY = re.compile(r"[A-Za-z0-9]{32}")
_MIXPANEL_TOKEN = re.compile(r"[0-9a-f]{32}")


def reached(
    destinations: Mapping[str, Destination], outgoing: Outgoing
) -> Iterator[tuple[str, str, str]]:
    """Name, sentence and remedy of each destination; without a remedy it is healthy."""
    answers = asyncio.run(_ask_all(destinations, outgoing))
    for name, settings in destinations.items():
        yield (name, *_told(settings, answers.get(name), outgoing))


async def _ask_all(
    destinations: Mapping[str, Destination], outgoing: Outgoing
) -> dict[str, Reply | RetryLater]:
    asked = {
        name: _ask(call, outgoing)
        for name, settings in destinations.items()
        if (call := _call(settings)) is not None
    }
    answers = await asyncio.gather(*asked.values())
    return dict(zip(asked, answers, strict=True))


async def _ask(call: Callable[[], object], outgoing: Outgoing) -> Reply | RetryLater:
    pool = threads("doctor")
    try:
        return await attempt(pool, call, SECONDS, outgoing)
    finally:
        pool.shutdown(wait=False)


def _call(settings: Destination) -> Callable[[], object] | None:
    match settings:
        case SegmentSettings():
            return lambda: _request("GET", f"{settings.host}/", {}, None)
        case MixpanelSettings():
            account = settings.service_account
            signer = f"{account.username}:{account.secret}" if account else f"{settings.token}:"
            query = f"?strict=1&project_id={account.project_id}" if account else "?strict=1"
            headers = {
                "Authorization": f"Basic {base64.b64encode(signer.encode()).decode()}",
                "Content-Type": "application/json",
            }
            return lambda: _request("POST", f"{settings.host}/import{query}", headers, b"[]")
    return None


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> None:
    with requests.Session() as session:
        harnessed(session)
        session.request(
            method, url, headers=dict(headers), data=body,
            timeout=(CONNECT_SECONDS, SECONDS), allow_redirects=False,
        )  # fmt: skip


def _told(
    settings: Destination, answer: Reply | RetryLater | None, outgoing: Outgoing
) -> tuple[str, str]:
    if isinstance(settings, FileSettings):
        return "files, on this disk", ""
    if answer is None or not isinstance(settings, SegmentSettings | MixpanelSettings):
        return "not asked: nothing harmless can be sent there", ""
    host = settings.host
    if isinstance(answer, RetryLater):
        is_nameless = answer.cause == "connection" and not outgoing.proxies.of(host)
        cause = "name" if is_nameless and not _has_name(host) else answer.cause
        return f"{host} cannot be reached ({cause})", _REMEDIES.get(cause, _ELSE)
    if answer.loop:
        return f"{host} leads back to this gateway", "set host to the vendor's own address"
    if answer.status >= 500:
        return (
            f"{host} answers {answer.status}",
            "it is reachable but failing; events wait meanwhile",
        )
    if isinstance(settings, MixpanelSettings):
        if answer.status in (401, 403):
            return (
                f"{host} does not let us import ({answer.status})",
                "compare token or service_account with Project Settings, and host with the region",
            )
        if _is_of(host, "mixpanel.com") and not _MIXPANEL_TOKEN.fullmatch(settings.token):
            return f"{host} answers, but the token is not 32 hexadecimal digits", "copy it again"
    elif _is_of(host, "segment.io", "segment.com") and not _SEGMENT_KEY.fullmatch(
        settings.write_key
    ):
        return f"{host} answers, but the write key is not 32 letters and digits", "copy it again"
    return f"{host} answers", ""


def _has_name(url: str) -> bool:
    try:
        socket.getaddrinfo(urlsplit(url).hostname, None)
    except OSError:
        return False
    return True


def _is_of(url: str, *domains: str) -> bool:
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
