"""What only the running gateway may do, a command asks of it through its admin listener."""

from __future__ import annotations

import ssl
from collections.abc import Collection
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

import orjson

from gateway.config import Configuration
from gateway.config.model import Admin
from gateway.errors import GatewayError
from gateway.tls import Pair

_ANSWER_SECONDS = 30.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (where it listens)


class AskingError(GatewayError):
    """The gateway that runs does not answer, or says no."""


def ask(
    configuration: Configuration,
    method: str,
    path: str,
    body: Any = None,
    *,
    seconds: float = _ANSWER_SECONDS,
) -> Any:
    """The JSON that the running gateway answers. Raises AskingError."""
    admin = configuration.gateway.admin
    return ask_at(admin, configuration.admin_tls, method, path, body, seconds=seconds)


def ask_at(
    admin: Admin,
    tls: Pair | None,
    method: str,
    path: str,
    body: Any = None,
    *,
    also: Collection[int] = (),
    seconds: float = _ANSWER_SECONDS,
) -> Any:
    """As `ask`, where only the listener is known. An answer may have a status of `also`, too."""
    headers = {"Content-Type": "application/json"}
    if admin.token:
        headers["Authorization"] = f"Bearer {admin.token}"
    try:
        connection = _connection(admin, tls, seconds)
    except (OSError, ssl.SSLError) as error:
        raise AskingError(f"admin.tls cannot be read ({type(error).__name__})") from None
    try:
        connection.request(method, path, orjson.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        said = orjson.loads(answer.read())
    except (OSError, HTTPException, orjson.JSONDecodeError) as error:
        raise AskingError(f"{_where(admin, tls)} {_why(error)}") from None
    finally:
        connection.close()
    if answer.status == 401:
        raise AskingError(
            f"{_where(admin, tls)} refuses the token: use the admin.token that it was started with"
        )
    if answer.status != 200 and answer.status not in also:
        reason = said.get("error") if isinstance(said, dict) else None
        raise AskingError(f"the running gateway refuses: {reason or answer.status}")
    return said


def _where(admin: Admin, tls: Pair | None) -> str:
    return f"the gateway at {'https' if tls else 'http'}://{admin.listen}"


def _why(error: Exception) -> str:
    """What went wrong, and what to do."""
    match error:
        case ssl.SSLCertVerificationError():
            return "shows another certificate: admin.tls.cert must be the one it was started with"
        case ssl.SSLError():
            return "does not speak https: is admin.tls what it was started with?"
        case ConnectionRefusedError():
            return "does not answer: is it running, and is admin.listen what it was started with?"
        case TimeoutError():
            return "does not answer in time: look at its log"
        case OSError():
            name = type(error).__name__
            return f"closes the connection ({name}): is admin.tls what it was started with?"
    return (
        f"does not answer as a gateway does ({type(error).__name__}): are admin.listen and "
        "admin.tls what it was started with?"
    )


def _connection(admin: Admin, tls: Pair | None, seconds: float) -> HTTPConnection:
    host, port = _ANY_ADDRESS.get(admin.listen.host, admin.listen.host), admin.listen.port
    if tls is None:
        return HTTPConnection(host, port, timeout=seconds)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # its own certificate is the one trusted, by whatever name
    context.load_verify_locations(cafile=tls.cert)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return HTTPSConnection(host, port, timeout=seconds, context=context)
