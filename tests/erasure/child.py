"""`gateway erase` that kills itself at a chosen step: each thing that reaches the disk is one.

`python -m tests.erasure.child` reads a line of JSON a life, `{"config": …, "user": …, "step": n}`,
forks, and the fork dies before its n-th step; without a step it lives. What it says is the number
of steps it has done. All modules are loaded before, so that a life begins within milliseconds.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gateway.cli.erase
from gateway.cli import registry
from gateway.journal.sqlite import store

_done = 0
_last = 0


def _step() -> None:
    global _done  # noqa: PLW0603 (one process counts for itself)
    _done += 1
    if _done == _last:
        os.kill(os.getpid(), signal.SIGKILL)


def _stepping(call: Callable[..., Any]) -> Callable[..., Any]:
    def stepped(*given: Any, **named: Any) -> Any:
        _step()
        return call(*given, **named)

    return stepped


@contextmanager
def _transaction(connection: Any) -> Iterator[None]:
    with _WHOLE(connection):
        _step()
        yield
        _step()
    _step()


_WHOLE = store.transaction


def _live(order: dict[str, Any]) -> None:
    global _last  # noqa: PLW0603 (as above)
    _last = order.get("step", 0)
    store.transaction = _transaction
    store.purge = _stepping(store.purge)
    for of, name in ((os, "fsync"), (os, "truncate"), (Path, "replace"), (Path, "unlink")):
        setattr(of, name, _stepping(getattr(of, name)))
    command = registry.commands()["erase"]
    users = ["--user", order["user"]] if "user" in order else []
    parser = registry.parser_of(command, registry.loaded(command))
    given = parser.parse_intermixed_args(["--config", order["config"], "--json", *users])
    given.config = Path(order["config"])
    os.chdir(given.config.parent)
    gateway.cli.erase.run(given, os.environ, io.StringIO())
    os.write(1, b"%d\n" % _done)


def main() -> None:
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            code = 1
            try:
                _live(json.loads(line))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        os.write(1, b"over %d\n" % status)


if __name__ == "__main__":
    main()
