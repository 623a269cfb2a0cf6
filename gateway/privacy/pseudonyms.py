"""A pseudonym can be made only with the key of this installation, and is different for each vendor.

It is made in two stages. What the journal holds is `HMAC(installation key, value)`. Just before an
event goes to a destination, each of these tokens becomes `HMAC(destination key, token)`: two
vendors who compare their data find nothing in common. All keys derive from one in a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import pathlib
import secrets
import stat
import tempfile
from typing import Literal, Self

from gateway.errors import ConfigurationError, GatewayError, Mistake, file_problem
from gateway.event import CleanBytes, CleanText, StoredEvent

Form = Literal["hex", "uuid"]

KEY_FILE = "pseudonyms.key"
_KEY_BYTES = 32
_BLOCK = 64  # of SHA-256


class _Hmac:
    """HMAC-SHA-256 whose keyed blocks are hashed once, which halves the cost of a value."""

    __slots__ = ("_form", "_inner", "_outer")

    def __init__(self, key: bytes, form: Form) -> None:
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
        self._form = form

    def __call__(self, message: bytes) -> str:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        if self._form == "hex":
            return outer.hexdigest()
        digits = outer.hexdigest()
        variant = "89ab"[int(digits[16], 16) & 3]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
        )


class Domain:
    """Makes pseudonyms one destination's own."""

    __slots__ = ("_hmac",)

    def __init__(self, key: bytes, form: Form) -> None:
        self._hmac = _Hmac(key, form)

    def of(self, token: str) -> str:
        """What stands for a token at this destination."""
        return self._hmac(token.encode("utf-8", "surrogatepass"))

    def localise(self, event: StoredEvent) -> StoredEvent:
        """The event with this destination's pseudonyms, wherever in the body a token stands.

        Nobody can guess a token, so whatever looks like one is one. The header stays as it is:
        lanes and samples are the same for every destination.
        """
        tokens = event.header.pseudonyms
        if not tokens:
            return event
        body: bytes = event.body
        for token in tokens:
            name = token.encode()
            body = body.replace(name, self._hmac(name).encode())
        return StoredEvent(event.sequence, event.header, CleanBytes(body))


class Pseudonymizer:
    """The installation's own pseudonyms, and the way to each destination's."""

    def __init__(self, master: bytes, form: Form = "hex") -> None:
        self._master = master
        self._form: Form = form
        self._hmac = _Hmac(self._subkey("installation"), form)

    @classmethod
    def open(cls, keys_dir: pathlib.Path, form: Form) -> Self:
        """Read the key in `keys_dir`; at first start, make it.

        Raises ConfigurationError for a key that others can read or guess, GatewayError when the
        folder cannot be used.
        """
        file = keys_dir / KEY_FILE
        try:
            keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not file.exists():
                _create(file)
            mode, key = _read(file)
        except OSError as error:
            problem = file_problem(error)
            raise GatewayError(f"{file}: the pseudonym key cannot be used: {problem}") from None
        if mode & 0o077:
            raise _wrong(file, f"other users can read it; run `chmod 600 {file}`")
        if len(key) < _KEY_BYTES:
            size = f"{len(key)} bytes" if key else "empty"
            raise _wrong(
                file,
                f"it is {size} and must be at least {_KEY_BYTES} bytes. Restore it from a backup; "
                "or delete it, and a new key makes new pseudonyms",
            )
        if len(set(key)) < 8:
            raise _wrong(file, "it is not random; delete it, and a random key is made")
        return cls(key, form)

    def pseudonym(self, value: str) -> CleanText:
        """The token that stands for `value`; the same for the life of the key."""
        return CleanText(self._hmac(value.encode("utf-8", "surrogatepass")))

    def domain(self, destination: str) -> Domain:
        """What turns stored events into those of the destination of this name."""
        return Domain(self._subkey(f"destination:{destination}"), self._form)

    @property
    def mark(self) -> str:
        """What names this installation to itself and tells nobody else anything."""
        return f"f{self._subkey('mark').hex()[:15]}"

    def secret(self, purpose: str) -> bytes:
        """32 bytes that only this installation has, the same for the life of the key."""
        return self._subkey(f"secret:{purpose}")

    def _subkey(self, label: str) -> bytes:
        return hmac.digest(self._master, f"pseudonyms v1 {label}".encode(), "sha256")


def _create(file: pathlib.Path) -> None:
    """Whole and durable or not at all; of two processes that start at once, one makes the key."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_BYTES))
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        pathlib.Path(name).unlink()
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(file: pathlib.Path) -> tuple[int, bytes]:
    with file.open("rb") as stream:
        return stat.S_IMODE(os.fstat(stream.fileno()).st_mode), stream.read(4096)


def _wrong(file: pathlib.Path, message: str) -> ConfigurationError:
    return ConfigurationError(
        [Mistake(str(file), 1, f"the pseudonym key cannot be used: {message}")]
    )
