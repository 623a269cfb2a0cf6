"""Who is refused from now on: people who asked for it, as keyed digests and nothing else.

`suppressed.json` in the data folder lists them, with a key of its own in `keys/`: whoever has the
list alone learns nobody from it. The ids that a person was named by outlive every rotation of the
pseudonym keys; those that an erasure found joined are known as long as a key is left that made one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from gateway import durable
from gateway.errors import ConfigurationError, Mistake, file_problem
from gateway.privacy.person_ids import ids_in, spellings

FILE = "suppressed.json"
KEY_FILE = "suppressed.key"
_DIGEST_BYTES = 16
_REMEMBERED = 4096
_SHORT = 100
"""Characters of an id whose answer is remembered, so that a client cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The people who are refused."""

    pseudonyms: Callable[[str], Iterable[str]]
    """What stands or stood for an id: those that an erasure found joined are known by it alone."""
    key: bytes = b""
    digests: frozenset[bytes] = frozenset()
    has_joined: bool = False
    """Whether some are known by what stands for an id."""
    _keyed: hashlib.blake2b = field(init=False, repr=False, compare=False)
    _remembered: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """The answer for an id, which mostly comes more than once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_keyed", _hash(self.key))
        object.__setattr__(self, "_remembered", lru_cache(_REMEMBERED)(self._is_listed))

    def has(self, message: Mapping[str, Any]) -> bool:
        """Whether a message is of one of them, by any of its ids."""
        for one in ids_in(message):
            if self._remembered(one) if len(one) <= _SHORT else self._is_listed(one):
                return True
        return False

    def _is_listed(self, one: str) -> bool:
        for text in spellings(one):
            if self._digest(text) in self.digests:
                return True
            if self.has_joined and not self.digests.isdisjoint(
                map(self._digest, self.pseudonyms(text))
            ):
                return True
        return False

    def _digest(self, text: str) -> bytes:
        made = self._keyed.copy()
        made.update(text.encode("utf-8", "surrogatepass"))
        return made.digest()

    def as_of(self, data_dir: Path) -> Suppressed:
        """The same as the list says now. Blocks. Raises ConfigurationError."""
        entries = _read(data_dir)
        digests = frozenset(bytes.fromhex(one) for each in entries for one in each["digests"])
        return replace(
            self,
            key=_key(data_dir) if digests else b"",
            digests=digests,
            has_joined=any(each.get("joined", True) for each in entries),
        )


def digest(key: bytes, text: str) -> bytes:
    made = _hash(key)
    made.update(text.encode("utf-8", "surrogatepass"))
    return made.digest()


def _hash(key: bytes) -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=_DIGEST_BYTES, key=key)


def add(
    data_dir: Path, name: str, texts: Iterable[str], when: str, *, joined: bool = False
) -> None:
    """Refuse whoever has one of these ids, durably. `name` is of the erasure.

    `joined`: what stands for ids in clean events is among them.
    Blocks. Raises OSError or ConfigurationError, and then nothing has changed.
    """
    key = _key(data_dir)
    entries = _read(data_dir)
    same = [each for each in entries if each["id"] == name]
    known = {one for each in same for one in each["digests"]}
    joined = joined or any(each.get("joined", True) for each in same)
    digests = sorted(known | {digest(key, text).hex() for text in texts})
    others = [each for each in entries if each["id"] != name]
    made = {"id": name, "time": when, "joined": joined, "digests": digests}
    _write(data_dir, [*others, made])


def remove(data_dir: Path, texts: Iterable[str]) -> int:
    """Take whoever has one of these ids from the list; returns how many people that were.

    Blocks. Raises OSError or ConfigurationError, and then nothing has changed.
    """
    entries = _read(data_dir)
    if not entries:
        return 0
    key = _key(data_dir)
    given = {digest(key, text).hex() for text in texts}
    left = [each for each in entries if given.isdisjoint(each["digests"])]
    if len(left) < len(entries):
        _write(data_dir, left)
    return len(entries) - len(left)


def _read(data_dir: Path) -> list[dict[str, Any]]:
    file = data_dir / FILE
    try:
        found: list[dict[str, Any]] = json.loads(file.read_bytes())["people"]
        for each in found:
            bytes.fromhex("".join(each["digests"]))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _wrong(file, file_problem(error)) from None
    except (ValueError, KeyError, TypeError):
        raise _wrong(file, "it is damaged; restore it from a backup") from None
    return found


def _wrong(file: Path, what: str) -> ConfigurationError:
    sentence = f"the list of suppressed people cannot be used: {what}"
    return ConfigurationError([Mistake(str(file), 1, sentence)])


def _key(data_dir: Path) -> bytes:
    file = data_dir / "keys" / KEY_FILE
    try:
        return file.read_bytes()
    except FileNotFoundError:
        if (data_dir / FILE).exists():
            raise _wrong(file, "its key is missing; restore it from a backup") from None
    except OSError as error:
        raise _wrong(file, file_problem(error)) from None
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    durable.put(file, key)
    return key


def _write(data_dir: Path, entries: list[dict[str, Any]]) -> None:
    durable.put(data_dir / FILE, json.dumps({"people": entries}).encode())
