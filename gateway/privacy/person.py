"""Who is erased: one person, by all the texts that stand for them in the data folder.

An event is the person's where one of its ids is; elsewhere a mention of the person is blotted out
and the event stays. A text that could mean something else is looked for in the places of ids alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any
from urllib.parse import quote

import orjson

from gateway.event import NO_OVERLAYS, CleanBytes, CleanText, RawEvent, RawMessage, StoredEvent
from gateway.privacy.compiled_policy import CompiledPolicy
from gateway.privacy.overlays import messages_in
from gateway.privacy.person_ids import MAIN, Place, ids_of, spellings
from gateway.privacy.pseudonyms import Domain, Pseudonymizer

BLOT = b"erased"
"""Stands where a mention was: never longer than what it stands for, so that no file grows."""
_UNMISTAKABLE = 6
_LONG = 16


@dataclass(frozen=True, slots=True)
class Person:
    """The texts that stand for a person, as clean events hold them."""

    ids: frozenset[str]
    """Ids that are nobody else's."""
    devices: frozenset[str] = frozenset()
    """Devices that the person used: their events are the person's unless they name another, whose
    device it is as well."""
    pseudonyms: Callable[[str], Iterable[str]] = lambda _text: ()
    """What stands or stood for a text: by it an id is known that an earlier policy, or the rules
    for one destination, kept as it was."""
    nobody: frozenset[str] = frozenset()
    """What joins no two people: ids that stand for nobody, as earlier versions let them be kept."""
    _pattern: re.Pattern[bytes] | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", _pattern(self.ids))

    def owns(self, message: Mapping[str, Any]) -> bool:
        """Whether the event is the person's."""
        found = ids_of(message)
        if any(map(self._is_id, found.all)):
            return True
        return bool(self.devices) and not found.accounts and not self.devices.isdisjoint(found.all)

    def without(self, event: StoredEvent) -> StoredEvent | None:
        """What may stay of an event."""
        if not event.is_readable:
            return None if self._is_in(event.body) else event
        body = self.without_text(event.body)
        views = messages_in(event.overlays)
        if body is None or any(map(self.owns, views)):
            return None
        header = event.header
        blotted = replace(
            header,
            message_id=self._name(header.message_id),
            user=self._name(header.user),
            name=header.name and self._name(header.name),
            pseudonyms=tuple(one for one in header.pseudonyms if not self._is_in(one.encode())),
        )
        is_in_views = self._is_in(event.overlays) or any(map(self._is_mentioned, views))
        overlays = NO_OVERLAYS if is_in_views or body is not event.body else event.overlays
        if body is event.body and blotted == header and overlays is event.overlays:
            return event
        return replace(event, header=blotted, body=CleanBytes(body), overlays=overlays)

    def without_text(self, line: bytes) -> bytes | None:
        """As `without`, for a message as JSON. What is no JSON goes where it holds the person."""
        try:
            message = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None if self._is_in(line) else line
        if isinstance(message, dict) and self.owns(message):
            return None
        return self._blotted(line) if self._is_in(line) else line

    def joined_by(self, message: Mapping[str, Any], domains: Sequence[Domain] = ()) -> Person:
        """The person with what this message joins to them, as it stands in each domain, too."""
        if not self.owns(message):
            return self
        found = ids_of(message)
        ids = found.all - self.ids - self.nobody if found.joins else frozenset()
        devices = found.devices - self.ids - self.devices - ids - self.nobody
        if not (ids or devices):
            return self
        return replace(
            self,
            ids=self.ids | localised(ids, domains),
            devices=self.devices | localised(devices, domains),
        )

    @property
    def all(self) -> frozenset[str]:
        """Every text that stands for the person."""
        return self.ids | self.devices

    def _is_id(self, text: str) -> bool:
        if text in self.ids or ("@" in text and text.lower() in self.ids):
            return True
        return any(token in self.ids for token in self.pseudonyms(text))

    def _is_mentioned(self, value: Any) -> bool:
        """Whether a text in a value is an id of the person."""
        if isinstance(value, str):
            return self._is_id(value)
        if isinstance(value, list):
            return any(map(self._is_mentioned, value))
        return isinstance(value, dict) and any(map(self._is_mentioned, value.values()))

    def _is_in(self, text: bytes) -> bool:
        return self._pattern is not None and self._pattern.search(text) is not None

    def _name(self, text: CleanText) -> CleanText:
        raw = text.encode("utf-8", "surrogatepass")
        return CleanText(self._blotted(raw).decode("utf-8", "surrogatepass"))

    def _blotted(self, text: bytes) -> bytes:
        return self._pattern.sub(BLOT, text) if self._pattern else text


def localised(ids: frozenset[str], domains: Sequence[Domain]) -> frozenset[str]:
    """Ids, and what stands for each in each domain."""
    return ids.union(*({one.of(text) for text in ids} for one in domains))


def _pattern(ids: Iterable[str]) -> re.Pattern[bytes] | None:
    """Finds ids wherever they stand in JSON: long ones anywhere, short ones as a word."""
    long: set[bytes] = set()
    short: set[bytes] = set()
    for text in ids:
        if len(text) >= _LONG or (len(text) >= _UNMISTAKABLE and not text.isalpha()):
            forms = {text, quote(text, safe=""), quote(text, safe="").lower()}
            (long if len(text) >= _LONG else short).update(
                orjson.dumps(form)[1:-1] for form in forms
            )
    parts = [re.escape(one) for one in sorted(long, key=len, reverse=True)]
    if short:
        words = b"|".join(map(re.escape, sorted(short, key=len, reverse=True)))
        parts.append(rb"(?<![0-9A-Za-z])(?:" + words + rb")(?![0-9A-Za-z])")
    has_address = any(b"@" in part for part in parts)
    return re.compile(b"|".join(parts), re.IGNORECASE if has_address else 0) if parts else None


@dataclass(frozen=True, slots=True)
class Known:
    """How events name a person whose ids somebody gave."""

    kept: frozenset[str]
    """The ids that the policy in force lets events keep as they are."""
    tokens: frozenset[str]
    """The pseudonyms that it makes of them, and those that each key of the installation makes."""
    kept_by: Mapping[str, frozenset[str]]
    """The same as `kept`, by destination that has rules of its own."""
    earlier: frozenset[str]
    """The pseudonyms that a policy of another form or spelling made."""

    @property
    def all(self) -> frozenset[str]:
        """As an event may hold them, whatever destination it goes to."""
        return self.tokens.union(self.earlier, self.kept, *self.kept_by.values())

    def at(self, destination: str, domain: Domain) -> frozenset[str]:
        """What a destination calls the person."""
        kept = self.kept_by.get(destination, self.kept)
        return kept | {domain.of(token) for token in self.tokens}


def known(ids: Iterable[str], policy: CompiledPolicy, pseudonymizer: Pseudonymizer) -> Known:
    """Ask the policy itself what it makes of each id in each of the main places of ids."""
    texts = {spelt for one in ids for spelt in spellings(one)}
    tokens = {token for text in texts for token in pseudonymizer.pseudonyms(text)}

    def kept(destination: str | None) -> frozenset[str]:
        found: set[str] = set()
        for text, place in product(texts, MAIN):
            scrubbed = policy.scrub(_probe(place, text), destination=destination)
            tokens.update(scrubbed.pseudonyms)
            found |= ids_of(scrubbed.message).all & spellings(text)
        return frozenset(found)

    for_all, kept_by = kept(None), {name: kept(name) for name in policy.apart}
    earlier = frozenset[str]().union(*map(pseudonymizer.ever, texts))
    return Known(for_all, frozenset(tokens), kept_by, earlier)


def _probe(place: Place, given: str) -> RawEvent:
    """A message with the id in one place."""
    value: Any = given
    for key in reversed(place):
        value = {key: value}
    message: RawMessage = value
    match place[0]:
        case "properties":
            return RawEvent("unknown", "mixpanel", "event", None, message, 0.0)
        case "$distinct_id":
            return RawEvent("unknown", "mixpanel", "people", None, message, 0.0)
    message["type"] = "identify"
    return RawEvent("unknown", "segment", "identify", None, message, 0.0)
