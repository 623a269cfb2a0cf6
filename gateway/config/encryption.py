"""The keys of `encryption`, read from where the person keeps them.

No message repeats what was found there, or even what was configured: a person may have put the key
itself where its place belongs.
"""

from __future__ import annotations

import binascii
import re
import stat
import subprocess
import zlib
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Self

from pydantic import Field, model_validator

from gateway.config.environment import FILE
from gateway.config.source import Document
from gateway.config.values import Settings
from gateway.encryption import Key, Keyring
from gateway.errors import ConfigurationError, Mistake
from gateway.event import JsonPath

KEY_BYTES = 32
COMMAND_SECONDS = 30
_MOST_BYTES = 64 * 1024
_MAKE = "make one with `openssl rand -base64 32`"
_HEX = re.compile(rb"[0-9A-Fa-f]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_FEWEST_VALUES = 16


class KeySource(Settings):
    """Where a key is kept: one of the three. A key is 32 random bytes or more.

    They stand there as they are, in hexadecimal digits or in base64.
    """

    env: str | None = Field(default=None, repr=False)
    """The variable of the environment that holds it, or that names its file with `_FILE` behind."""
    file: FilePath | None = Field(default=None, repr=False)
    """The file that holds it, which others must not be able to read."""
    command: tuple[str, ...] | None = Field(default=None, min_length=1, repr=False)
    """The program, with its arguments, that prints it within 30 seconds. No shell reads it."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.env, self.file, self.command)) != 1:
            raise ValueError("name one of env, file and command")
        return self


class EncryptionSettings(Settings):
    """Encrypts the journal, its dead letters and the quarantine. Changes at a restart."""

    key: KeySource | None = None
    """The key that encrypts what is stored from now on. Empty: nothing is encrypted."""
    previous: tuple[KeySource, ...] = ()
    """Keys of before, until `gateway doctor` says that nothing needs them any more."""


class _KeyError(ValueError):
    """A key cannot be had; the message is for a person."""


def keyring(
    settings: EncryptionSettings, document: Document, environment: Mapping[str, str]
) -> Keyring | None:
    """The keys; None where none is configured. Blocks while a command runs.

    Raises ConfigurationError for each that cannot be had or is weak.
    """
    if settings.key is None and not settings.previous:
        return None
    hidden = {each.env for each in (settings.key, *settings.previous) if each and each.env}
    kept = {name: value for name, value in environment.items() if name not in hidden}
    folder = FilePath(document.file).parent
    mistakes: list[Mistake] = []

    def read(source: KeySource, path: JsonPath) -> Key | None:
        try:
            return Key.of(_material(_found(source, folder, environment, kept)))
        except _KeyError as error:
            mistakes.append(document.mistake(path, f"the key {error}"))
            return None

    key = read(settings.key, ("encryption", "key")) if settings.key else None
    previous = [
        read(source, ("encryption", "previous", i)) for i, source in enumerate(settings.previous)
    ]
    known = [one for one in previous if one]
    if key and any(one.id == key.id for one in known):
        what = "a key in `previous` is the one in `key`; take it out, or make a new `key`"
        mistakes.append(document.mistake(("encryption", "previous"), what))
    if mistakes:
        raise ConfigurationError(mistakes)
    return Keyring(key, known)


def _found(
    source: KeySource, folder: FilePath, environment: Mapping[str, str], kept: Mapping[str, str]
) -> bytes:
    if source.file is not None:
        return _of_file(folder / source.file)
    if source.command is not None:
        return _printed(source.command, folder, kept)
    name = str(source.env)
    value, file = environment.get(name), environment.get(name + FILE)
    if value and file:
        raise _KeyError("is in the variable and in the one with _FILE behind it, too; keep one")
    if file:
        return _of_file(FilePath(file))
    if not value:
        raise _KeyError("is not there: the variable that `env` names is not set; set it")
    return value.encode("utf-8", "surrogateescape")


def _of_file(file: FilePath) -> bytes:
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            raise _KeyError("must be in a regular file")
        if mode & 0o006:
            raise _KeyError("can be read or written by everybody: `chmod 600` its file")
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, _KeyError):
            raise
        cause = error.strerror if isinstance(error, OSError) else "not the name of a file"
        raise _KeyError(f"cannot be read: {cause}; check the file's name and owner") from None


def _printed(command: tuple[str, ...], folder: FilePath, kept: Mapping[str, str]) -> bytes:
    """What a command prints. It gets the environment without the variables that hold keys."""
    try:
        done = subprocess.run(  # noqa: S603 (the person's own command, and no shell)
            command,
            cwd=folder,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _KeyError(f"cannot be had: its command took over {COMMAND_SECONDS} s") from None
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it holds a zero byte"
        raise _KeyError(f"cannot be had: its command does not start: {cause}") from None
    if done.returncode:
        raise _KeyError(
            f"cannot be had: its command failed with {done.returncode}; run it by hand to see why"
        )
    return done.stdout[: _MOST_BYTES + 1]


def _material(found: bytes) -> bytes:
    """The bytes of a key: hexadecimal digits and base64 are read as such."""
    if len(found) > _MOST_BYTES:
        raise _KeyError(f"is over {_MOST_BYTES} bytes; {_MAKE}")
    text = b"".join(found.split(b"\n")).replace(b"\r", b"") if found.isascii() else b""
    material = found.strip() if found.isascii() else found
    if _HEX.fullmatch(text) and len(text) % 2 == 0:
        material = bytes.fromhex(text.decode())
    elif _BASE64.fullmatch(text):
        digits = text.rstrip(b"=").translate(_URL_SAFE)
        with suppress(binascii.Error):
            material = b64decode(digits + b"=" * (-len(digits) % 4))
    if len(material) < KEY_BYTES:
        raise _KeyError(f"is {len(material)} bytes and must be {KEY_BYTES} or more; {_MAKE}")
    if _is_weak(material) or _is_spelled(found.strip()):
        raise _KeyError(f"is not random; {_MAKE}")
    return material


def _is_spelled(text: bytes) -> bool:
    """Whether it is words or a number, where random digits would mix all kinds."""
    is_of_one_case = text.isascii() and text.isalpha() and (text.islower() or text.isupper())
    return text.isdigit() or is_of_one_case or (text.isascii() and b" " in text)


def _is_weak(material: bytes) -> bool:
    """Whether bytes repeat, count, or say less than their number."""
    steps = {(b - a) % 256 for a, b in pairwise(material)}
    return (
        len(set(material)) < _FEWEST_VALUES
        or len(steps) < _FEWEST_VALUES
        or len(zlib.compress(material, 9)) < 0.75 * len(material)
    )
