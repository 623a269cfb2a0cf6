"""`gateway fields` lists the fields of events that were seen, and accepts or drops them.

Where a gateway runs, it is asked; where none does, the command works on its file, and what it
decides holds from the next start on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TextIO

from gateway.cli.admin_client import ask
from gateway.cli.output import json_option, write_json
from gateway.config import Configuration, load
from gateway.config.sentences import did_you_mean
from gateway.errors import GatewayError, UsageError
from gateway.fields import store
from gateway.fields.listing import Listing, places
from gateway.fields.table import State
from gateway.jsonl.files import cause
from gateway.pipeline.fields import FieldRules
from gateway.process.data_dir_lock import TakenError, claimed, is_claimed

EXAMPLE = "gateway fields accept --event 'Signed Up' /properties/plan"

_API = "/api/fields"
_STATES: Final = ("new", "known", "accepted", "dropped")
_DECISIONS: Final[Mapping[str, State]] = {"accept": "accepted", "drop": "dropped"}
_BECOMES: Final = {
    "keep": "they leave, and are counted",
    "hold": "each is taken out until somebody accepts it",
    "drop": "each is taken out",
}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "verb", nargs="?", choices=["list", *_DECISIONS], default="list",
        help="accept: they leave from now on; drop: they are taken out from now on",
    )  # fmt: skip
    parser.add_argument("pointers", nargs="*", metavar="POINTER", help="as the list shows them")
    parser.add_argument("--event", metavar="NAME", help="only of this event, as the list shows it")
    parser.add_argument("--protocol", metavar="NAME", help="only of this protocol")
    parser.add_argument("--state", choices=_STATES, help="only those (default of list: all)")
    parser.add_argument("--all", action="store_true", help="every new field that the rest selects")
    json_option(parser)


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Raises UsageError, ConfigurationError, AskingError or GatewayError."""
    configuration = load(given.config, environment)
    if given.verb == "list":
        listing = _listing(configuration)
        found = _chosen(listing, given)
        if given.json:
            write_json({**listing.as_json(), "fields": found}, out)
        else:
            print("\n".join(_lines(listing, found)), file=out)
        return 0
    if bool(given.pointers) == given.all:
        raise UsageError("name the pointers, or say --all for every new field that is selected")
    if given.pointers and not given.event:
        raise UsageError("say of which event with --event; `gateway fields` lists them")
    return _decide(configuration, given, out)


def _decide(configuration: Configuration, given: argparse.Namespace, out: TextIO) -> int:
    listing = _listing(configuration)
    if given.all and not given.state:
        given.state = "new"
    chosen = _chosen(listing, given)
    state = _DECISIONS[given.verb]
    if chosen:
        try:
            with claimed(configuration.gateway.data_dir):
                table = store.read(configuration.gateway.data_dir, time.time())
                table.judge(places(chosen), state)
                store.write(configuration.gateway.data_dir, table)
        except TakenError:
            ask(configuration, "POST", _API, {"state": state, "fields": chosen})
        except OSError as error:
            raise GatewayError(f"nothing has changed: {cause(error)}") from None
    if given.json:
        write_json({"state": state, "fields": [{**one, "state": state} for one in chosen]}, out)
    else:
        print(f"{len(chosen)} field{'s' * (len(chosen) != 1)} {state}", file=out)
    return 0


def _listing(configuration: Configuration) -> Listing:
    gateway = configuration.gateway
    if is_claimed(gateway.data_dir):
        return Listing.from_json(ask(configuration, "GET", _API))
    table = store.read(gateway.data_dir, time.time())
    rules = FieldRules(configuration.policy.new_fields, gateway.fields.learn_for)
    return Listing.of(table, rules)


def _chosen(listing: Listing, given: argparse.Namespace) -> list[dict[str, Any]]:
    """The fields that the options select. Raises UsageError for a name that no field has."""
    found = _having(listing.fields, "protocol", [given.protocol] if given.protocol else [])
    found = _having(found, "event", [given.event] if given.event else [])
    found = _having(found, "pointer", given.pointers)
    return [one for one in found if given.state in (None, one["state"])]


def _having(fields: list[dict[str, Any]], key: str, wanted: Iterable[str]) -> list[dict[str, Any]]:
    names = set(wanted)
    known = {one[key] for one in fields}
    for name in sorted(names - known):
        what = {"event": "an event", "protocol": "a protocol", "pointer": "a field"}[key]
        raise UsageError(f"`{name}` is not {what} that was seen{did_you_mean(name, known)}")
    return [one for one in fields if not names or one[key] in names]


def _lines(listing: Listing, found: list[dict[str, Any]]) -> Iterator[str]:
    learns = f"fields become known by being seen until {listing.learning_until}"
    yield f"{learns}; of new ones then: {_BECOMES[listing.new_fields]} (new_fields)"
    if listing.over:
        yield f"{listing.over:,} sightings of further fields were not kept: too many are different"
    if not found:
        yield "No field to show."
    event = None
    for one in found:
        if event != (event := (one["protocol"], one["event"])):
            name = "every event" if one["event"] == "*" else one["event"]
            yield f"\n{name}  ({one['protocol']})"
        shapes = ", ".join(one["shapes"]) or "unknown"
        library = f"  {one['library']}" if one["library"] else ""
        yield f"  {one['state']:<9} {one['count']:>7}  {one['pointer']}  {shapes}"
        yield f"{'':<21}{one['first_seen']} to {one['last_seen']}{library}"
