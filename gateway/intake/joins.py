"""An alias that joins a person's pseudonyms is made once, in the transaction of the event it is of.

The journal remembers its id as it remembers those of events. While one is on its way to the
journal, nobody makes another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from gateway.errors import fault
from gateway.event import Decision
from gateway.pipeline.decide import Rules
from gateway.pipeline.joining import id_of, joined

log = structlog.get_logger(__name__)


class Joins:
    """Knows which aliases are on their way."""

    def __init__(
        self, digest: Callable[[str, str], bytes], has_seen: Callable[[bytes], bool]
    ) -> None:
        """`digest`: of a source and an id. `has_seen`: whether the journal keeps one with it."""
        self._digest = digest
        self._has_seen = has_seen
        self._under_way: set[bytes] = set()

    @contextmanager
    def beside(
        self, decisions: Sequence[Decision], rules: Rules
    ) -> Iterator[Mapping[bytes, Decision]]:
        """What is to be kept beside these decisions by the end of the block, by its digest."""
        found: dict[bytes, Decision] = {}
        for decision in decisions:
            if decision.join is not None and (name := id_of(decision)):
                digest = self._digest(decision.source, name)
                if made := self._made(digest, decision, rules, found):
                    found[digest] = made
        self._under_way |= found.keys()
        try:
            yield found
        finally:
            self._under_way -= found.keys()

    def _made(
        self, digest: bytes, decision: Decision, rules: Rules, found: Mapping[bytes, Decision]
    ) -> Decision | None:
        if digest in found or digest in self._under_way or self._has_seen(digest):
            return None
        try:
            return joined(decision, rules)
        except Exception as error:  # noqa: BLE001 (the event itself is good)
            what = fault(error)
        log.error("an alias could not be made", source=decision.source, fault=what)
        return None
