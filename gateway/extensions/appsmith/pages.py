"""Pages about Appsmith's instances and their usage; they name instances and no person."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.admin import html
from gateway.admin.html import Column, Frame
from gateway.extensions.appsmith import views
from gateway.extensions.appsmith.settings import appsmith
from gateway.extensions.hooks import Host
from gateway.timestamps import read_since

INSTANCES = "/instances"

_SINCE = "31d"
_SHOWN_REPORTS = 20
_ODD = frozenset({"replayed", "tampered", "invalid"})

Row = Mapping[str, Any]


def routes(host: Host) -> list[web.RouteDef]:
    """`/api/instances?overdue=1`, `/api/usage?since=7d&format=csv&by=hour`, and their page."""

    async def known_instances() -> list[dict[str, Any]]:
        interval = appsmith(host.settings).ping_interval
        return await asyncio.to_thread(views.instances, host.data_dir, host.now(), interval)

    async def usage_since(text: str) -> dict[str, Any]:
        """Raises ValueError."""
        since = read_since(text, datetime.now(UTC)).timestamp()
        return await asyncio.to_thread(views.usage, host.data_dir, since)

    async def instances(request: web.Request) -> web.Response:
        known = await known_instances()
        if request.query.get("overdue") in ("1", "true"):
            known = [instance for instance in known if instance["overdue"]]
        return _json({"instances": known})

    async def usage(request: web.Request) -> web.Response:
        try:
            figures = await usage_since(request.query.get("since", _SINCE))
        except ValueError:
            return _json({"error": "since takes 7d, 12h, 30m, a date or a time"}, status=400)
        if request.query.get("format") != "csv":
            return _json(figures)
        text = views.as_csv(figures, "hour" if request.query.get("by") == "hour" else "day")
        headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
        return web.Response(text=text, content_type="text/csv", headers=headers)

    async def show(request: web.Request) -> web.Response:
        figures = await usage_since(_SINCE)
        text = page(await known_instances(), figures, Frame.of(request))
        return web.Response(text=text, content_type="text/html")

    return [
        web.get("/api/instances", _kept(instances)),
        web.get("/api/usage", _kept(usage)),
        web.get(INSTANCES, _kept(show)),
    ]


def page(instances: Sequence[Row], usage: Mapping[str, Sequence[Row]], frame: Frame) -> str:
    """Who lives, who was used by how many, and what was reported of it."""
    return html.page(
        "Instances",
        '<p class="soft">Appsmith servers behind this gateway, and how many people use them.</p>',
        INSTANCES,
        frame,
        html.card("Servers", _instances(instances)),
        html.card("Used in the last 31 days", _days(usage["days"])),
        html.card("Reported", _reports(usage["reports"])),
    )


def _instances(instances: Sequence[Row]) -> str:
    if not instances:
        return html.empty(
            "No instance is known yet",
            "Point APPSMITH_CLOUD_SERVICES_BASE_URL of a server to this gateway;"
            " it then pings every two hours.",
        )
    columns = [
        Column("instance", "title"),
        Column("version"),
        Column("last ping"),
        Column("pings", "number"),
        Column("state"),
    ]
    return html.table(
        columns,
        (
            (
                f"<code>{escape(one['id'])}</code>",
                escape(" ".join(filter(None, (one["edition"], one["version"])))),
                html.when(one["last_ping"]) if one["last_ping"] else "none",
                f"{one['pings']:,}",
                html.badge("bad", "overdue") if one["overdue"] else html.badge("good", "alive"),
            )
            for one in instances
        ),
    )


def _days(days: Sequence[Row]) -> str:
    if not days:
        return html.empty(
            "No usage was seen", "Pulses of paying instances and their reports are counted here."
        )
    names = {
        "view": "viewing",
        "edit": "editing",
        "signed_in": "signed in",
        "anonymous": "visitors",
    }
    columns = [
        Column("day", "title"),
        Column("people", "number"),
        *(Column(name, "number") for name in names.values()),
        Column("counted by"),
    ]
    rows = (
        (
            escape(day["day"]),
            f"{day['users']:,}",
            *(f"{day[key]:,}" for key in names),
            f'{escape(day["origin"])} <code class="soft">{escape(day["instance"])}</code>',
        )
        for day in reversed(days)
    )
    return (
        html.table(columns, rows)
        + '<p class="soft small">For a spreadsheet: <a href="/api/usage?format=csv">by day</a>, '
        '<a href="/api/usage?format=csv&amp;by=hour">by hour</a>.</p>'
    )


def _reports(reports: Sequence[Row]) -> str:
    if not reports:
        return html.empty(
            "Nothing was reported", "Reports to the cloud services appear here, with their proof."
        )
    columns = [
        Column("when", "title"),
        Column("pulses", "number"),
        Column("by"),
        Column("answer"),
        Column("honesty"),
    ]
    rows = (
        (
            html.when(one["time"]),
            f"{one['pulses']:,}",
            escape(one["origin"]),
            html.badge("good", "taken") if one["accepted"] else html.badge("note", "not taken"),
            _honesty(one),
        )
        for one in reversed(reports[-_SHOWN_REPORTS:])
    )
    return html.table(columns, rows)


def _honesty(report: Row) -> str:
    figures = (report["standing"], f"signature {report['signature']}")
    is_odd = not _ODD.isdisjoint((report["standing"], report["signature"]))
    return html.badge("bad" if is_odd else "", ", ".join(figures))


def _kept(handle: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except sqlite3.Error:
            return _json({"error": "the ledger cannot be read just now"}, status=503)

    return answer


def _json(value: Any, status: int = 200) -> web.Response:
    body = orjson.dumps(value)
    return web.Response(status=status, body=body, content_type="application/json")
