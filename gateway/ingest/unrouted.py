"""A path that nobody serves is served as what it was meant to be, or refused and counted."""

from __future__ import annotations

from aiohttp import web

from gateway.errors import RequestError
from gateway.ingest import IngestBackend, cors, error_responses
from gateway.ingest.app import go_on
from gateway.ingest.asked import SHAPE
from gateway.ingest.folded_paths import meant
from gateway.ingest.segment.responses import refusal

_STATUS = {"no_such_method": 405}


def add_routes(app: web.Application, backend: IngestBackend) -> None:
    """Everything else; to be added last."""
    served = _served(app)

    async def refuse(request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return web.Response(headers=cors.preflight(request.headers))
        path = request.path.rstrip("/") or "/"
        if path not in served:
            raise RequestError("no_such_path", "nothing is served at this path")
        request[SHAPE] = path
        raise RequestError("no_such_method", "this path is not served for this method")

    def refused(error: RequestError, request: web.Request) -> web.StreamResponse:
        response = refusal(_STATUS.get(error.code, 404), error.code, error.message)
        if SHAPE in request:
            response.headers["Allow"] = ", ".join(sorted(served[request[SHAPE]]))
        return response

    words: error_responses.ErrorResponses[web.StreamResponse] = error_responses.ErrorResponses(
        "http", refused=refused, again=refusal
    )

    async def answer(request: web.Request) -> web.StreamResponse:
        return await meant(request) or await error_responses.answered(
            backend, words, refuse, request
        )

    handle = error_responses.readable(answer)
    app.router.add_route("*", "/{rest:.*}", handle, expect_handler=go_on)


def _served(app: web.Application) -> dict[str, set[str]]:
    """The methods of each path that has no variable part."""
    methods: dict[str, set[str]] = {}
    for resource in app.router.resources():
        if isinstance(resource, web.PlainResource):
            path = resource.canonical.rstrip("/") or "/"
            methods.setdefault(path, set()).update(route.method for route in resource)
    return methods
