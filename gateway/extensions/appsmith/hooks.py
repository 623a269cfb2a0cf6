"""Where the gateway does something that only an Appsmith needs."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

from gateway.admin.html import PageLink
from gateway.admin.metrics import Metric
from gateway.config import Configuration
from gateway.config.model import GatewaySettings
from gateway.extensions.appsmith import pages, pings, views
from gateway.extensions.appsmith.consumer import LEDGER, LedgerSink, ledger_feed
from gateway.extensions.appsmith.erasing import erase
from gateway.extensions.appsmith.events import usage_report
from gateway.extensions.appsmith.parse import PulseContext, read_pulse
from gateway.extensions.appsmith.routes import add_routes
from gateway.extensions.appsmith.settings import appsmith
from gateway.extensions.appsmith.setup import FirstTimes
from gateway.extensions.hooks import Consumer, Hooks, Host
from gateway.ingest import Intake
from gateway.samples import Counts

_SOMEBODY = "somebody"


def _tasks(host: Host) -> Mapping[str, Coroutine[Any, Any, None]]:
    return {"ping": pings.send_when_due(host)}


async def _counts(host: Host) -> Counts:
    """Nothing where the ledger cannot be read: the rest of the status does not depend on it."""
    interval = appsmith(host.settings).ping_interval
    try:
        known = await asyncio.to_thread(views.instances, host.data_dir, host.now(), interval)
        reports = await asyncio.to_thread(views.standings, host.data_dir)
    except sqlite3.Error:
        return Counts()
    states = {"known": len(known), "overdue": sum(instance["overdue"] for instance in known)}
    return Counts(
        status={
            "instances": states,
            "reports": [
                {"origin": origin, "signature": signature, "standing": standing, "count": count}
                for (origin, signature, standing), count in reports.items()
            ],
        },
        samples={
            "gateway_instances": {(state,): count for state, count in states.items()},
            "gateway_usage_reports": {(*labels,): count for labels, count in reports.items()},
        },
    )


def _explain(body: bytes, value: Any, settings: GatewaySettings) -> Intake | None:
    """A usage report that the upstream took, or a pulse of somebody whom the server knows."""
    if not isinstance(value, dict):
        return None
    own = appsmith(settings)
    if report := usage_report(value, own, time.time(), accepted=True):
        return Intake("appsmith", [report], [])
    if "viewMode" not in value:
        return None
    hosts = [host for instance in own.instances for host in instance.hosts]
    facts = PulseContext(
        host=next(iter(hosts), ""),
        received_at=time.time(),
        signed_in_as=_SOMEBODY,
        session=_SOMEBODY,
    )
    return read_pulse(body, facts, own)


def _notes(configuration: Configuration) -> Iterator[str]:
    types = {destination.type for destination in configuration.routing.destinations.values()}
    for instance in appsmith(configuration.gateway).instances:
        if instance.paying and "cloud" not in types:
            yield f"{instance.id} is paying, but no destination of type cloud reports its usage"


HOOKS = Hooks(
    routes=add_routes,
    screen=lambda host: FirstTimes(host.pseudonym, host.marked).take,
    tasks=_tasks,
    consumers=(
        Consumer(
            LEDGER,
            "events",
            lambda journal, data_dir: (ledger_feed(journal), LedgerSink(data_dir)),
        ),
    ),
    folders={"appsmith": "ledger"},
    metrics=(
        Metric(
            "gateway_instances",
            "gauge",
            ("state",),
            "Appsmith instances known, and those of them whose ping is overdue.",
        ),
        Metric(
            "gateway_usage_reports",
            "gauge",
            ("origin", "signature", "standing"),
            "Usage reports of the last 400 days, relayed and own.",
        ),
    ),
    counts=_counts,
    pages=(PageLink(pages.INSTANCES, "Instances"),),
    admin=pages.routes,
    explain=_explain,
    erase=erase,
    notes=_notes,
)
