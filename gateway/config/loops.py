"""What would come back is found before it is sent, as far as the files can tell.

A host may lead back by its name as well, which only a lookup tells; then the mark on the request
does, when it arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.config import Configuration
from gateway.config.sections import sections
from gateway.config.values import Listen
from gateway.errors import Mistake
from gateway.event import JsonPath
from gateway.globs import compile_globs

_PORTS = {"http": 80, "https": 443}
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (what a listener may be)


def loops(configuration: Configuration) -> Iterator[Mistake]:
    """Each destination that loops back to this gateway, and each address of an extension."""
    document = configuration.routing_document
    for name, settings in configuration.routing.destinations.items():
        if settings.address is None:
            continue
        setting, url = settings.address
        if how := _leads_back(configuration, url):
            where: JsonPath = ("destinations", name, setting)
            yield document.mistake(where, f"`{name}` loops back to this gateway: {how}")
    for section in sections():
        for path, given in section.upstreams(configuration.gateway).items():
            if how := _leads_back(configuration, given):
                message = f"it loops back to this gateway: {how}"
                yield configuration.gateway_document.mistake(path, message)


def _leads_back(configuration: Configuration, url: str) -> str | None:
    """How, in words that say what to change; None where it does not."""
    gateway = configuration.gateway
    if proxy := configuration.outgoing.proxies.of(url):
        forward = gateway.forward_proxy
        if forward is None or not _is_at(proxy, forward.listen):
            return None
        here = compile_globs(forward.here, ignore_case=True)
        parts = urlsplit(url)
        if not here or parts.scheme != "https" or not here.fullmatch(parts.hostname or ""):
            return None
        return (
            "the proxy for outgoing requests is its own forward_proxy, which answers for this host;"
            " set outbound.proxy to `none`"
        )
    listeners = {"listen": gateway.listen}
    if gateway.tls:
        listeners["tls.listen"] = gateway.tls.listen
    for setting, listen in listeners.items():
        if _is_at(url, listen):
            return f"its host is the gateway's own {setting}; name the vendor's"
    return None


def _is_at(url: str, listen: Listen) -> bool:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if port != listen.port:
        return False
    is_here = Listen(host, port).is_loopback or host in _EVERYWHERE
    return host == listen.host or (is_here and (listen.is_loopback or listen.host in _EVERYWHERE))
