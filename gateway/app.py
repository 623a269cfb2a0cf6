"""The one module that knows every room: it opens them, connects them, and closes them in order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Self

from gateway import data_places, data_usage, quarantine
from gateway.admin.routes import Observed
from gateway.config import Configuration
from gateway.consumers import consumers_of
from gateway.control import Control
from gateway.deliveries import Deliveries
from gateway.delivery import QUARANTINE
from gateway.encryption import PLAIN, Keyring
from gateway.erasure.erasures import Erasures
from gateway.erasure.places import Surroundings
from gateway.extensions import registry
from gateway.extensions.running import RunningExtensions
from gateway.fields import FieldReview, review, store
from gateway.fields.table import FieldTable
from gateway.health_watch import HealthWatch
from gateway.ingest import Admission
from gateway.intake import Acceptor, Backend, Dedup
from gateway.journal import Journal
from gateway.journal.sqlite import SqliteJournal
from gateway.privacy import Pseudonymizer
from gateway.process.data_dir_lock import explained
from gateway.process.watchdog import Watchdog
from gateway.quarantine import QuarantineFiles
from gateway.retention import Retention, first_start
from gateway.snapshot import Snapshot, compile_snapshot
from gateway.status import ListenerCounts, Observer


class Gateway:
    """All rooms, wired."""

    def __init__(
        self,
        configuration: Configuration,
        environment: Mapping[str, str],
        pseudonymizer: Pseudonymizer,
        compiled: Snapshot,
        journal: Journal,
        *,
        ring: Keyring | None = None,
        works_in: str,
        fields: FieldTable,
        kept_since: float,
    ) -> None:
        """Use `open`."""
        gateway = configuration.gateway
        admission = Admission(gateway.limits.bodies_bytes)
        self._journal = journal
        self.watchdog = Watchdog()
        self.listeners = ListenerCounts()
        self.control = Control(
            configuration,
            environment,
            pseudonymizer,
            compiled,
            lambda: journal.view.counters,
            ring=ring,
        )
        self._quarantine = QuarantineFiles(
            gateway.data_dir / "quarantine",
            ring,
            lambda: journal.view.cursors[QUARANTINE].state,
        )
        self.extensions = RunningExtensions(
            registry.hooks(), self.control, journal, gateway.data_dir
        )
        folders = {**data_usage.folders(configuration), **self.extensions.folders}
        self.watch = HealthWatch(journal, gateway.journal, folders)
        self.fields = FieldReview(self.control, fields, gateway.data_dir)
        self._acceptor = Acceptor(
            self.control,
            journal,
            Dedup(journal.has_seen, pseudonymizer.secret("ids of events")),
            turns=admission.turns,
            screen=self.extensions.screen,
            refused=self.watch.refused,
            saw=self.fields.saw,
        )
        self.backend = Backend(
            self.control,
            self._acceptor,
            self.watch,
            admission=admission,
            outgoing=configuration.outgoing.marked(pseudonymizer.mark),
            seal=pseudonymizer.secret("ids of Mixpanel events"),
        )
        self._deliveries = Deliveries(
            journal,
            [
                *consumers_of(configuration, pseudonymizer, journal, ring),
                *self.extensions.consumers,
            ],
            configuration.routing.destinations,
            lambda: self.control.snapshot,
        )
        self.erasures = Erasures(
            Surroundings(
                data_dir=gateway.data_dir,
                journal=journal,
                pseudonymizer=lambda: self.control.pseudonymizer,
                policy=lambda: self.control.snapshot.rules.policy,
                names=[*configuration.routing.destinations, QUARANTINE],
                folders=data_places.folders(configuration),
                deletions=data_places.deletions(configuration, pseudonymizer.mark),
                ring=ring,
                more=self.extensions.erase,
                halted=self._deliveries.halted,
                settled=self._acceptor.settled,
                suppress=self.control.suppress,
            )
        )
        self._retention = Retention(
            journal,
            lambda: self.control.snapshot.settings.retention,
            data_places.retained(configuration),
            since=kept_since,
        )
        observer = Observer(
            works_in=works_in,
            journal=journal,
            deliveries=self._deliveries,
            watch=self.watch,
            watchdog=self.watchdog,
            listeners=self.listeners,
            changes=self._acceptor.changes,
            refusals=self.backend.refusals,
            refused_paths=self.backend.refused_paths,
            rules=lambda: self.control.snapshot.rules,
            retention=self._retention,
            more=self.extensions.counts,
            keys=lambda: (
                ring.writes if ring else PLAIN,
                journal.encryption_keys | self._quarantine.keys,
            ),
        )
        self.observed = Observed(
            health=self.watch,
            status=observer,
            telemetry=self.control,
            keys=self.control,
            deliveries=self._deliveries,
            letters=journal,
            fields=self.fields,
            eraser=self.erasures,
            more_routes=self.extensions.admin_routes,
            more_pages=self.extensions.pages,
            more_metrics=self.extensions.metrics,
        )

    @classmethod
    async def open(cls, configuration: Configuration, environment: Mapping[str, str]) -> Self:
        """Open every room. Raises ConfigurationError, JournalError or UnusableError."""
        gateway = configuration.gateway
        folder, window = gateway.data_dir / "journal", gateway.dedup.window
        ring = await asyncio.to_thread(configuration.keyring, environment)
        with explained(gateway.data_dir):
            quarantine.check(ring, gateway.data_dir / "quarantine")
            settings = configuration.policy.pseudonyms
            pseudonymizer = Pseudonymizer.open(
                gateway.data_dir / "keys", settings.form, settings.normalize
            )
            compiled = compile_snapshot(configuration, environment, pseudonymizer)
            fields = await asyncio.to_thread(review.opened, gateway.data_dir)
            known = store.knowing(fields, compiled.rules.fields)
            compiled = compiled.knowing(known)
            journal = await asyncio.to_thread(
                SqliteJournal.open, folder, gateway.journal, window, ring
            )
            try:
                kept_since = await asyncio.to_thread(
                    first_start, gateway.data_dir, journal.clock.certain()
                )
                opened = cls(
                    configuration,
                    environment,
                    pseudonymizer,
                    compiled,
                    journal,
                    ring=ring,
                    works_in=str(gateway.data_dir.resolve()),
                    fields=fields,
                    kept_since=kept_since,
                )
                await opened.control.start()
            except BaseException:
                await journal.close()
                raise
        await opened._start()
        return opened

    async def _start(self) -> None:
        await self._deliveries.start()
        self._quarantine.start()
        self.watch.start()
        self.fields.start()
        self.extensions.start(self._acceptor.add)
        await self.erasures.start()
        self._retention.start()

    async def close(self, grace: float) -> None:
        """Deliver for at most `grace` seconds what works at once; what remains waits on disk."""
        self.watch.stop()
        self._quarantine.stop()
        self.extensions.stop()
        self._retention.stop()
        await self.erasures.stop()
        await self._deliveries.stop(grace)
        await self.fields.stop()
        await self._journal.close()
