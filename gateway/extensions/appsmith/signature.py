"""A report is signed as Appsmith signs it; the signature says who sent it, not what is in it.

HMAC-SHA-256 of `message` with the licence key, in upper-case hexadecimal. The pulses are not
covered, so a valid signature proves nothing about them.
"""

from __future__ import annotations

import hmac
from typing import Literal

Verdict = Literal["valid", "invalid", "unchecked"]


def sign(message: str, license_key: str) -> str:
    """`hashedMessage`."""
    return hmac.digest(license_key.encode(), message.encode(), "sha256").hex().upper()


def verify(message: str, signature: str, license_key: str) -> Verdict:
    """`unchecked` without a key. The document writes the digits small, the product large."""
    if not license_key:
        return "unchecked"
    expected = sign(message, license_key).encode()
    is_right = hmac.compare_digest(expected, signature.upper().encode("utf-8", "replace"))
    return "valid" if is_right else "invalid"
