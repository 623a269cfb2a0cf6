"""What leaves is read once more as the vendor will read it; what should not be there has a name.

The policy cleaned the event before the journal. This looks at the bytes of the finished request, so
it also finds what rendering brought back, and what a policy that was tightened since would not have
let through. It tells kinds and counts, never values: whether that warns or blocks is delivery's
business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from gateway.config.privacy import Policy
from gateway.destinations import Request
from gateway.privacy.detectors import PERSONAL, Scanner, context_of, precheck

Value = str | int | float

_flags = lru_cache(maxsize=4096)(context_of)
_JSON_SIGNS = tuple(
    (b"%%%02X" % sign, bytes([sign])) for sign in b'":,{}[]/ '
)  # none of them is a per cent sign, so nothing is unescaped twice
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 (Segment's word for "no address")


class EgressGuard:
    """Looks for what the policy promised to take out."""

    __slots__ = ("_may_hold", "_scanner")

    def __init__(self, kinds: Iterable[str]) -> None:
        """`kinds` are detectors of gateway.privacy.detectors: those that no `keep` lets through."""
        self._scanner = Scanner(kinds)
        self._may_hold = precheck(self._scanner.kinds)

    def leaks(
        self,
        request: Request,
        spared: frozenset[Value] = frozenset(),
    ) -> Counter[str]:
        """How many different values of each kind are in the request; nothing when it may go.

        `spared` are whole values that may leave whatever they are.
        """
        found: Counter[str] = Counter()
        for value, flags in _values(_content(request.body)):
            if value in spared:
                continue
            if isinstance(value, str):
                found.update(self._in_text(value, flags))
            elif kind := self._scanner.number(value, flags):
                found[kind] += 1
        return found

    def _in_text(self, text: str, flags: int) -> Iterator[str]:
        if text != _NO_ADDRESS and self._may_hold(text):
            yield from {kind for _, _, kind in self._scanner.find(text, flags)}


def promised(policy: Policy) -> frozenset[str]:
    """The kinds that a policy takes out somewhere."""
    kinds = {
        kind
        for rule in policy.rules
        if rule.action in ("drop", "mask", "pseudonymize")
        for kind in rule.match.kind
        if kind in PERSONAL
    }
    return frozenset(kinds if policy.client_ip == "keep" else {*kinds, "ipv4", "ipv6"})


def values_in(message: Any) -> set[Value]:
    """Every text and number in a message, keys as well."""
    return {value for value, _ in _values(message)}


def _content(body: bytes) -> Any:
    """The values in a body: a form whose fields may hold JSON, or JSON, one value or one a line."""
    if body.startswith(b"data="):
        fields = (field.partition(b"=")[2] for field in body.split(b"&"))
        return [_parsed(_unescaped(value)) for value in fields]
    return [_parsed(line) for line in body.splitlines()]


def _unescaped(value: bytes) -> bytes:
    """As `urllib.parse.unquote_plus`; the signs of JSON first, which are most of the escapes."""
    value = value.replace(b"+", b" ")
    for escape, sign in _JSON_SIGNS:
        value = value.replace(escape, sign)
    return unquote_to_bytes(value)


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.decode("utf-8", "replace")


def _values(content: Any) -> set[tuple[Value, int]]:
    """Each different text and number with what its key says about it. Keys are texts, too.

    The events of a batch have most of their texts in common.
    """
    found: set[tuple[Value, int]] = set()
    pending = [(content, 0)]
    while pending:
        value, flags = pending.pop()
        if isinstance(value, str):
            found.add((value, flags))
        elif isinstance(value, dict):
            for key, inner in value.items():
                found.add((key, 0))
                pending.append((inner, _flags(key)))
        elif isinstance(value, list):
            pending += [(inner, flags) for inner in value]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.add((value, flags))
    return found
