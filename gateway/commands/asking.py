"""What only the running gateway may do, a command asks of it through its admin listener."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

import orjson

from gateway.config import Configuration
from gateway.errors import GatewayError

_ANSWER_SECONDS = 30.0
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (where it listens)


class AskingError(GatewayError):
    """The gateway that runs does not answer, or says no."""


def ask(configuration: Configuration, method: str, path: str, body: Any = None) -> Any:
    """The JSON that the running gateway answers. Raises AskingError."""
    admin = configuration.gateway.admin
    headers = {"Content-Type": "application/json"}
    if admin.token:
        headers["Authorization"] = f"Bearer {admin.token}"
    connection = _connection(configuration)
    try:
        connection.request(method, path, orjson.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        said = orjson.loads(answer.read())
    except (OSError, HTTPException, orjson.JSONDecodeError) as error:
        raise AskingError(
            f"the gateway that runs does not answer at {admin.listen} ({type(error).__name__}); "
            "is admin.listen what it was started with?"
        ) from None
    finally:
        connection.close()
    if answer.status != 200:
        raise AskingError(f"the gateway that runs says no: {said.get('error', answer.status)}")
    return said


def _connection(configuration: Configuration) -> HTTPConnection:
    listen = configuration.gateway.admin.listen
    host = _ANY_ADDRESS.get(listen.host, listen.host)
    pair = configuration.admin_tls
    if pair is None:
        return HTTPConnection(host, listen.port, timeout=_ANSWER_SECONDS)
    context = ssl.create_default_context(cafile=str(pair.cert))
    context.check_hostname = False  # its own certificate is the one trusted, by whatever name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return HTTPSConnection(host, listen.port, timeout=_ANSWER_SECONDS, context=context)
