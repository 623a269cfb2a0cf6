"""A change is on disk and in force before the answer says that it was saved."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Any, Protocol

import orjson
from aiohttp import web

from gateway.admin import html, pages
from gateway.admin.bodies import bytes_of, form_of
from gateway.admin.guard import VISITOR
from gateway.contract import Catalogue
from gateway.errors import ConfigurationError
from gateway.event import TelemetryClass
from gateway.jsonl.files import cause
from gateway.pipeline.telemetry_switch import CLASSES, Order, OrderedBy
from gateway.process.hot_restart import RestartError
from gateway.telemetry.switch_history import Standing
from gateway.timestamps import timestamp

_FRESH_SECONDS = 30
_SCRIPTED: tuple[OrderedBy, ...] = ("command line", "API")
"""Who may say who they are; the page is known by its form."""

Restart = Callable[[], Awaitable[None]]
"""Raises RestartError; otherwise the next connection meets the new program."""


class TelemetryControl(Protocol):
    """Who has the switches."""

    @property
    def catalogue(self) -> Catalogue: ...
    async def telemetry(self) -> Standing: ...
    async def order(self, order: Order) -> None: ...


class _RefusedError(Exception):
    """An order that cannot be carried out; the message is for a person."""


def routes(board: TelemetryControl, restart: Restart) -> list[web.RouteDef]:
    """The page, and the API behind it."""

    async def show(request: web.Request) -> web.Response:
        is_fresh = _is_fresh(request.query.get("saved", ""))
        notices = [html.notice("good", "Saved, and restarted.")] if is_fresh else []
        return await _page(board, request, *notices)

    async def save(request: web.Request) -> web.Response:
        form = await form_of(request)
        visitor = request[VISITOR]
        if form.get("form_key") != visitor.form_key:
            return await _page(board, request, _stale(), status=403)
        try:
            for name in _to_switch(await board.telemetry(), form):
                await _carry_out(board, name, name in form, "admin page", visitor.sign_in)
        except _RefusedError as error:
            return await _page(board, request, html.notice("bad", escape(str(error))), status=409)
        try:
            await restart()
        except RestartError as error:
            mistakes = [f"<code>{escape(line)}</code>" for line in str(error).splitlines()]
            sentence = "Saved and already in force, but the gateway was not restarted:"
            return await _page(
                board, request, html.notice("bad", sentence, items=mistakes), status=409
            )
        where = f"{html.GENERAL}?saved={int(time.time())}"
        return web.Response(status=303, headers={"Location": where})

    async def tell(_: web.Request) -> web.Response:
        return _json((await board.telemetry()).as_json())

    async def take(request: web.Request) -> web.Response:
        """`{"class": "optional", "enabled": false}` as application/json."""
        if request.content_type != "application/json":
            return web.json_response({"error": "send application/json"}, status=415)
        asked = _asked(await bytes_of(request))
        if asked is None:
            usage = 'send {"class": "optional", "enabled": true, false or null}'
            return web.json_response({"error": usage}, status=400)
        try:
            await _carry_out(board, *asked, request[VISITOR].sign_in)
        except _RefusedError as error:
            return web.json_response({"error": str(error)}, status=409)
        return _json((await board.telemetry()).as_json())

    return [
        web.get("/settings", _to_general),
        web.get(html.GENERAL, show),
        web.post(html.GENERAL, save),
        web.get("/api/telemetry", tell),
        web.post("/api/telemetry", take),
    ]


async def _to_general(_: web.Request) -> web.Response:
    return web.Response(status=303, headers={"Location": html.GENERAL})


async def _page(
    board: TelemetryControl, request: web.Request, *notices: str, status: int = 200
) -> web.Response:
    text = pages.general(await board.telemetry(), board.catalogue, html.Frame.of(request), *notices)
    return web.Response(text=text, content_type="text/html", status=status)


def _is_fresh(saved: str) -> bool:
    """Whether it was a moment ago, so that a page that is kept or looked at again says nothing."""
    return saved.isdecimal() and 0 <= time.time() - int(saved[:12]) < _FRESH_SECONDS


def _stale() -> str:
    return html.notice("bad", "Nothing was saved: this page was out of date. Look, and save again.")


def _to_switch(standing: Standing, form: Mapping[str, Any]) -> list[TelemetryClass]:
    """The classes that the form wants to stand differently; a locked one is not in the form."""
    return [
        name
        for name in CLASSES
        if (name in form) != standing.classes[name].enabled
        and not (name == "optional" and standing.locked_by)
    ]


async def _carry_out(
    board: TelemetryControl,
    name: TelemetryClass,
    enabled: bool | None,
    who: OrderedBy,
    sign_in: str,
) -> None:
    """Raises _RefusedError, and then nothing has changed."""
    locked_by = (await board.telemetry()).locked_by
    if name == "optional" and locked_by:
        raise _RefusedError(
            f"{locked_by} in the environment decides over optional events; change it there, and "
            "restart the gateway"
        )
    try:
        await board.order(Order(timestamp(time.time()), name, enabled, who, sign_in))
    except OSError as error:
        raise _RefusedError(
            f"it could not be saved, so nothing has changed: {cause(error)}"
        ) from None
    except ConfigurationError as error:
        raise _RefusedError(str(error)) from None


def _asked(body: bytes) -> tuple[TelemetryClass, bool | None, OrderedBy] | None:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(given, dict) or "enabled" not in given:
        return None
    name, enabled, who = given.get("class", "optional"), given["enabled"], given.get("who", "API")
    is_state = enabled is None or isinstance(enabled, bool)
    if name not in CLASSES or not is_state or who not in _SCRIPTED:
        return None
    return name, enabled, who


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")
