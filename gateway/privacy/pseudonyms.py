"""A pseudonym can be made only with the key of this installation, and is different for each vendor.

It is made in two stages. What the journal holds is `HMAC(installation key, value)`. Just before an
event goes to a destination, each of these tokens becomes `HMAC(destination key, token)`: two
vendors who compare their data find nothing in common.

A rotation changes the installation key only: a token stays what it is in an event that waits, and
no old token can be made once the old key is destroyed.
"""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Collection, Iterable
from typing import Literal, Self, get_args

from gateway.event import CleanBytes, CleanText, StoredEvent
from gateway.privacy import keys
from gateway.privacy.keys import FIRST, KeyRing, PseudonymKey, derived
from gateway.privacy.spelling import one_spelling

Form = Literal["hex", "uuid"]
FORMS: tuple[Form, ...] = get_args(Form)
Purpose = Literal["ids of events", "ids of Mixpanel events", "erasures"]
"""What secrets of the installation are for. All are named, for a rotation must keep each."""

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
        return outer.hexdigest() if self._form == "hex" else _as_uuid(outer.hexdigest())


def _as_uuid(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


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

    def __init__(
        self,
        master: bytes | KeyRing,
        form: Form = "hex",
        normalize: Collection[str] = ("email",),
        *,
        folder: pathlib.Path | None = None,
    ) -> None:
        """`normalize`: of what the spelling does not count. `folder`: where the keys are."""
        ring = (
            master if isinstance(master, KeyRing) else KeyRing((PseudonymKey(FIRST, None, master),))
        )
        self.ring = ring
        self._form: Form = form
        self._normalize = normalize
        self._folder = folder
        self._has_spellings = "email" in normalize
        self._hmacs = [_Hmac(derived(key.secret, "installation"), form) for key in ring.keys]
        self._hmac = self._hmacs[-1]
        self._hex = [_Hmac(derived(key.secret, "installation"), "hex") for key in ring.keys]

    @classmethod
    def open(
        cls, keys_dir: pathlib.Path, form: Form, normalize: Collection[str] = ("email",)
    ) -> Self:
        """Read the keys in `keys_dir`; at first start, make one.

        Raises ConfigurationError for a key that others can read or guess, GatewayError when the
        folder cannot be used.
        """
        return cls(keys.opened(keys_dir), form, normalize, folder=keys_dir)

    def reopened(self) -> Self:
        """With the keys that are there now. Raises what `open` raises."""
        return (
            self if self._folder is None else self.open(self._folder, self._form, self._normalize)
        )

    def pseudonym(self, value: str) -> CleanText:
        """The token that stands for `value`; the same for the life of the key."""
        return CleanText(self._hmac(self._spelled(value)))

    def pseudonyms(self, value: str) -> tuple[CleanText, ...]:
        """The tokens that stand or stood for `value`, by each key that is left; newest first."""
        spelled = self._spelled(value)
        return tuple(CleanText(each(spelled)) for each in reversed(self._hmacs))

    def ever(self, value: str) -> frozenset[str]:
        """All that a policy can have made of `value` by a key that is left, in each form."""
        spelled = {self._spelled(value), value.encode("utf-8", "surrogatepass")}
        made = {each(one) for each in self._hex for one in spelled}
        return frozenset(made | {_as_uuid(digits) for digits in made})

    def previous(self, value: str) -> CleanText:
        """The token that stood for `value` by the key before the one in force."""
        return CleanText(self._hmacs[-2](self._spelled(value)))

    def lasting(self, text: str) -> CleanText:
        """What stands for a text that names no person, until the oldest key is destroyed."""
        return CleanText(self._hmacs[0](text.encode("utf-8", "surrogatepass")))

    def domain(self, destination: str, form: Form | None = None) -> Domain:
        """What turns stored events into those of the destination of this name."""
        return Domain(self.ring.secret(f"destination:{destination}"), form or self._form)

    @property
    def mark(self) -> str:
        """What names this installation to itself and tells nobody else anything."""
        return f"f{self.ring.secret('mark').hex()[:15]}"

    def secret(self, purpose: Purpose) -> bytes:
        """32 bytes that only this installation has, the same for its life."""
        return self.ring.secret(f"secret:{purpose}")

    def _spelled(self, value: str) -> bytes:
        if self._has_spellings and ("@" in value or not value.isascii()):
            value = one_spelling(value)
        return value.encode("utf-8", "surrogatepass")


def lasting_labels(destinations: Iterable[str]) -> list[str]:
    """What a rotation keeps: of each destination, the mark, and every secret."""
    return [
        "mark",
        *(f"secret:{purpose}" for purpose in get_args(Purpose)),
        *(f"destination:{name}" for name in destinations),
    ]
