"""What an Appsmith asks of its cloud services; nothing else is relayed.

A route names the members and parameters that its contract cannot do without: they pass where they
look like what they are. All else that is JSON or a form meets the policy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.globs import compile_globs

_ANY = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_READ = frozenset({"GET", "HEAD"})
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")
_IDS = frozenset(
    {"instanceId", "hashedInstanceId", "instanceIdentifier", "tenantId", "tenantIdentifier"}
    | {"organizationId", "version", "appsmithVersion", "edition"}
)
_LICENCE = _IDS | {"key", "licenseKey", "license", "licence"}


@dataclass(frozen=True, slots=True)
class RelayRoute:
    """One of them; `pattern` is below `/api/v1/`, and what the audit calls it."""

    pattern: str
    methods: frozenset[str] = _READ
    needs: frozenset[str] = _IDS
    as_it_is: bool = False
    """Whether its body is a contract as a whole, which is signed."""


ROUTES = (
    RelayRoute("releases", needs=_IDS | {"isSourceInstall", "repo"}),
    RelayRoute("ip"),
    RelayRoute("installations", frozenset({"POST"}), _LICENCE),
    RelayRoute("usage/report", frozenset({"POST"}), as_it_is=True),
    RelayRoute("feature-flags", _READ | {"POST"}),
    RelayRoute("license", _ANY, _LICENCE),
    RelayRoute("license/*", _ANY, _LICENCE),
    RelayRoute("templates", _ANY),
    RelayRoute("templates/*", _ANY),
    RelayRoute("app-templates", _ANY),
    RelayRoute("app-templates/*", _ANY),
    RelayRoute("mocks", _ANY),
    RelayRoute("mocks/*", _ANY),
)


def route_of(method: str, path: str, more: Sequence[str]) -> RelayRoute | None:
    """The route of a request; None where it is not relayed. `more`: patterns of the settings."""
    for route in (*ROUTES, *(RelayRoute(pattern, _ANY) for pattern in more)):
        if method in route.methods and _matches(route.pattern, path):
            return route
    return None


@lru_cache
def _pattern(glob: str) -> re.Pattern[str] | None:
    return compile_globs([glob])


def _matches(glob: str, path: str) -> bool:
    pattern = _pattern(glob)
    return pattern is not None and pattern.fullmatch(path) is not None


def is_needed(route: RelayRoute, name: str, value: object) -> bool:
    """Whether a member or parameter passes whatever the policy says of its name."""
    if name not in route.needs:
        return False
    return not isinstance(value, dict | list) and (
        not isinstance(value, str) or _PLAIN.fullmatch(value) is not None
    )
