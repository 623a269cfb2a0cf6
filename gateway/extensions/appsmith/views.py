"""What the ledger tells people: numbers and ids of instances, never a person's.

The command line, the API and the metrics show what is made here.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gateway.extensions.appsmith.ledger import reading

MOST_REPORTS = 1000
"""Reports shown at most, the newest."""

_COUNTS = """
SELECT {period}, instance, origin,
  count(DISTINCT user),
  count(DISTINCT CASE WHEN view THEN user END),
  count(DISTINCT CASE WHEN NOT view THEN user END),
  count(DISTINCT CASE WHEN NOT anonymous THEN user END),
  count(DISTINCT CASE WHEN anonymous THEN user END),
  sum(pulses)
FROM usage WHERE hour >= ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
KEYS = ("instance", "origin", "users", "view", "edit", "signed_in", "anonymous", "pulses")
_INSTANCES = """
SELECT id, first_seen, last_ping, version, edition, pings FROM instances ORDER BY id
"""
_REPORTS = """
SELECT time, instance, origin, pulses, accepted, signature, standing, data
FROM reports WHERE time >= ? ORDER BY id DESC LIMIT ?
"""
_STANDINGS = "SELECT origin, signature, standing, count(*) FROM reports GROUP BY 1, 2, 3"


Period = Literal["day", "hour"]


class _Period(NamedTuple):
    name: str
    expression: str
    seconds: int
    form: str


_DAY = _Period("day", "hour / 24", 86400, "%Y-%m-%d")
_HOUR = _Period("hour", "hour", 3600, "%Y-%m-%dT%H:00Z")


def instances(data_dir: Path, now: float, interval: float) -> list[dict[str, Any]]:
    """Every instance; overdue is one that was silent for more than two intervals (seconds).

    Raises sqlite3.Error.
    """
    with reading(data_dir) as ledger:
        rows = ledger.execute(_INSTANCES).fetchall() if ledger else []
    return [
        {
            "id": instance,
            "first_seen": _moment(first_seen),
            "last_ping": _moment(last_ping),
            "version": version,
            "edition": edition,
            "pings": pings,
            "overdue": now - (last_ping or first_seen) > 2 * interval,
        }
        for instance, first_seen, last_ping, version, edition, pings in rows
    ]


def usage(data_dir: Path, since: float) -> dict[str, Any]:
    """People per day and hour, and what was reported, from `since` (epoch seconds) on, in UTC.

    Raises sqlite3.Error.
    """
    first = int(since) // 3600
    with reading(data_dir) as ledger:
        if ledger is None:
            return {"days": [], "hours": [], "reports": []}
        reports = ledger.execute(_REPORTS, (since, MOST_REPORTS)).fetchall()
        return {
            "days": list(_counted(ledger, _DAY, first // 24 * 24)),
            "hours": list(_counted(ledger, _HOUR, first)),
            "reports": [_report(row) for row in reversed(reports)],
        }


def as_csv(figures: dict[str, Any], period: Period) -> str:
    """What `usage` returned of days or of hours, for a spreadsheet."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [period, *KEYS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(figures[f"{period}s"])
    return out.getvalue()


def standings(data_dir: Path) -> dict[tuple[str, str, str], int]:
    """How many reports there were, by who, signature and standing. Raises sqlite3.Error."""
    with reading(data_dir) as ledger:
        if ledger is None:
            return {}
        counted = ledger.execute(_STANDINGS).fetchall()
        return {(origin, signature, standing): n for origin, signature, standing, n in counted}


def _counted(ledger: sqlite3.Connection, period: _Period, first: int) -> Iterator[dict[str, Any]]:
    for number, *values in ledger.execute(_COUNTS.format(period=period.expression), (first,)):
        start = datetime.fromtimestamp(number * period.seconds, UTC).strftime(period.form)
        yield {period.name: start, **dict(zip(KEYS, values, strict=True))}


def _report(row: tuple[Any, ...]) -> dict[str, Any]:
    time, instance, origin, pulses, accepted, signature, standing, data = row
    return {
        "time": _moment(time),
        "instance": instance,
        "origin": origin,
        "pulses": pulses,
        "accepted": bool(accepted),
        "signature": signature,
        "standing": standing,
        "digest": data,
    }


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
