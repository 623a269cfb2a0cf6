"""Pages are rendered here, need no script, load nothing from elsewhere and escape every text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from gateway.admin.status import DestinationStatus, Status

STYLE = """\
:root {
  color-scheme: light dark;
  --ink: light-dark(#1d2430, #e6e9ef);
  --soft: light-dark(#5b6575, #9aa4b5);
  --paper: light-dark(#ffffff, #14181f);
  --card: light-dark(#f5f6f8, #1c222c);
  --line: light-dark(#dde1e7, #2f3744);
  --good: light-dark(#0a7a43, #54d18c);
  --bad: light-dark(#b3261e, #ff8a80);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 4rem;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
}
h1 { font-size: 1.35rem; margin: 0 0 .25rem; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; }
.soft { color: var(--soft); }
.good { color: var(--good); }
.bad { color: var(--bad); }
.tiles { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); }
.tile {
  padding: .75rem; background: var(--card); border: 1px solid var(--line); border-radius: .5rem;
}
.tile b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); }
td.number, th.number { text-align: right; }
"""


_TEXTS = frozenset({"reason", "destination", "state"})


def status(status: Status) -> str:
    """The first page: is it well, what came, where it went."""
    if status.ready:
        state = '<p class="good">Ready: events are accepted and made durable.</p>'
    else:
        state = f'<p class="bad">Not accepting: {escape(status.refusal or "")}</p>'
    if status.warning:
        state += f'<p class="bad">{escape(status.warning)}</p>'
    received = sum(status.received.values())
    rejected = sum(status.rejected.values())
    return _page(
        "Telemetry gateway",
        f'<p class="soft">version {escape(status.version)}</p>{state}',
        '<h2>Events</h2><div class="tiles">',
        _tile("received", received),
        _tile("accepted", status.accepted),
        _tile("rejected", rejected),
        _tile("journal, MiB", round(status.journal_bytes / 1024**2, 1)),
        "</div>",
        _counts("Rejected", status.rejected),
        _destinations(status.destinations),
    )


def _page(title: str, *parts: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/style.css"></head>'
        f"<body><main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>"
    )


def _tile(label: str, value: float) -> str:
    return f'<div class="tile"><b>{value:,}</b><span class="soft">{escape(label)}</span></div>'


def _counts(title: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    rows = ((name, f"{count:,}") for name, count in sorted(counts.items()))
    return f"<h2>{escape(title)}</h2>{_table(('reason', 'events'), rows)}"


def _destinations(destinations: Iterable[DestinationStatus]) -> str:
    rows = (
        (
            f"{destination.name} ({destination.type})",
            f"{destination.delivered:,}",
            f"{destination.pending:,}",
            f"{sum(destination.filtered.values()):,}",
            f"{sum(destination.dead.values()):,}",
            destination.waiting or "well",
        )
        for destination in destinations
    )
    head = ("destination", "delivered", "pending", "filtered", "dead", "state")
    return f"<h2>Destinations</h2>{_table(head, rows)}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def cells(tag: str, row: tuple[str, ...]) -> str:
        return "".join(
            f"<{tag}{'' if name in _TEXTS else ' class=number'}>{escape(cell)}</{tag}>"
            for name, cell in zip(head, row, strict=True)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
