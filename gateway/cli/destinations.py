"""`gateway destinations` shows how each destination is doing, and has one tried at once.

Where a gateway runs, it is asked; where none does, the journal tells what waits.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from gateway.cli.admin_client import ask
from gateway.cli.output import json_option, write_json
from gateway.config import Configuration, load
from gateway.config.sentences import did_you_mean
from gateway.encryption import Keyring
from gateway.errors import GatewayError, JournalError, UsageError
from gateway.journal.sqlite.snapshot import looking
from gateway.process.data_dir_lock import is_claimed
from gateway.timestamps import timestamp

NOT_RUNNING = "not running"

_IN_WORDS: Mapping[str, str] = {
    "connection": "it cannot be reached: nothing listens there, or it closes the connection",
    "timeout": "it does not answer in time",
    "tls": "its certificate is not trusted",
    "proxy": "the proxy refuses: see outbound.proxy",
    "http 401": "it refuses the key or token (http 401)",
    "http 403": "it refuses the key or token (http 403)",
    "http 404": "it has no such path: check host (http 404)",
    "http 407": "the proxy asks for a password: see outbound.proxy (http 407)",
    "http 429": "it rate limits requests (http 429)",
}


EXAMPLE = "gateway destinations try segment"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb",
        nargs="?",
        choices=["list", "try"],
        default="list",
        help="try: end its waits, also one that the vendor asked for (default: list)",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the destination to try")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises UsageError, ConfigurationError, AskingError or GatewayError."""
    configuration = load(given.config, environment)
    known = configuration.routing.destinations
    if given.verb == "list" and given.name is None:
        ring = configuration.keyring(environment)
        return _show(configuration, ring, as_json=given.json, out=out)
    if given.verb == "list":
        raise UsageError("`list` shows all destinations and takes no name")
    if given.name is None:
        raise UsageError(f"say which to try{did_you_mean('', known)}")
    if given.name not in known:
        raise UsageError(f"`{given.name}` is not a destination{did_you_mean(given.name, known)}")
    return _try_now(configuration, given.name, as_json=given.json, out=out)


def _show(configuration: Configuration, ring: Keyring | None, *, as_json: bool, out: TextIO) -> int:
    """Print a line for each."""
    runs = is_claimed(configuration.gateway.data_dir)
    oldest = _oldest(configuration, ring)
    found = [
        {**one, "oldest_pending": oldest.get(one["name"]) if one["pending"] else None}
        for one in (_asked(configuration) if runs else _read(configuration))
    ]
    if as_json:
        write_json({"running": runs, "destinations": found}, out)
        return 0
    for one in found:
        print("\n".join(_lines(one)), file=out)
    if not runs:
        print("No gateway is running here; `gateway run` starts one.", file=out)
    return 0


def _try_now(configuration: Configuration, name: str, *, as_json: bool, out: TextIO) -> int:
    """End the waits of a destination."""
    if not is_claimed(configuration.gateway.data_dir):
        raise GatewayError(
            "no gateway is running here; `gateway run` tries every destination at once"
        )
    said = ask(configuration, "POST", f"/api/destinations/{name}/try", {})
    if as_json:
        write_json(said, out)
    else:
        print(f"{name} is tried now; `gateway destinations` shows what came of it", file=out)
    return 0


def _asked(configuration: Configuration) -> list[dict[str, Any]]:
    kept = ("name", "type", "state", "waiting", "waiting_since", "next_try", "pending")
    return [
        {**{key: one[key] for key in kept}, "requests_at_once": one["requests_at_once"]}
        for one in ask(configuration, "GET", "/api/status")["destinations"]
    ]


def _read(configuration: Configuration) -> list[dict[str, Any]]:
    try:
        with looking(configuration.gateway.data_dir / "journal") as look:
            view = look.view()
    except FileNotFoundError:
        view = None
    return [
        {
            "name": name,
            "type": settings.type,
            "state": NOT_RUNNING,
            "waiting": None,
            "waiting_since": None,
            "next_try": None,
            "pending": view.pending(name) if view and name in view.cursors else 0,
            "requests_at_once": 0,
        }
        for name, settings in configuration.routing.destinations.items()
    ]


def _oldest(configuration: Configuration, ring: Keyring | None) -> dict[str, str]:
    """When the oldest event that waits for each was received, as far as the journal can tell."""
    found: dict[str, str] = {}
    try:
        with looking(configuration.gateway.data_dir / "journal", ring) as look:
            view = look.view()
            for name in configuration.routing.destinations:
                if name in view.cursors and (moment := look.oldest_pending(view, name)):
                    found[name] = timestamp(moment)
    except (FileNotFoundError, JournalError):
        pass
    return found


def _lines(one: Mapping[str, Any]) -> Iterator[str]:
    pending = f"{one['pending']:,} pending"
    oldest = f", the oldest of {one['oldest_pending']}" if one["oldest_pending"] else ""
    requests = one["requests_at_once"]
    at_once = f", {requests} request{'s' * (requests != 1)} at once" if requests else ""
    yield f"{one['name']:<16} {one['type']:<9} {one['state']:<11} {pending}{oldest}{at_once}"
    if cause := one["waiting"]:
        yield f"{'':<27}{_IN_WORDS.get(cause, cause)}"
        yield f"{'':<27}since {one['waiting_since']}, next try {one['next_try']}"
