"""What is in force, and the one way to change it: one change after the other, each all or none.

A change is in the durable history before the snapshot that holds it is swapped in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from gateway.config import Configuration
from gateway.contract import Catalogue
from gateway.encryption import Keyring
from gateway.errors import ConfigurationError
from gateway.pipeline.decide import Rules
from gateway.pipeline.fields import FieldRules
from gateway.pipeline.telemetry_switch import Order
from gateway.privacy import Pseudonymizer
from gateway.snapshot import Snapshot, check_reloadable, compile_snapshot, entered
from gateway.telemetry import switch_history

T = TypeVar("T")


class Control:
    """Holds the snapshot."""

    def __init__(
        self,
        configuration: Configuration,
        environment: Mapping[str, str],
        pseudonymizer: Pseudonymizer,
        compiled: Snapshot,
        counters: Callable[[], Mapping[str, int]],
        *,
        ring: Keyring | None = None,
    ) -> None:
        """`compiled` is in force from `start` on. `counters`: the journal's. `ring`: its keys."""
        self.snapshot = compiled
        """What is in force. Whoever needs two things of it reads it once."""
        self._configuration = configuration
        self._data_dir = configuration.gateway.data_dir
        self._environment = environment
        self.pseudonymizer = pseudonymizer
        self._counters = counters
        self._ring = ring
        self._changing = asyncio.Lock()
        self._under_way = 0
        """Changes that were asked for and do not hold yet."""

    async def start(self) -> None:
        """Put the first snapshot in force. Raises OSError or ConfigurationError."""
        await self._put_in_force(lambda: self.snapshot)

    async def reload(self, configuration: Configuration) -> None:
        """Take up policy, schemas, routes, sources, limits, switches and certificates, all or none.

        Raises ConfigurationError, OSError or what nobody foresaw; then nothing has changed.
        """
        check_reloadable(configuration, self._configuration)
        await asyncio.to_thread(self._check_keys, configuration)
        before = self.pseudonymizer
        found = await asyncio.to_thread(before.reopened)
        new = await asyncio.to_thread(compile_snapshot, configuration, self._environment, found)

        def chosen() -> Snapshot:
            current = found if self.pseudonymizer is before else self.pseudonymizer
            return new.with_keys(current).knowing(self.snapshot.rules.fields)

        await self._put_in_force(chosen)
        if self.pseudonymizer is before:
            self.pseudonymizer = found

    async def reload_keys(self) -> int:
        """Take up the keys of pseudonyms that are there now; returns the one in force.

        Raises ConfigurationError or GatewayError; then nothing has changed.
        """
        await self._reopen_keys()
        return self.pseudonymizer.ring.in_force.id

    async def order(self, order: Order) -> None:
        """Switch a class, durably and at once. Raises OSError or ConfigurationError."""
        await self._put_in_force(lambda: self.snapshot, order)

    async def know_fields(self, change: Callable[[FieldRules], FieldRules]) -> None:
        """Have other fields known. `change` may block; if it raises, nothing has changed."""
        async with self._changing:
            rules = self.snapshot.rules
            fields = await asyncio.to_thread(change, rules.fields)
            self.snapshot = replace(self.snapshot, rules=replace(rules, fields=fields))

    async def suppress(self, change: Callable[[], T]) -> T:
        """Change the list of suppressed people by `change`, which blocks, and put it in force."""
        self._under_way += 1
        try:
            async with self._changing:
                done = await asyncio.to_thread(change)
                self.snapshot = await asyncio.to_thread(self.snapshot.refusing, self._data_dir)
        finally:
            self._under_way -= 1
        return done

    async def telemetry(self) -> switch_history.Standing:
        """The switches, who set them, and the proof. Raises ConfigurationError."""
        async with self._changing:
            past = await asyncio.to_thread(switch_history.read, self._data_dir)
            return switch_history.standing(past, self.snapshot.rules.switches, self._counters())

    async def settled_rules(self) -> Rules:
        """What an event that comes now is decided by: behind an order, by that order.

        The lock alone does not say so: it is open for a moment before its next owner wakes.
        """
        if self._under_way:
            async with self._changing:
                pass
        return self.snapshot.rules

    @property
    def catalogue(self) -> Catalogue:
        """The documented events."""
        return self.snapshot.rules.catalogue

    def _check_keys(self, configuration: Configuration) -> None:
        """Raises ConfigurationError where a key cannot be had any more, or is another one."""
        ring = configuration.keyring(self._environment)
        in_force, found = (each and (each.writes, each.ids) for each in (self._ring, ring))
        if in_force != found:
            document = configuration.gateway_document
            what = "a key has changed, and keys change at a restart only; restart, or put it back"
            raise ConfigurationError([document.mistake(("encryption",), what)])

    async def _reopen_keys(self) -> None:
        async with self._changing:
            self.pseudonymizer = await asyncio.to_thread(self.pseudonymizer.reopened)
            self.snapshot = self.snapshot.with_keys(self.pseudonymizer)

    async def _put_in_force(self, chosen: Callable[[], Snapshot], *orders: Order) -> None:
        self._under_way += 1
        try:
            async with self._changing:
                self.snapshot = await asyncio.to_thread(
                    entered, chosen(), self._data_dir, self._environment, time.time(), *orders
                )
        finally:
            self._under_way -= 1
