"""Quarantined events as they stand in files: a JSON line each, encrypted where there is a key.

An encrypted line is `{"place": …, "key": …, "sealed": …}`. It can be read at its place only: the
event of that sequence, or the line of that number in its file. A file is gone on with under one key
only, and files of before come under the key of today: each is replaced whole.
"""

from __future__ import annotations

import os
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import orjson
import structlog

from gateway.destinations.jsonl.mapping import same_event, segment_line
from gateway.encryption import PLAIN, Keyring, key_of
from gateway.errors import GatewayError
from gateway.event import StoredEvent
from gateway.jsonl.names import Name
from gateway.jsonl.rewriting import UNFINISHED, unfinished
from gateway.jsonl.surplus import fsync

LOOK_SECONDS = 30.0
"""How often, in the end, files are looked for that are not yet under the key of today."""
FIRST_LOOK_SECONDS = 0.5

_PURPOSE = "quarantine"
_EVENT = "event "
_MARK = b'{"place":"'
_FIELDS = {"place", "key", "sealed"}
_HEAD_LENGTH = 16
"""Characters that hold the id of the key and what stands before it."""
_SEALED = b',"sealed":"'
_DAMAGED = dict.fromkeys(_FIELDS, "")

replacing = threading.Lock()
"""Held by who replaces files, so that none comes back as it was before."""

log = structlog.get_logger(__name__)


class MissingKeyError(GatewayError):
    """Quarantined events are encrypted with a key that is not at hand."""


def line_of(ring: Keyring | None, event: StoredEvent) -> bytes:
    """The line of an event, without its line break."""
    line = segment_line(event)
    return line if ring is None else _written(ring, f"{_EVENT}{event.sequence}", line)


def opened(ring: Keyring | None, line: bytes) -> bytes | None:
    """The event of a line as JSON; None where it is damaged or its key is not at hand."""
    if (fields := _fields(line)) is None:
        return line.rstrip(b"\n")
    if ring is None:
        return None
    with suppress(ValueError):
        sealed = b64decode(fields["sealed"], validate=True)
        if key_of(sealed) != fields["key"]:
            return None
        return ring.open(_PURPOSE, fields["place"].encode(), sealed)
    return None


def events(ring: Keyring | None, folder: Path) -> Iterator[tuple[str, int, bytes | None]]:
    """The file, the number of the line and the event of every line, oldest first.

    None stands for a line that cannot be read, or does not stand where it was written.
    """
    for file in _files(folder):
        last = 0
        for number, line in enumerate(_lines(file), 1):
            fields = _fields(line)
            is_in_place = True
            if fields is not None:
                kind, _, rest = str(fields["place"]).rpartition(" ")
                if kind == "event" and rest.isdecimal():
                    is_in_place, last = int(rest) > last, max(last, int(rest))
                else:
                    is_in_place = fields["place"] == _place(file, number)
            yield file.name, number, opened(ring, line) if is_in_place else None


def same_line(ring: Keyring | None) -> Callable[[bytes, bytes], bool]:
    """Whether two lines are of one event."""

    def same(line: bytes, other: bytes) -> bool:
        return same_event(opened(ring, line) or line, opened(ring, other) or other)

    return same


def put_back(ring: Keyring | None, file: Path, number: int, line: bytes, left: bytes) -> bytes:
    """The line that `left` of an event is as the line of this number; `line`: what it was."""
    if (fields := _fields(line)) is None:
        return left
    is_of_event = fields["place"].startswith(_EVENT)
    place = fields["place"] if is_of_event else _place(file, number)
    if ring is None:
        return line
    is_today = key_of_line(line) == ring.writes  # one key a file, as its first line tells
    if is_today and place == fields["place"] and opened(ring, line) == left:
        return line
    return _written(ring, place, left)


def key_of_line(line: bytes) -> str:
    """The id of the key that a line is encrypted with, or PLAIN; empty where that is damaged."""
    if (fields := _fields(line)) is None:
        return PLAIN
    return fields["key"] if fields["key"] == _key_within(fields) else ""


def is_under_today(ring: Keyring | None, file: Path) -> bool:
    """Whether new lines may follow those of this file."""
    first = next(_lines(file), b"")
    return not first or key_of_line(first) == (ring.writes if ring else PLAIN)


def keys_in(folder: Path) -> frozenset[str]:
    """The ids of the keys of the files, by their first lines, and PLAIN. Raises OSError."""
    found = (next(_lines(file), b"") for file in _files(folder))
    return frozenset(filter(None, (key_of_line(line) for line in found if line)))


def check(ring: Keyring | None, folder: Path) -> None:
    """Raises MissingKeyError where a key is missing; what it was for is left as it is."""
    at_hand = ring.ids if ring else frozenset()
    if lacking := keys_in(folder) - at_hand - {PLAIN}:
        raise MissingKeyError(
            f"{folder} is encrypted with the key {', '.join(sorted(lacking))}, which is not among "
            "those of `encryption`; add it to `encryption.previous`, or move the files elsewhere"
        )


class QuarantineFiles:
    """Brings files under the key of today, in a thread of its own."""

    def __init__(self, folder: Path, ring: Keyring | None, state: Callable[[], str | None]) -> None:
        """`state`: of the consumer that writes them, as it is durable."""
        self._folder = folder
        self._ring = ring
        self._state = state
        self._stopping = threading.Event()
        self.keys: frozenset[str] = frozenset()
        """The ids of the keys that the files need, and PLAIN, as of the last look."""

    def start(self) -> None:
        """Nothing is looked for where there is no key."""
        if self._ring:
            for left in self._folder.glob(f".*{UNFINISHED}"):  # by a kill
                left.unlink(missing_ok=True)
            self.keys = keys_in(self._folder)
            threading.Thread(target=self._work, name="quarantine-files", daemon=True).start()

    def stop(self) -> None:
        """A file that is being replaced is replaced, or stays as it was."""
        self._stopping.set()

    def _work(self) -> None:
        pause = FIRST_LOOK_SECONDS
        while not self._stopping.wait(pause):
            pause = min(2 * pause, LOOK_SECONDS)
            try:
                self._look()
            except OSError as error:
                cause = os.strerror(error.errno or 0)
                log.warning("quarantined events stay under their key", cause=cause)

    def _look(self) -> None:
        if self._ring is None or self.keys <= {self._ring.writes}:
            return
        current = Name.parse((self._state() or "").rpartition(":")[0])
        for file in _files(self._folder):
            name = Name.parse(file.name)
            is_past = name is None or (current is not None and name < current)
            if is_past and not self._stopping.is_set():
                with replacing, suppress(FileNotFoundError):  # erased, or too old
                    _replaced(self._ring, file)
        self.keys = keys_in(self._folder)


def _replaced(ring: Keyring, file: Path) -> None:
    """Replace a file by one under the key of today, where it is not. Raises OSError."""
    if all(key_of_line(line) == ring.writes for line in _lines(file)):
        return
    found, new = file.stat(), unfinished(file)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(handle, "wb") as stream:
            for number, line in enumerate(_lines(file), 1):
                content = None if key_of_line(line) == ring.writes else opened(ring, line)
                stream.write(
                    line
                    if content is None
                    else _written(ring, _place(file, number), content) + b"\n"
                )
        os.utime(new, (found.st_atime, found.st_mtime))
        fsync(new)
        new.replace(file)
        fsync(file.parent)
    finally:
        new.unlink(missing_ok=True)


def _written(ring: Keyring, place: str, line: bytes) -> bytes:
    if ring.current is None:
        return line
    sealed = b64encode(ring.seal(_PURPOSE, place.encode(), line)).decode()
    return orjson.dumps({"place": place, "key": ring.writes, "sealed": sealed})


def _key_within(fields: dict[str, str]) -> str:
    """The id that stands before the ciphertext."""
    with suppress(ValueError):
        return key_of(b64decode(fields["sealed"][:_HEAD_LENGTH], validate=True))
    return ""


def _place(file: Path, number: int) -> str:
    return f"{file.name}:{number}"


def _fields(line: bytes) -> dict[str, str] | None:
    """Of an encrypted line; None where it is plain. An event in plain text has an id of its own."""
    if not line.startswith(_MARK) and _SEALED not in line:
        return None
    with suppress(ValueError, AttributeError):
        found = orjson.loads(line)
        if found.keys() == _FIELDS:
            return {name: str(value) for name, value in found.items()}
        if "messageId" in found:
            return None
    return _DAMAGED


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        yield from stream
