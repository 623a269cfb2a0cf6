"""What is stored is encrypted with AES-256-GCM, and belongs to one purpose and one place.

A key never encrypts by itself: each process, for each purpose, derives one of its own from it
(HKDF-SHA-256 with a random salt) and counts its nonces, so that none is used twice. The salt, the
nonce and the id of the key stand before the ciphertext. The id is derived from the key, too: it
tells a wrong key from damage, and nothing of the key.
"""

from __future__ import annotations

import itertools
import secrets
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"\xe9\x01\xfeE"
"""How everything encrypted begins; neither JSON nor UTF-8 can."""
PLAIN = "plain"
"""Stands in the place of a key id for what is not encrypted."""
OVERHEAD = 52
"""Bytes that encryption adds."""

_HEAD = struct.Struct("<4s8s16sQ")
_NONCE = struct.Struct("<IQ")
_MOST_NONCES = 2**32
"""Of one derived key; then another salt is drawn."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the person's, 32 random bytes or more."""

    material: bytes = field(repr=False)
    id: str
    """16 hexadecimal digits, for people, records and logs."""

    @classmethod
    def of(cls, material: bytes) -> Key:
        return cls(material, _derived(material, b"", b"id")[:8].hex())


class Keyring:
    """The key that encrypts from now on, and those that what is stored may still need."""

    def __init__(self, current: Key | None, previous: Sequence[Key] = ()) -> None:
        """Without `current` nothing new is encrypted."""
        self.current = current
        keys = (*((current,) if current else ()), *previous)
        self._keys = {key.id: key for key in keys}
        self._sealers: dict[str, Iterator[tuple[bytes, bytes, AESGCM]]] = {}
        self._cipher = lru_cache(maxsize=256)(self._derived_cipher)

    @property
    def ids(self) -> frozenset[str]:
        """The keys that are at hand."""
        return frozenset(self._keys)

    @property
    def writes(self) -> str:
        """The id of the key that encrypts, or PLAIN."""
        return self.current.id if self.current else PLAIN

    def seal(self, purpose: str, place: bytes, content: bytes) -> bytes:
        """Encrypt for a purpose and a place, which must be the same to decrypt. From any thread."""
        if (sealer := self._sealers.get(purpose)) is None:
            sealer = self._sealers.setdefault(purpose, _Numbered(self, purpose))
        head, nonce, cipher = next(sealer)
        return head + cipher.encrypt(nonce, content, place)

    def open(self, purpose: str, place: bytes, sealed: bytes) -> bytes | None:
        """What was encrypted; None where it was not this, here, with a key that is at hand."""
        try:
            _, key, salt, number = _HEAD.unpack_from(sealed)
            cipher = self._cipher(key.hex(), salt, purpose)
            return cipher.decrypt(_NONCE.pack(0, number), sealed[_HEAD.size :], place)
        except (struct.error, KeyError, InvalidTag):
            return None

    def _derived_cipher(self, key: str, salt: bytes, purpose: str) -> AESGCM:
        return AESGCM(_derived(self._keys[key].material, salt, purpose.encode()))


class _Numbered(Iterator[tuple[bytes, bytes, AESGCM]]):
    """A head, a nonce and a cipher for each message of one purpose."""

    def __init__(self, ring: Keyring, purpose: str) -> None:
        self._ring, self._purpose = ring, purpose
        self._draw()

    def _draw(self) -> None:
        key, salt = self._ring.current, secrets.token_bytes(16)
        if key is None:
            raise ValueError("there is no key to encrypt with")
        cipher = AESGCM(_derived(key.material, salt, self._purpose.encode()))
        self._drawn = bytes.fromhex(key.id), salt, cipher, itertools.count()

    def __next__(self) -> tuple[bytes, bytes, AESGCM]:
        key, salt, cipher, numbers = self._drawn
        if (number := next(numbers)) >= _MOST_NONCES:
            self._draw()
            return self.__next__()
        return _HEAD.pack(MAGIC, key, salt, number), _NONCE.pack(0, number), cipher


def key_of(sealed: bytes) -> str:
    """The id of the key that something is encrypted with; PLAIN where it is not encrypted."""
    return sealed[4:12].hex() if sealed.startswith(MAGIC) else PLAIN


def _derived(material: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, b"telemetry gateway: " + purpose).derive(material)
