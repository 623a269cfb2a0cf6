"""A session outlives a restart, and ends with its time, with signing out, or with the token.

The browser holds a random key; the file holds `HMAC(token, key)`, which opens nothing and means
nothing to another token.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Self

import orjson

SECONDS = 12 * 3600
FILE = "sessions.json"

_MOST = 256
"""Sessions at once; the oldest go first."""


class Sessions:
    """Who is signed in."""

    def __init__(self, file: FilePath, token: str, clock: Callable[[], float]) -> None:
        """Use `open`."""
        self._file = file
        self._token = token.encode()
        self._clock = clock
        self._changing = threading.Lock()
        self._secret = b""
        self._ends: dict[str, float] = {}

    @classmethod
    def open(cls, folder: FilePath, token: str, clock: Callable[[], float] = time.time) -> Self:
        """Take up the sessions of the program before. `folder` is that of the keys; blocks.

        `clock` gives epoch seconds.
        """
        sessions = cls(folder / FILE, token, clock)
        sessions._secret, sessions._ends = sessions._read()
        with suppress(OSError):  # a form that was open at a restart is then shown again
            sessions._write()
        return sessions

    def begin(self) -> str:
        """Sign in; returns the key of the session. Blocks. Raises OSError."""
        key = secrets.token_urlsafe(32)
        with self._changing:
            self._ends[self._digest(key)] = self._clock() + SECONDS
            self._write()
        return key

    def knows(self, key: str) -> bool:
        """Whether the key is of a session that has not ended."""
        return self._ends.get(self._digest(key), 0) > self._clock()

    def end(self, key: str) -> None:
        """Sign out. Blocks. Raises OSError, and the session has ended all the same."""
        with self._changing:
            self._ends.pop(self._digest(key), None)
            self._write()

    def form_key(self, key: str | None) -> str:
        """What a form must bring along to come from a page of this session."""
        return hmac.digest(self._secret, f"form {key or ''}".encode(), "sha256").hex()

    def _digest(self, key: str) -> str:
        return hmac.digest(self._token, key.encode(), "sha256").hex()

    def _read(self) -> tuple[bytes, dict[str, float]]:
        try:
            kept = orjson.loads(self._file.read_bytes())
            return bytes.fromhex(kept["secret"]), dict(kept["ends"])
        except (OSError, ValueError, KeyError, TypeError):  # nobody is signed in
            return secrets.token_bytes(32), {}

    def _write(self) -> None:
        now = self._clock()
        live = sorted((end, digest) for digest, end in self._ends.items() if end > now)[-_MOST:]
        self._ends = {digest: end for end, digest in live}
        new = self._file.with_suffix(".new")
        body = orjson.dumps({"secret": self._secret.hex(), "ends": self._ends})
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(body)
        new.replace(self._file)
