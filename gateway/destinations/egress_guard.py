"""What leaves is read once more as the vendor will read it; what should not be there has a name.

The policy cleaned the event before the journal. This looks at the finished request: its body in the
destination's own format, its address and its headers. So it also finds what rendering brought back,
and what a policy that was tightened since would not have let through. What it cannot read is not
clean. It tells kinds and counts, never values: whether a leak warns or blocks is delivery's
business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.config.privacy import Policy
from gateway.destinations.bodies import decoded
from gateway.destinations.contract import BodyFormat, Request
from gateway.privacy.detectors import PERSONAL, Detector, Scanner, context_of, precheck

Value = str | int | float

_flags = lru_cache(maxsize=4096)(context_of)
_OF_HTTP = frozenset({"content-length"})
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 (Segment's word for "no address")


class EgressGuard:
    """Looks for what the policy promised to take out."""

    __slots__ = ("_may_hold", "_scanner")

    def __init__(self, kinds: Iterable[str], own: Sequence[Detector] = ()) -> None:
        """`kinds` are those that no `keep` lets through; `own` are the policy's own detectors."""
        self._scanner = Scanner(kinds, own)
        self._may_hold = precheck(self._scanner.kinds, own)

    def leaks(
        self,
        request: Request,
        body: BodyFormat,
        configured: Iterable[str] = (),
        spared: frozenset[Value] = frozenset(),
    ) -> Counter[str]:
        """How many different values of each kind are in the request; nothing when it may go.

        `configured` are texts of the configuration, which may stand in address and headers;
        `spared` are whole values that may leave whatever they are. Raises UnreadableError.
        """
        found: Counter[str] = Counter()
        values = _values(decoded(request, body))
        values |= _around(request, configured)
        for value, flags in values:
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


class EgressGuards:
    """The guard of each destination, by what the policy promises for it."""

    __slots__ = ("_for_all", "_own")

    def __init__(self, policy: Policy, own: Sequence[Detector] = ()) -> None:
        """`own` are the detectors that the policy brings."""
        self._for_all = EgressGuard(promised(policy), own)
        self._own = {
            name: EgressGuard(promised(policy, name), own) for name in policy.named_destinations
        }

    def of(self, destination: str) -> EgressGuard:
        return self._own.get(destination, self._for_all)


def promised(policy: Policy, destination: str | None = None) -> frozenset[str]:
    """The kinds that a policy takes out somewhere of what goes to a destination."""
    known = {*PERSONAL, *(detector.id for detector in policy.detectors)}
    kinds = {
        kind
        for rule in policy.rules_for(destination)
        if rule.action in ("drop", "mask", "pseudonymize", "partial", "generalize")
        for kind in rule.match.kind
        if kind in known
    }
    return frozenset(kinds if policy.client_ip == "keep" else {*kinds, "ipv4", "ipv6"})


def texts_in(settings: Any) -> set[str]:
    """Every text in settings, and what an address in them says when it is read."""
    texts = {value for value in values_in(settings) if isinstance(value, str)}
    return texts | {unquote(text) for text in texts}


def values_in(message: Any) -> set[Value]:
    """Every text and number in a message, keys as well."""
    return {value for value, _ in _values(message)}


def _around(request: Request, configured: Iterable[str]) -> set[tuple[Value, int]]:
    """The texts of address and headers that the configuration does not give."""
    parts = urlsplit(request.url)
    named = [("", unquote(step)) for step in (parts.netloc, *parts.path.split("/"))]
    named += parse_qsl(parts.query, keep_blank_values=True)
    named += [("", unquote(parts.fragment))]
    unread = {name.lower() for name in request.secrets} | _OF_HTTP
    named += [
        (name, value) for name, value in request.headers.items() if name.lower() not in unread
    ]
    return {
        (text, _flags(name))
        for name, value in named
        for text in (name, value)
        if text and not any(text in given for given in configured)
    }


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
