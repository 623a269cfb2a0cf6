"""The address of the person's device is used for what `client_ip` says, and for nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.event import Change, CleanText, Message, RawEvent, RawMessage
from gateway.privacy.scrub.propagate import Needle
from gateway.privacy.scrub.scrub_log import Spot
from gateway.privacy.scrub.truncate import network
from gateway.protocols import PROTOCOLS

Mode = Literal["drop", "truncate", "pseudonymize", "keep"]
RULE = "client_ip"
_NONE = (0, "0", "", "0.0.0.0")  # noqa: S104 (what clients send to be nobody)


@dataclass(slots=True)
class Settled:
    """What came of the address: where it stands now, and what must stand nowhere else."""

    spots: set[Spot] = field(default_factory=set)
    needles: list[Needle] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    tokens: dict[str, CleanText] = field(default_factory=dict)


def settle(
    mode: Mode,
    raw: RawEvent,
    message: RawMessage,
    pseudonym: Callable[[str], CleanText],
    tokens: Collection[str] = (),
) -> Settled:
    """Apply `client_ip` to the message of the event, in place.

    `tokens` are the pseudonyms of an event that was clean once.
    """
    done = Settled()
    given = False
    for place in PROTOCOLS[raw.protocol].addresses:
        holder = _holder(message, place)
        if holder is None or place[-1] not in holder:
            continue
        given = True
        value = holder[place[-1]]
        if mode == "pseudonymize" and isinstance(value, str) and value in tokens:
            done.spots.add((id(holder), place[-1]))
            continue
        _settle(mode, holder, place, pseudonym, done)
    if raw.client_address:
        _hide(raw.client_address, done)
        if not given and mode != "drop":
            _fill(mode, raw, message, pseudonym, done)
    return done


def _settle(
    mode: Mode,
    holder: Message,
    place: tuple[str, ...],
    pseudonym: Callable[[str], CleanText],
    done: Settled,
) -> None:
    key = place[-1]
    value = holder[key]
    if value is None or (not isinstance(value, bool) and value in _NONE):
        done.spots.add((id(holder), key))
        return
    address = _address(value)
    if address is not None:
        _hide(value, done)
    if mode == "keep" and address is not None:
        done.spots.add((id(holder), key))
        return
    if mode == "keep":
        return  # no address: the rules decide
    kind = _kind(address) if address is not None else "string"
    length = len(value) if isinstance(value, str) else 0
    pointer = CleanText("".join(f"/{step}" for step in place))
    if mode == "drop" or address is None:
        del holder[key]
        done.changes.append(Change(pointer, "drop", RULE, kind, length))
        return
    new = _new(mode, address, pseudonym, done)
    done.spots.add((id(holder), key))
    if new != value:
        holder[key] = new
        done.changes.append(Change(pointer, mode, RULE, kind, length))


def _fill(
    mode: Mode,
    raw: RawEvent,
    message: RawMessage,
    pseudonym: Callable[[str], CleanText],
    done: Settled,
) -> None:
    address = _address(raw.client_address)
    place = PROTOCOLS[raw.protocol].address_place(message)
    if address is None or place is None:
        return
    holder: Any = message
    for step in place[:-1]:
        holder = holder.setdefault(step, {})
        if not isinstance(holder, dict):
            return
    holder[place[-1]] = _new(mode, address, pseudonym, done)
    done.spots.add((id(holder), place[-1]))


def _holder(message: Message, place: tuple[str, ...]) -> Message | None:
    holder: Any = message
    for step in place[:-1]:
        holder = holder.get(step)
        if not isinstance(holder, dict):
            return None
    return holder if isinstance(holder, dict) else None


def _new(mode: Mode, address: str, pseudonym: Callable[[str], CleanText], done: Settled) -> str:
    if mode == "truncate":
        return network(address) or f"[{_kind(address)}]"
    if mode == "pseudonymize":
        done.tokens[address] = pseudonym(address)
        return done.tokens[address]
    return address


def _hide(address: str, done: Settled) -> None:
    kind = _kind(address)
    if all(needle.value != address for needle in done.needles) and address not in _NONE:
        done.needles.append(Needle(address, f"[{kind}]", "mask", RULE, kind))


def _address(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        return None
    return value


def _kind(address: str) -> str:
    return "ipv6" if ":" in address else "ipv4"
