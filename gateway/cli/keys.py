"""`gateway keys` lists the pseudonym keys, makes the next one, and destroys old ones for good.

A running gateway takes up the keys first, so that none that it still uses is destroyed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from gateway.cli.admin_client import ask
from gateway.cli.output import json_option, write_json
from gateway.config import Configuration, load
from gateway.delivery import QUARANTINE
from gateway.errors import UsageError
from gateway.journal.sqlite.snapshot import looking
from gateway.privacy import keys
from gateway.privacy.keys import KeyRing
from gateway.privacy.pseudonyms import lasting_labels
from gateway.process.data_dir_lock import is_claimed

EXAMPLE = "gateway keys rotate"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb",
        nargs="?",
        choices=["list", "rotate", "forget"],
        default="list",
        help="rotate: new pseudonyms from now on; forget: destroy old keys (default: list)",
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="forget: the keys to destroy")
    parser.add_argument("--old", action="store_true", help="forget: every key but the one in force")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises UsageError, ConfigurationError, AskingError, JournalError or GatewayError."""
    configuration = load(given.config, environment)
    folder = configuration.gateway.data_dir / "keys"
    if given.verb != "forget" and (given.ids or given.old):
        raise UsageError(f"`{given.verb}` takes no ids and no --old")
    match given.verb:
        case "list":
            ring = keys.opened(folder) if folder.exists() else None
        case "rotate":
            names = {*configuration.routing.destinations, *_known(configuration), QUARANTINE}
            day = datetime.now(UTC).date().isoformat()
            ring = keys.rotated(folder, lasting_labels(sorted(names)), day)
            _taken_up(configuration)
        case _:
            ids = _ids(given, keys.opened(folder))
            _taken_up(configuration)
            ring = keys.forgotten(folder, ids)
            _taken_up(configuration)
    _show(ring, given.verb, as_json=given.json, out=out)
    return 0


def _known(configuration: Configuration) -> Iterable[str]:
    """Whoever ever read the journal: what destinations that are gone were sent is still theirs."""
    with suppress(FileNotFoundError), looking(configuration.gateway.data_dir / "journal") as look:
        return look.view().cursors.keys()
    return ()


def _ids(given: argparse.Namespace, ring: KeyRing) -> list[int]:
    if given.old == bool(given.ids):
        raise UsageError("say which keys to destroy: ids from `gateway keys list`, or --old")
    if given.old:
        return [key.id for key in ring.keys[:-1]]
    if wrong := [text for text in given.ids if not text.isdecimal()]:
        raise UsageError(f"`{wrong[0]}` is no id of a key; see `gateway keys list`")
    return [int(text) for text in given.ids]


def _taken_up(configuration: Configuration) -> None:
    """Have the running gateway, if any, use what is there now. Raises AskingError."""
    if is_claimed(configuration.gateway.data_dir):
        ask(configuration, "POST", "/api/keys/reload", {})


def _show(ring: KeyRing | None, verb: str, *, as_json: bool, out: TextIO) -> None:
    found: list[dict[str, Any]] = []
    if ring is not None:
        found += [
            {"id": key.id, "made": key.made, "in_force": key is ring.in_force} for key in ring.keys
        ]
    if as_json:
        write_json({"keys": found}, out)
        return
    if ring is None:
        print("There is none yet; the first start makes it.", file=out)
        return
    for one in found:
        made = f"made {one['made']}" if one["made"] else "made at the first start"
        print(f"{one['id']:>4}  {made:<26}{'in force' if one['in_force'] else 'old'}", file=out)
    if verb == "rotate":
        print(
            "Pseudonyms are new from now on. Back up the keys folder. The old keys still tell who "
            "the old pseudonyms are; `gateway keys forget --old` destroys them.",
            file=out,
        )
    if verb == "forget":
        print("Destroyed. Destroy their copies in backups, too.", file=out)
