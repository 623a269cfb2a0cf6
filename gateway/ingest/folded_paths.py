"""Doubled slashes and a doubled `/v1`, which come of a host written with its path, are folded.

Only a path that nobody serves as it is gets here, so the usual ones cost nothing.
"""

from __future__ import annotations

import re

from aiohttp import web

_slashes = re.compile("/{2,}")
_doubled = re.compile(
    r"^/(?:v1/(?:(?:batch|import)/)?)+(?=v1/|beacon/v1/|pixel/v1/|api/s/|sourceConfig)"
)


async def meant(request: web.Request) -> web.StreamResponse | None:
    """The answer of the path that was meant, if that is another one and is served."""
    path = request.rel_url.raw_path
    folded = _doubled.sub("/", _slashes.sub("/", path))
    if folded == path:
        return None
    again = request.clone(rel_url=request.rel_url.with_path(folded, encoded=True, keep_query=True))
    match = await request.app.router.resolve(again)
    if match.http_exception is not None:
        return None
    for app in request.match_info.apps:
        match.add_app(app)
    match.freeze()
    again._match_info = match  # noqa: SLF001 (what aiohttp's own application does)
    return await match.handler(again)
