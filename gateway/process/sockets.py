"""A listening socket outlives the program that opened it, so a restart refuses nobody.

Connections that come while one program ends and the next begins wait in the kernel. The sockets
travel as inherited file descriptors; GATEWAY_SOCKETS says which is which, to the process it names.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Mapping, Sequence

from gateway.config import Configuration
from gateway.config.values import Listen

VARIABLE = "GATEWAY_SOCKETS"

Sockets = dict[str, list[socket.socket]]
"""The sockets of each listener; its key is its setting and its address as configured."""

_BACKLOG = 1024


def key(setting: str, listen: Listen) -> str:
    return f"{setting} {listen}"


def wanted(configuration: Configuration) -> dict[str, tuple[str, Listen]]:
    """The listeners that a configuration asks for: key to setting and address."""
    gateway = configuration.gateway
    asked = [("listen", gateway.listen), ("admin.listen", gateway.admin.listen)]
    if gateway.tls:
        asked.append(("tls.listen", gateway.tls.listen))
    if gateway.forward_proxy:
        asked.append(("forward_proxy.listen", gateway.forward_proxy.listen))
    return {key(*listener): listener for listener in asked}


def bound(listen: Listen) -> list[socket.socket]:
    """A listening socket for every address of the host. Raises OSError."""
    found = socket.getaddrinfo(
        listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    made: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            one = socket.socket(family, kind, protocol)
            made.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
            one.listen(_BACKLOG)
            one.setblocking(False)
    except OSError:
        close(made)
        raise
    return made


def close(sockets: Sequence[socket.socket]) -> None:
    for one in sockets:
        one.close()


def inherited(environment: Mapping[str, str]) -> Sockets:
    """The sockets that the program before this one handed over."""
    try:
        given = json.loads(environment.get(VARIABLE, "{}"))
    except ValueError:
        return {}
    if given.get("process") != os.getpid():
        return {}
    return {
        name: [_taken(number) for number in numbers if _is_socket(number)]
        for name, numbers in given["sockets"].items()
    }


def handed_over(sockets: Mapping[str, Sequence[socket.socket]]) -> str:
    """Leave the sockets open for the next program; returns what VARIABLE must say to it."""
    for several in sockets.values():
        for one in several:
            one.set_inheritable(True)
    numbers = {name: [one.fileno() for one in several] for name, several in sockets.items()}
    return json.dumps({"process": os.getpid(), "sockets": numbers})


def _is_socket(number: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


def _taken(number: int) -> socket.socket:
    one = socket.socket(fileno=number)
    one.set_inheritable(False)
    one.setblocking(False)
    return one
