"""What was asked for, in words of which there is a fixed number: for counters, never as it came.

A path is named by the pattern of its route, and one that nobody serves by its last step, if that is
a word by which SDKs send: it shows which prefix a client has wrong.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from aiohttp import web

OTHER: Final = "other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WORDS = frozenset(
    (
        *("alias", "b", "batch", "capture", "collect", "decide", "engage", "event", "events"),
        *("flags", "group", "groups", "identify", "import", "m", "page", "pixel", "projects"),
        *("record", "screen", "settings", "sourceConfig", "t", "track"),
    )
)


SHAPE = web.RequestKey("shape", str)
"""Of a path that is served, with another method than the request's."""


class Asked(NamedTuple):
    """The shape of a path, and the method."""

    path: str = OTHER
    method: str = OTHER


UNKNOWN: Final = Asked()


def asked(request: web.BaseRequest) -> Asked:
    method = request.method if request.method in _METHODS else OTHER
    return Asked(_shape(request), method)


def _shape(request: web.BaseRequest) -> str:
    if SHAPE in request:
        return request[SHAPE]
    resource = request.match_info.route.resource if isinstance(request, web.Request) else None
    pattern = resource.canonical if resource is not None else "/"
    if pattern != "/{rest}":
        return pattern.rstrip("/") or "/"
    last = request.path.rstrip("/").rpartition("/")[2]
    return f"*/{last}" if last in _WORDS else OTHER
