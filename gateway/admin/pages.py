"""What each page shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from gateway.admin import html
from gateway.admin.html import Column, Frame
from gateway.contract import Catalogue, EventPlan
from gateway.event import TelemetryClass
from gateway.health import size
from gateway.journal.block import REASONS
from gateway.journal.forecast import in_words
from gateway.pipeline.telemetry_switch import CLASSES
from gateway.status import DestinationStatus, Status
from gateway.telemetry.switch_history import Account, Standing, SwitchChange, decider
from gateway.timestamps import timestamp

_TITLES: Mapping[TelemetryClass, str] = {
    "optional": "Share anonymous usage data",
    "essential": "Essential events",
    "billing": "Billing events",
}
_ABOUT: Mapping[TelemetryClass, str] = {
    "optional": """Navigation, clicks and what the server did for them. While this is off, such
        events are answered and counted, but not stored.""",
    "essential": """That an installation was set up, and that it is alive. They are accepted
        whatever the switch above says.""",
    "billing": """Who used the product and when, hashed: what paying customers are billed by.
        Switched off, the vendor does not get the numbers that it bills by.""",
}


def status(status: Status, frame: Frame) -> str:
    """The first page: is it healthy, what came, where it went, what it takes on disk."""
    ready = html.badge("good", "Ready") if status.ready else html.badge("bad", "Not accepting")
    received, rejected = sum(status.received.values()), sum(status.rejected.values())
    notices = [
        html.notice(
            "bad",
            f"<strong>Nothing is accepted:</strong> {html.marked(status.refusal)}",
            html.marked(f"To fix it: {status.remedy}"),
        )
        if status.refusal
        else "",
        html.notice("note", escape(status.warning)) if status.warning else "",
    ]
    return html.page(
        "Status",
        f'<p class="soft">{ready} version {escape(status.version)}</p>',
        html.HOME,
        frame,
        *notices,
        '<div class="tiles">',
        _tile("events received", received),
        _tile("accepted", status.accepted),
        _tile("rejected", rejected),
        _tile("MiB of journal", round(status.journal_bytes / 1024**2, 1)),
        "</div>",
        html.card("Destinations", _destinations(status.destinations)),
        html.card("Space on disk", *_space(status)),
        html.card("Sources", _sources(status.received)),
        html.card("Rejected", _reasons(status.rejected)),
        *(
            [html.card("Refused requests", _refused(status.refused_paths))]
            if status.refused_requests
            else []
        ),
    )


def _tile(label: str, value: float) -> str:
    return (
        f'<div class="tile"><b>{value:,}</b><span class="soft small">{escape(label)}</span></div>'
    )


def _destinations(destinations: Sequence[DestinationStatus]) -> str:
    columns = [
        Column("destination", "title"),
        Column("delivered", "number"),
        Column("pending", "number"),
        Column("filtered", "number"),
        Column("dead", "number"),
        Column("state"),
    ]
    rows = (
        (
            f'{escape(one.name)} <span class="soft">{escape(one.type)}</span>',
            f"{one.delivered:,}",
            f"{one.pending:,}",
            f"{sum(one.filtered.values()):,}",
            f"{sum(one.dead.values()):,}",
            _state(one),
        )
        for one in destinations
    )
    return html.table(columns, rows)


def _state(one: DestinationStatus) -> str:
    if one.waiting is None or one.waiting_since is None or one.next_try is None:
        return html.badge("good", "healthy")
    since, next_try = html.when(timestamp(one.waiting_since)), html.when(timestamp(one.next_try))
    times = f'<span class="soft small">since {since}, next try {next_try}</span>'
    return f"{html.badge('bad', one.waiting)} {times}"


def _space(status: Status) -> Iterator[str]:
    free, ends = status.disk_free_bytes, status.journal_full_in
    said = f"{size(free)} are free on the disk of the journal. " if free is not None else ""
    if ends is not None:
        said += f"At the rate of the last minutes, it or the journal is full in {in_words(ends)}."
    yield f'<p class="soft">{said}</p>'
    columns = [Column("part", "title"), Column("size", "number"), Column("per hour", "number")]
    yield html.table(
        columns,
        (
            (escape(part), size(held), _growth(status.data_growth.get(part)))
            for part, held in sorted(status.data_bytes.items(), key=lambda one: -one[1])
            if held
        ),
    )


def _growth(an_hour: float | None) -> str:
    if an_hour is None:
        return '<span class="soft">not known yet</span>'
    return f"{'−' if an_hour < 0 else '+'}{size(abs(an_hour))}" if round(an_hour) else "0"


def _sources(received: Mapping[str, int]) -> str:
    if not received:
        return html.empty(
            "No event has arrived yet", "Point an SDK at this gateway, and look again."
        )
    columns = [Column("source", "title"), Column("events", "number")]
    return html.table(
        columns, ((escape(name), f"{count:,}") for name, count in sorted(received.items()))
    )


def _reasons(rejected: Mapping[str, int]) -> str:
    if not rejected:
        return html.empty("Nothing was rejected", "Every event that arrived was accepted.")
    columns = [Column("reason", "title"), Column("meaning"), Column("events", "number")]
    return html.table(
        columns,
        (
            (f"<code>{escape(name)}</code>", html.marked(REASONS[name].meaning), f"{count:,}")
            for name, count in sorted(rejected.items())
        ),
    )


def _refused(requests: Mapping[tuple[str, str, str], int]) -> str:
    columns = [
        Column("reason", "title"),
        Column("method"),
        Column("path"),
        Column("requests", "number"),
    ]
    return html.table(
        columns,
        (
            (f"<code>{escape(code)}</code>", escape(method), escape(path), f"{count:,}")
            for (path, method, code), count in sorted(requests.items())
        ),
    )


def general(standing: Standing, catalogue: Catalogue, frame: Frame, *notices: str) -> str:
    """Settings → General: the switch, with the proof that it works."""
    locked = standing.locked_by
    lock = (
        html.notice(
            "note",
            f"<strong>{escape(locked)}</strong> in the environment decides whether anonymous usage "
            "data is shared, so the switch is locked here. Change the variable and restart the "
            "gateway to change it.",
        )
        if locked
        else ""
    )
    events = _events(catalogue)
    rest: tuple[TelemetryClass, ...] = ("essential", "billing")
    return html.page(
        "General",
        '<p class="soft">What this gateway accepts. Changes survive restarts.</p>',
        html.GENERAL,
        frame,
        *notices,
        lock,
        f'<form method="post" action="{html.GENERAL}">{html.form_key(frame.visitor)}',
        '<section class="card">',
        _setting("optional", standing.classes["optional"], events, is_locked=locked is not None),
        '</section><section class="card">',
        *(_setting(name, standing.classes[name], events) for name in rest),
        '</section><div class="actions"><button>Save &amp; Restart</button>'
        '<p class="soft small">The gateway restarts without refusing a connection; new '
        "requests wait for about a second.</p></div></form>",
        html.card("Who changed what", _changes(standing.changes)),
    )


def _setting(
    name: TelemetryClass,
    account: Account,
    events: Mapping[TelemetryClass, Sequence[EventPlan]],
    *,
    is_locked: bool = False,
) -> str:
    state = "on" if account.enabled else "off"
    since = f" since {html.when(account.since)}" if account.since else ""
    checked, disabled = " checked" * account.enabled, " disabled" * is_locked
    opted_out = (
        f"<span><b>{account.opted_out:,}</b> opted out by their sender</span>"
        if account.opted_out
        else ""
    )
    return (
        f'<div class="setting{" lead" * (name == "optional")}">'
        f'<label for="{name}">{_TITLES[name]}</label>'
        f'<span class="switch"><input type="checkbox" role="switch" id="{name}" name="{name}" '
        f'aria-describedby="{name}-about"{checked}{disabled}><i></i></span>'
        f'<div class="about"><p class="soft" id="{name}-about">{_ABOUT[name]}</p>'
        f'<p class="proof"><span>{state.capitalize()}{since}, {escape(decider(account.decided_by))}'
        f"</span><span><b>{account.accepted:,}</b> accepted since</span>"
        f"<span><b>{account.refused:,}</b> refused since</span>{opted_out}</p>"
        f"{_list(events[name])}</div></div>"
    )


def _events(catalogue: Catalogue) -> dict[TelemetryClass, list[EventPlan]]:
    """The documented events of each class, one of those with one title."""
    plans = {
        (plan.telemetry_class, plan.title): plan
        for plan in reversed([*catalogue.plans.values()])
        if plan.planned
    }
    found: dict[TelemetryClass, list[EventPlan]] = {name: [] for name in CLASSES}
    for (name, _), plan in sorted(plans.items()):
        found[name].append(plan)
    return found


def _list(plans: Sequence[EventPlan]) -> str:
    items = "".join(f"<li>{escape(plan.title)}{_names(plan)}</li>" for plan in plans)
    return f"<details><summary>{len(plans)} documented kinds</summary><ul>{items}</ul></details>"


def _names(plan: EventPlan) -> str:
    match = plan.match
    names = [*match.names, *match.globs, *([match.pattern] if match.pattern else [])]
    shown = ", ".join(f"<code>{escape(name)}</code>" for name in names[:6])
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f'<br><span class="soft">{shown}{more}</span>' if names else ""


def _changes(changes: Iterable[SwitchChange]) -> str:
    rows = [
        (_deed(change), html.when(change.time), _person(change)) for change in reversed([*changes])
    ]
    if not rows:
        return html.empty(
            "Nobody has changed a switch",
            "Everything is as gateway.yaml and the environment set it.",
        )
    return html.table([Column("what", "title"), Column("when"), Column("who")], rows)


def _deed(change: SwitchChange) -> str:
    if change.enabled is None:
        return f"{change.telemetry_class.capitalize()} events: as the configuration says"
    return (
        f"{change.telemetry_class.capitalize()} events turned {'on' if change.enabled else 'off'}"
    )


def _person(change: SwitchChange) -> str:
    sign_in = f', <span class="soft">{escape(change.sign_in)}</span>' if change.sign_in else ""
    return f"{escape(change.who)}{sign_in}"


def sign_in(where: str, *notices: str) -> str:
    """Where people sign in. `where` is the page that they asked for."""
    return html.signed_out(
        "Sign in",
        *notices,
        '<h1>Sign in</h1><p class="soft">With the token that <code>admin.token</code> names.</p>'
        f'<form method="post" action="/sign-in"><input type="hidden" name="next" '
        f'value="{escape(where)}"><label for="token">Token</label>'
        '<input type="password" id="token" name="token" required autofocus '
        'autocomplete="current-password"><button>Sign in</button></form>',
    )
