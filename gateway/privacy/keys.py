"""The keys that pseudonyms are made with: the newest makes them, and one that is forgotten is gone.

Each key is a file of its own below `keys/`, whole and durable or not there, for its user alone. The
first is `pseudonyms.key`, as 0.1.0 made it; a rotation adds `pseudonyms.<id>-<date>.key`. Which one
is in force their names say, so two processes cannot disagree about it.

What must outlive a rotation (each destination's key, the secrets that ids are made with) comes from
the first key until there is a second; from then on it stands in `installation.json`, out of which
no pseudonym can be made.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hmac
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import orjson

from gateway.errors import ConfigurationError, GatewayError, Mistake, file_problem

KEY_FILE = "pseudonyms.key"
INSTALLATION_FILE = "installation.json"
FIRST = 1
KEY_BYTES = 32
_LATER = re.compile(r"pseudonyms\.(\d{1,9})-(\d{4}-\d\d-\d\d)\.key")
_DIFFERENT = 8


class KeyOrderError(GatewayError):
    """An order about keys that cannot be carried out."""


@dataclass(frozen=True, slots=True)
class PseudonymKey:
    """One key."""

    id: int  # of two keys the one with the higher id is newer
    made: str | None  # the day (UTC); of the first key nobody wrote it down
    secret: bytes = field(repr=False)
    file: FilePath | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """What stays through rotations."""

    root: bytes = field(repr=False)
    derived: Mapping[str, bytes] = field(repr=False)
    """By label: what had come from the first key before there was a second."""

    def secret(self, label: str) -> bytes:
        return self.derived.get(label) or derived(self.root, label)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of an installation, oldest first; at least one."""

    keys: tuple[PseudonymKey, ...]
    installation: Installation | None = None
    """None: it never had but one key."""

    @property
    def in_force(self) -> PseudonymKey:
        return self.keys[-1]

    def secret(self, label: str) -> bytes:
        """32 bytes for one purpose, the same whatever keys come and go."""
        if self.installation is None:
            return derived(self.keys[0].secret, label)
        return self.installation.secret(label)


def derived(secret: bytes, label: str) -> bytes:
    return hmac.digest(secret, f"pseudonyms v1 {label}".encode(), "sha256")


def opened(folder: FilePath) -> KeyRing:
    """Read the keys in a folder; at first start, make one.

    Raises ConfigurationError for a key that others can read or guess, GatewayError when the folder
    cannot be used.
    """
    file = folder / KEY_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _files(folder):
            _create(file, secrets.token_bytes(KEY_BYTES))
        return _read(folder)
    except OSError as error:
        where, problem = error.filename or file, file_problem(error)
        raise GatewayError(f"{where}: the pseudonym key cannot be used: {problem}") from None


def rotated(folder: FilePath, labels: Iterable[str], day: str) -> KeyRing:
    """Add a key, which makes pseudonyms from now on. `labels`: what came from the first key so far.

    Raises what `opened` raises.
    """
    with _locked(folder):
        ring = opened(folder)
        number = ring.in_force.id + 1
        _make(folder, f"pseudonyms.{number}-{day}.key", ring, labels)
        return opened(folder)


def _make(folder: FilePath, name: str, ring: KeyRing, labels: Iterable[str]) -> None:
    try:
        if ring.installation is None:
            kept = {label: _text(ring.secret(label)) for label in labels}
            whole = {"root": _text(secrets.token_bytes(KEY_BYTES)), "derived": kept}
            _create(folder / INSTALLATION_FILE, orjson.dumps(whole))
        _create(folder / name, secrets.token_bytes(KEY_BYTES))
    except OSError as error:
        raise GatewayError(f"{folder}: no key was made: {file_problem(error)}") from None


def forgotten(folder: FilePath, ids: Iterable[int]) -> KeyRing:
    """Destroy keys for good: overwritten, then deleted.

    Raises KeyOrderError, and what `opened` raises.
    """
    with _locked(folder):
        ring = opened(folder)
        known = {key.id: key for key in ring.keys}
        wanted = sorted(set(ids))
        if missing := [number for number in wanted if number not in known]:
            raise KeyOrderError(f"there is no key {missing[0]}; see `gateway keys list`")
        if ring.in_force.id in wanted:
            raise KeyOrderError(
                f"key {ring.in_force.id} is in force and stays; `gateway keys rotate` makes the "
                "next one"
            )
        try:
            for number in wanted:
                if file := known[number].file:
                    _destroy(file)
            _sync(folder)
        except OSError as error:
            raise GatewayError(f"{folder}: a key is still there: {file_problem(error)}") from None
        return opened(folder)


def files(folder: FilePath) -> list[FilePath]:
    """The file of each key, oldest first; none where no gateway has run."""
    return [file for _, _, file in _files(folder)] if folder.is_dir() else []


@contextlib.contextmanager
def _locked(folder: FilePath) -> Iterator[None]:
    """One order after the other. Raises GatewayError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise GatewayError(f"{folder}: cannot be used: {file_problem(error)}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _files(folder: FilePath) -> list[tuple[int, str | None, FilePath]]:
    """Id, day and file of each key, oldest first."""
    found: list[tuple[int, str | None, FilePath]] = []
    for file in folder.iterdir():
        if file.name == KEY_FILE:
            found.append((FIRST, None, file))
        elif name := _LATER.fullmatch(file.name):
            found.append((int(name[1]), name[2], file))
    return sorted(found, key=lambda one: (one[0], one[2].name))


def _read(folder: FilePath) -> KeyRing:
    keys = [PseudonymKey(number, day, _key(file), file) for number, day, file in _files(folder)]
    file = folder / INSTALLATION_FILE
    if not file.exists():
        if keys[-1].id != FIRST:
            raise _wrong(file, "it is missing; restore it from a backup of the same folder")
        return KeyRing(tuple(keys))
    try:
        whole = orjson.loads(_private(file))
        installation = Installation(
            _bytes(whole["root"]),
            {label: _bytes(text) for label, text in whole["derived"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _wrong(file, "it is damaged; restore it from a backup") from None
    return KeyRing(tuple(keys), installation)


def _key(file: FilePath) -> bytes:
    key = _private(file)
    if len(key) < KEY_BYTES:
        size = f"{len(key)} bytes" if key else "empty"
        raise _wrong(
            file,
            f"it is {size} and must be at least {KEY_BYTES} bytes. Restore it from a backup; "
            "or delete it, and a new key makes new pseudonyms",
        )
    if len(set(key)) < _DIFFERENT:
        raise _wrong(file, "it is not random; delete it, and a random key is made")
    return key


def _private(file: FilePath) -> bytes:
    with file.open("rb") as stream:
        if stat.S_IMODE(os.fstat(stream.fileno()).st_mode) & 0o077:
            raise _wrong(file, f"other users can read it; run `chmod 600 {file}`")
        return stream.read(1 << 20)


def _create(file: FilePath, content: bytes) -> None:
    """Whole and durable or not at all; of two processes that start at once, one makes it."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
    finally:
        FilePath(name).unlink()
    _sync(file.parent)


def _destroy(file: FilePath) -> None:
    with file.open("r+b") as stream:
        stream.write(secrets.token_bytes(max(KEY_BYTES, file.stat().st_size)))
        stream.flush()
        os.fsync(stream.fileno())
    file.unlink()


def _sync(folder: FilePath) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _text(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _wrong(file: FilePath, message: str) -> ConfigurationError:
    return ConfigurationError(
        [Mistake(str(file), 1, f"the pseudonym key cannot be used: {message}")]
    )
