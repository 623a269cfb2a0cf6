"""`gateway erase` takes a person out of everything that is kept, and has vendors do the same.

It is done by whoever owns the data folder: the gateway where one runs, through its admin listener,
else this command. Ids are given once and kept nowhere.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from gateway import data_places
from gateway.cli.admin_client import ask
from gateway.cli.output import json_option, write_json
from gateway.config import Configuration, load
from gateway.delivery import QUARANTINE
from gateway.erasure.erasures import Erasures
from gateway.erasure.places import Surroundings
from gateway.errors import UsageError
from gateway.extensions import registry
from gateway.journal.sqlite import SqliteJournal
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer
from gateway.process import logs
from gateway.process.data_dir_lock import TakenError, claimed, explained

EXAMPLE = "gateway erase --user 42 --user visitor-7 --suppress"

_POLL_SECONDS = 0.2
_LONG_SECONDS = 1800.0
"""A dry run reads all that is kept."""
_VENDOR_SECONDS = 30.0
"""How long the command waits for vendors to accept; the erasure itself goes on."""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--user",
        action="append",
        default=[],
        metavar="ID",
        help="an id of the person as the app sends it: user, anonymous or device id, or an e-mail "
        "address used as one; give it again for more. Without it: go on with what is unfinished",
    )
    parser.add_argument(
        "--joined", action="store_true", help="also the ids that kept events join with these"
    )
    parser.add_argument(
        "--suppress", action="store_true", help="refuse the person's events from now on"
    )
    parser.add_argument(
        "--unsuppress",
        action="store_true",
        help="take the person's events again from now on; erases nothing",
    )
    parser.add_argument("--dry-run", action="store_true", help="count only, change nothing")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises UsageError, ConfigurationError, JournalError, or what the gateway that runs says."""
    if not given.user and (given.suppress or given.unsuppress or given.dry_run or given.joined):
        raise UsageError("say who: --user ID")
    if given.unsuppress and (given.suppress or given.dry_run or given.joined):
        raise UsageError("--unsuppress stands alone with --user")
    configuration = load(given.config, environment)
    try:
        with claimed(configuration.gateway.data_dir):
            logs.configure("error")
            found = asyncio.run(_here(given, configuration, environment))
    except TakenError:
        found = _there(given, configuration)
    if given.json:
        write_json(found, out)
    elif not found:
        print("no erasure is unfinished", file=out)
    else:
        print("\n".join(line for one in found for line in _lines(one)), file=out)
    return 0 if all(map(_is_good, found)) else 1


async def _here(
    given: argparse.Namespace, configuration: Configuration, environment: Mapping[str, str]
) -> list[dict[str, Any]]:
    gateway = configuration.gateway
    with explained(gateway.data_dir):
        settings = configuration.policy.pseudonyms
        pseudonymizer = Pseudonymizer.open(
            gateway.data_dir / "keys", settings.form, settings.normalize
        )
        ring = configuration.keyring(environment)
        rules = compile_rules(configuration, environment, pseudonymizer)
        journal = await asyncio.to_thread(
            SqliteJournal.open, gateway.data_dir / "journal", gateway.journal, ring=ring
        )
        try:
            around = Surroundings(
                data_dir=gateway.data_dir,
                journal=journal,
                pseudonymizer=lambda: pseudonymizer,
                policy=lambda: rules.policy,
                names=[*configuration.routing.destinations, QUARANTINE],
                folders=data_places.folders(configuration),
                deletions=data_places.deletions(configuration, pseudonymizer.mark),
                ring=ring,
                more=[each.erase for each in registry.hooks()],
            )
            return await _carried_out(given, Erasures(around))
        finally:
            await journal.close()


async def _carried_out(given: argparse.Namespace, erasures: Erasures) -> list[dict[str, Any]]:
    if given.unsuppress:
        return [{"state": "done", "unsuppressed": await erasures.unsuppress(given.user)}]
    if given.dry_run:
        return [await erasures.dry_run(given.user, joined=given.joined)]
    await erasures.read()
    if given.user:
        await erasures.ask(given.user, suppress=given.suppress, joined=given.joined)
    names = [receipt["id"] for receipt in erasures.unfinished()]
    until = time.monotonic() + _VENDOR_SECONDS
    while True:
        await erasures.carry_on()
        found = [receipt for name in names if (receipt := await erasures.receipt(name))]
        wait = erasures.wait()
        if not any(map(_is_under_way, found)) or wait is None:
            return found
        if time.monotonic() + wait > until:
            return found
        await asyncio.sleep(wait)


def _there(given: argparse.Namespace, configuration: Configuration) -> list[dict[str, Any]]:
    """The same, by the gateway that runs."""
    asked = {
        "users": given.user,
        "suppress": given.suppress,
        "joined": given.joined,
        "dry_run": given.dry_run,
    }
    if given.unsuppress:
        found = ask(configuration, "POST", "/api/erasures/unsuppress", asked)
        return [{"state": "done", **found}]
    if given.user:
        first = ask(configuration, "POST", "/api/erasures", asked, seconds=_LONG_SECONDS)
        if given.dry_run:
            return [first]
        names = [first["id"]]
    else:
        found = ask(configuration, "POST", "/api/erasures/try", {}, seconds=_LONG_SECONDS)
        found = found["erasures"]
        if not any(map(_is_under_way, found)):
            return list(found)
        names = [receipt["id"] for receipt in found]
    until = None
    while True:
        found = [ask(configuration, "GET", f"/api/erasures/{name}") for name in names]
        if not any(map(_is_under_way, found)):
            return found
        if until is None and not any(one["state"] == "erasing" for one in found):
            until = time.monotonic() + _VENDOR_SECONDS
        if any(one["trouble"] for one in found) or (until and time.monotonic() > until):
            return found
        time.sleep(_POLL_SECONDS)


def _is_under_way(receipt: Mapping[str, Any]) -> bool:
    """Whether it is worth waiting for."""
    states = [one["state"] for one in receipt["destinations"].values()]
    return receipt["state"] == "erasing" or "pending" in states


def _is_good(receipt: Mapping[str, Any]) -> bool:
    states = {one["state"] for one in receipt.get("destinations", {}).values()}
    if receipt["state"] == "dry run":
        return True
    if receipt["state"] == "erasing" or receipt.get("files_not_read"):
        return False
    return not states & {"pending", "failed"}


def _lines(receipt: Mapping[str, Any]) -> Iterator[str]:
    if "unsuppressed" in receipt:
        yield f"taken from the list of the suppressed: {receipt['unsuppressed']}"
        return
    erased = receipt["erased"]
    verb = "would erase" if receipt["state"] == "dry run" else "erased"
    yield f"erasure {receipt['id']}: {receipt['state']}"
    yield f"{verb:12}  {erased['waiting_events']:,} events in the journal"
    yield f"{verb:12}  {erased['dead_letters']:,} dead letters"
    for folder, count in erased["files"].items():
        yield f"{verb:12}  {count:,} lines in {folder}/"
    others = {"waiting_events", "dead_letters", "files"}
    for place in erased.keys() - others:
        yield f"{verb:12}  {erased[place]:,} entries of {place}"
    yield from _notes(receipt)
    for name, one in receipt["destinations"].items():
        detail = f": {one['detail']}" if one["detail"] else ""
        yield f"{name:12}  {one['state']}{detail}"


def _notes(receipt: Mapping[str, Any]) -> Iterator[str]:
    if receipt.get("suppressed"):
        yield "suppressed    their events are refused from now on"
    if receipt.get("joined_ids") and not receipt["joined"]:
        yield f"note          {receipt['joined_ids']} more ids are joined; --joined takes them, too"
    for line in receipt.get("files_not_read", ()):
        yield f"not read      {line}"
    if receipt.get("trouble"):
        yield f"waits         {receipt['trouble']}; run `gateway erase` to go on"
