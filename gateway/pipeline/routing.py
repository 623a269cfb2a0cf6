"""Every destination is named for every event: it gets the event, or there is one reason why not.

Routes add destinations. On top, the event has its say: `context.consent.categoryPreferences` first,
then the `integrations` object, as Segment evaluates them; then what a browser sent by itself.

Of `integrations` only what names this destination counts. `All` speaks of the tools behind the
vendor: Segment's own sources get every event, whatever it says. docs/integrations.md has the table.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.config import destination_types
from gateway.config.routing import Common, Routing
from gateway.event import CleanMessage, CleanText, Protocol, Reason, TelemetryClass
from gateway.globs import compile_globs

_ALL_USERS = 1 << 64


@dataclass(frozen=True, slots=True)
class RoutingFacts:
    """What a route may look at."""

    source: str
    protocol: Protocol
    type: str
    name: CleanText | None
    schema: str
    telemetry_class: TelemetryClass
    user: CleanText


@dataclass(frozen=True, slots=True)
class _Destination:
    name: str
    called: tuple[str, ...]  # by `integration`, or else its usual names
    consent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Route:
    classes: frozenset[str]
    protocols: frozenset[str]
    types: frozenset[str]
    sources: frozenset[str]
    event: re.Pattern[str] | None
    not_event: re.Pattern[str] | None
    schema: re.Pattern[str] | None
    to: frozenset[str]
    sample: int  # of _ALL_USERS

    def matches(self, facts: RoutingFacts) -> bool:
        return (
            (not self.classes or facts.telemetry_class in self.classes)
            and (not self.protocols or facts.protocol in self.protocols)
            and (not self.types or facts.type in self.types)
            and (not self.sources or facts.source in self.sources)
            and (self.event is None or self.event.fullmatch(facts.name or "") is not None)
            and (self.not_event is None or self.not_event.fullmatch(facts.name or "") is None)
            and (self.schema is None or self.schema.fullmatch(facts.schema) is not None)
        )


@dataclass(frozen=True, slots=True)
class Routes:
    """routing.yaml, compiled."""

    destinations: tuple[_Destination, ...]
    routes: tuple[_Route, ...]

    def lead(
        self, facts: RoutingFacts, message: CleanMessage
    ) -> tuple[tuple[str, ...], Mapping[str, Reason]]:
        """The destinations of a clean message, and for every other one the reason."""
        reached, sampled_out = self._reached(facts)
        integrations = _object(message.get("integrations"))
        preferences = _preferences(message)
        bundled = _bundled(message)
        to: list[str] = []
        filtered: dict[str, Reason] = {}
        for destination in self.destinations:
            name = destination.name
            if name not in reached:
                filtered[name] = Reason.SAMPLED_OUT if name in sampled_out else Reason.NO_ROUTE
            elif not _consents(destination, preferences):
                filtered[name] = Reason.CONSENT
            elif not _integrates(destination, integrations):
                filtered[name] = Reason.INTEGRATIONS
            elif not bundled.isdisjoint(destination.called):
                filtered[name] = Reason.BUNDLED
            else:
                to.append(name)
        return tuple(to), filtered

    def _reached(self, facts: RoutingFacts) -> tuple[set[str], set[str]]:
        reached: set[str] = set()
        sampled_out: set[str] = set()
        for route in self.routes:
            if route.matches(facts):
                inside = route.sample >= _ALL_USERS or _place(facts.user) < route.sample
                (reached if inside else sampled_out).update(route.to)
        return reached, sampled_out


def compile_routes(routing: Routing) -> Routes:
    return Routes(
        destinations=tuple(
            _Destination(
                name,
                _called(settings),
                settings.consent,
            )
            for name, settings in routing.destinations.items()
        ),
        routes=tuple(
            _Route(
                classes=frozenset(route.match.telemetry_class),
                protocols=frozenset(route.match.protocol),
                types=frozenset(route.match.type),
                sources=frozenset(route.match.source),
                event=compile_globs(route.match.event),
                not_event=compile_globs(route.match.not_event),
                schema=compile_globs(route.match.schema_),
                to=frozenset(route.to),
                sample=int(route.sample * _ALL_USERS),
            )
            for route in routing.routes
        ),
    )


def _called(settings: Common) -> tuple[str, ...]:
    """What `integrations` objects call a destination, beside its name in routing.yaml."""
    if settings.integration:
        return (settings.integration,)
    usual: tuple[str, ...] = destination_types.declared(settings.type).integration
    return usual


def _place(user: str) -> int:
    """Where a user stands among all users: the same for every route and every run."""
    return int.from_bytes(hashlib.blake2b(user.encode(), digest_size=8).digest(), "big")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _preferences(message: CleanMessage) -> Mapping[str, Any] | None:
    """The person's choices; None where the event does not speak of consent."""
    consent = _object(message.get("context")).get("consent")
    if not isinstance(consent, dict):
        return None
    return _object(consent.get("categoryPreferences"))


def _consents(destination: _Destination, preferences: Mapping[str, Any] | None) -> bool:
    """Segment: without a consent object nothing is enforced; with one, silence means no."""
    if preferences is None:
        return True
    return all(preferences.get(category) is True for category in destination.consent)


def _integrates(destination: _Destination, integrations: Mapping[str, Any]) -> bool:
    """The name in routing.yaml says more than a name that it shares with others of its kind.

    Only `false` switches it off: an object of options means yes, and null says nothing.
    """
    for name in (destination.name, *destination.called):
        said = integrations.get(name)
        if said is not None:
            return said is not False
    return True


def _bundled(message: CleanMessage) -> frozenset[str]:
    """What analytics.js served from the browser; `Segment.io` is how the event came here."""
    names = _object(message.get("_metadata")).get("bundled")
    if not isinstance(names, list):
        return frozenset()
    return frozenset(name for name in names if isinstance(name, str)) - {"Segment.io"}
