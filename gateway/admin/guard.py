"""Nobody sees or changes anything who may not, whatever page their browser has open.

With a token: a bearer, the password of Basic authentication, or a session of the sign-in page.
Without one, which only a loopback listener may be, the machine is the fence: the request must name
a loopback host, so that no other name can be made to point here. No other site may send a change.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.admin.sessions import Sessions
from gateway.admin.wrong_tokens import WAIT_SECONDS, WrongTokens
from gateway.config.values import Listen

COOKIE = "gateway_session"
OPEN = frozenset({"/healthz", "/readyz", "/sign-in", "/style.css", "/icon.svg"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_HEALTH = frozenset({"/healthz", "/readyz"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sent a request, as far as a token tells."""

    sign_in: str
    form_key: str
    session: str | None = None  # the key of the session
    may_sign_out: bool = False


VISITOR = web.RequestKey("visitor", Visitor)


class AdminGuard:
    """Lets requests in."""

    def __init__(self, token: str, sessions: Sessions) -> None:
        self.token = token
        self.sessions = sessions
        self.wrong_tokens = WrongTokens()

    def is_token(self, given: str) -> bool:
        """In constant time."""
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.token.encode())

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await self._refusal(request) or await _answer(handler, request)
            response.headers.update(HEADERS)
            return response

        return guard

    async def _refusal(self, request: web.Request) -> web.Response | None:
        """The answer to who may not, or None; then the request knows its visitor."""
        if request.path in _HEALTH:
            return None
        if not self.token and not _is_loopback(request):
            return _said(403, "ask for 127.0.0.1 or localhost; other names need admin.token")
        if request.method not in ("GET", "HEAD") and _is_of_another_site(request):
            return _said(403, "another site sent this")
        visitor = self._visitor(request)
        if visitor is not None:
            request[VISITOR] = visitor
        elif request.path not in OPEN:
            return await self._unknown(request)
        return None

    def _visitor(self, request: web.Request) -> Visitor | None:
        if not self.token:
            return Visitor("on this machine, without a token", self.sessions.form_key(None))
        if self._has_token(request):
            return Visitor("with the token", self.sessions.form_key(None))
        key = request.cookies.get(COOKIE, "")
        if key and self.sessions.knows(key):
            return Visitor("with the token", self.sessions.form_key(key), key, may_sign_out=True)
        return None

    def _has_token(self, request: web.Request) -> bool:
        given = _credentials(request)
        return given is not None and self.is_token(given)

    async def _unknown(self, request: web.Request) -> web.Response:
        if _credentials(request) is not None and await self.wrong_tokens.slow(request.remote):
            return too_many(_said(429, "too many wrong tokens; send the right one, or wait"))
        if "text/html" in request.headers.get("Accept", "") and request.method == "GET":
            where = f"/sign-in?next={quote(request.path)}"
            return web.Response(status=303, headers={"Location": where})
        response = _said(401, "the admin token is missing or wrong")
        response.headers["WWW-Authenticate"] = 'Basic realm="telemetry gateway"'
        return response


def too_many(response: web.Response) -> web.Response:
    """The next try costs a new connection."""
    response.headers["Retry-After"] = str(WAIT_SECONDS)
    response.force_close()
    return response


async def _answer(handler: Handler, request: web.Request) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _said(error.status, error.reason)


def _said(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


def _credentials(request: web.Request) -> str | None:
    """The token that the request claims, or None where it claims none."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _is_loopback(request: web.Request) -> bool:
    """Whether the request was sent to a loopback name, whatever that name was looked up as."""
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return False
    return Listen(host, 0).is_loopback


def _is_of_another_site(request: web.Request) -> bool:
    """Browsers say who sends; what says nothing is a program."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    try:
        return origin is not None and urlsplit(origin).netloc != request.host
    except ValueError:
        return True
