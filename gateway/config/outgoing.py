"""How the gateway's own requests leave: through which proxy, trusting whom, with which marks.

It is read from the configuration once, at the start. No library reads the environment, ~/.netrc or
a key log file for itself, so nothing but the configuration changes a request.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from gateway.config.model import Outbound as Settings
from gateway.event import GatewayMark

HOPS = "Telemetry-Gateway-Hops"
"""The header that names the gateways a request, or an event in it, has passed."""
LOOP = 508
"""Loop Detected (RFC 5842 §7.2). Only a gateway whose requests come back to it ever gets it."""
MOST_HOPS = 64
"""Marks of one request at most."""

_MARK = re.compile(r"f[0-9a-f]{15}")
"""Begins with a letter, so that no number of a card or a person can be handed on as one."""
_NONE = "none"
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which proxy leads to a URL. `exempt` has the forms that NO_PROXY has."""

    http: str | None = None
    https: str | None = None
    exempt: tuple[str, ...] = ()

    def of(self, url: str) -> str | None:
        """The proxy for `url`, with its credentials; None: none."""
        parts = urlsplit(url)
        proxy = self.https if parts.scheme == "https" else self.http
        host = parts.hostname or ""
        if not proxy or any(_covers(one, host, parts.port) for one in self.exempt):
            return None
        return proxy


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The ways out of one gateway. `mark` names its installation, and says nothing else of it."""

    proxies: Proxies = Proxies()
    ca_bundle: FilePath | None = None
    """File or folder of the authorities that are trusted instead of the usual ones."""
    mark: str = ""

    @classmethod
    def of(
        cls, settings: Settings, environment: Mapping[str, str], folder: FilePath | None = None
    ) -> Self:
        """As configured; what is not, as the usual variables say. Paths start from `folder`."""
        named = _variable(environment, *_CA_VARIABLES)
        bundle = FilePath(named) if named else None
        if settings.ca_bundle is not None:
            bundle = (folder or FilePath()) / settings.ca_bundle
        return cls(_proxies(settings, environment), bundle)

    def marked(self, mark: str) -> Self:
        return replace(self, mark=mark)

    def hops(self, passed: Iterable[str] = ()) -> dict[str, str]:
        """The header of a request whose events have passed these gateways before."""
        marks = dict.fromkeys([self.mark, *passed] if self.mark else passed)
        return {HOPS: ", ".join([*marks][:MOST_HOPS])} if marks else {}

    def context(self) -> ssl.SSLContext:
        """What verifies the other side where the system's authorities are the usual ones."""
        context = tls_context()
        if self.ca_bundle is None:
            context.load_default_certs()
        else:
            is_folder = self.ca_bundle.is_dir()
            context.load_verify_locations(
                capath=self.ca_bundle if is_folder else None,
                cafile=None if is_folder else self.ca_bundle,
            )
        return context


DIRECT = Outgoing()
"""No proxy, the usual authorities, no mark."""


def tls_context() -> ssl.SSLContext:
    """Verifies, and trusts nobody yet. The usual makers of contexts heed SSLKEYLOGFILE."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def hops_in(headers: Mapping[str, str]) -> tuple[GatewayMark, ...]:
    """The marks that a request or an answer carries; whatever else it says there is nothing."""
    value = headers.get(HOPS)
    if not value:
        return ()
    marks = [mark.strip() for mark in value[: MOST_HOPS * 18].split(",")]
    return tuple([GatewayMark(mark) for mark in marks if _MARK.fullmatch(mark)])


def shown(outgoing: Outgoing) -> list[str]:
    """A description for people, without credentials; empty where it is as usual."""
    proxies, lines = outgoing.proxies, []
    if proxies.https or proxies.http:
        ways = {"https": proxies.https, "http": proxies.http}
        through = ", ".join(f"{s} {_without_credentials(p)}" for s, p in ways.items() if p)
        lines.append(f"through the proxy for {through}")
        if proxies.exempt:
            lines.append(f"without it to {', '.join(proxies.exempt)}")
    if outgoing.ca_bundle:
        lines.append(f"trusts {outgoing.ca_bundle}")
    return lines


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _proxies(settings: Settings, environment: Mapping[str, str]) -> Proxies:
    exempt = settings.no_proxy
    if exempt is None:
        exempt = tuple(filter(None, re.split(r"[,\s]+", _variable(environment, "NO_PROXY"))))
    if settings.proxy == _NONE:
        return Proxies()
    if settings.proxy:
        return Proxies(settings.proxy, settings.proxy, exempt)
    every = _variable(environment, "ALL_PROXY")
    http = _variable(environment, "HTTP_PROXY") or every
    https = _variable(environment, "HTTPS_PROXY") or every
    return Proxies(_with_scheme(http), _with_scheme(https), exempt)


def _variable(environment: Mapping[str, str], *names: str) -> str:
    """The first of the variables that says anything; in small letters it wins."""
    for name in names:
        if value := (environment.get(name.lower()) or environment.get(name) or "").strip():
            return value
    return ""


def _with_scheme(proxy: str) -> str | None:
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _covers(exempt: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY is for this host: `*`, a domain, a network, a host with port."""
    entry = exempt.lower()
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    name, colon, of_port = entry.rpartition(":")
    if colon and of_port.isdecimal() and not name.endswith(":"):
        if int(of_port) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))
