"""The sign-in page takes the token once, and gives a session for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

from gateway.admin import html, pages
from gateway.admin.bodies import form_of
from gateway.admin.guard import COOKIE, VISITOR, AdminGuard, too_many
from gateway.admin.sessions import SECONDS
from gateway.jsonl.files import cause


def routes(guard: AdminGuard) -> list[web.RouteDef]:
    """In and out."""

    async def show(request: web.Request) -> web.Response:
        where = _known(request, request.query.get("next"))
        if VISITOR in request:
            return _to(where)
        return _page(pages.sign_in(where))

    async def sign_in(request: web.Request) -> web.Response:
        form = await form_of(request)
        where, token = _known(request, form.get("next")), form.get("token")
        if not guard.token or not isinstance(token, str) or not guard.is_token(token):
            if await guard.wrong_tokens.slow(request.remote):
                notice = html.notice(
                    "bad", "Too many wrong tokens. Only the right one is taken now."
                )
                return too_many(_page(pages.sign_in(where, notice), 429))
            return _page(pages.sign_in(where, html.notice("bad", "This is not the token.")), 403)
        try:
            session = await asyncio.to_thread(guard.sessions.begin)
        except OSError as error:
            notice = html.notice("bad", f"The session could not be saved: {cause(error)}.")
            return _page(pages.sign_in(where, notice), 503)
        response = _to(where)
        response.set_cookie(
            COOKIE,
            session,
            max_age=SECONDS,
            secure=request.secure,
            httponly=True,
            samesite="Strict",
        )
        return response

    async def sign_out(request: web.Request) -> web.Response:
        form, visitor = await form_of(request), request[VISITOR]
        if form.get("form_key") != visitor.form_key:
            return _to(html.HOME)
        if visitor.session:
            with suppress(OSError):
                await asyncio.to_thread(guard.sessions.end, visitor.session)
        response = _to("/sign-in")
        response.del_cookie(COOKIE)
        return response

    return [
        web.get("/sign-in", show),
        web.post("/sign-in", sign_in),
        web.post("/sign-out", sign_out),
    ]


def _known(request: web.Request, where: object) -> str:
    """A page of ours, so that nobody is sent elsewhere."""
    groups = html.navigation(request.app[html.PAGES])
    known = {link.path for _, links in groups for link in links}
    return where if isinstance(where, str) and where in known else html.HOME


def _to(where: str) -> web.Response:
    return web.Response(status=303, headers={"Location": where})


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)
