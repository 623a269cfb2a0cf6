"""One event has one plan: the most specific schema that names it, whatever the order of the files.

An exact name wins over a glob, a glob over a pattern, a pattern over the open contract of the
message type; what an event `has` and its `context.protocols.event_version` choose among equals.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import jsonschema_rs

from gateway.config.privacy import Action
from gateway.contract.plan import EventMatch, EventPlan, name_pattern
from gateway.contract.validate import NotExaminableError
from gateway.errors import Mistake
from gateway.event import Message, RawEvent

Annotations = Mapping[str, Sequence[tuple[str, Action]]]
_Levels = tuple[tuple[EventPlan, ...], ...]
_Place = tuple[str, str, str]  # protocol, type, and name, glob or pattern
_Keys = Callable[[EventMatch], Iterable[str]]
_Family = tuple[jsonschema_rs.Validator, tuple[EventPlan, ...]]
_REMEMBERED_NAMES = 4096
_LONGEST_REMEMBERED_NAME = 200


class Catalogue:
    """The plans by name, and the plan of each event."""

    def __init__(
        self,
        plans: Sequence[EventPlan],
        annotations: Annotations,
        notes: Sequence[Mistake] = (),
        digest: str = "",
    ) -> None:
        self.plans: Mapping[str, EventPlan] = MappingProxyType({plan.name: plan for plan in plans})
        self.notes = tuple(notes)
        """What is no mistake, and may not be what its author meant."""
        self.digest = digest
        """Of what all schemas say."""
        self._annotations = annotations
        self._exact = _grouped(plans, lambda match: match.names)
        self._globs = _families(plans, lambda match: match.globs, _glob_pattern)
        self._patterns = _families(
            plans, lambda match: (match.pattern,) if match.pattern else (), str
        )
        self._open = _grouped(
            plans, lambda match: () if match.names or match.globs or match.pattern else ("",)
        )
        self._remembered = lru_cache(_REMEMBERED_NAMES)(self._levels)

    def match(self, raw: RawEvent) -> EventPlan | None:
        """The plan of an event. Raises NotExaminableError where the engine cannot read its name."""
        name = raw.name
        find = (
            self._remembered
            if name is None or len(name) <= _LONGEST_REMEMBERED_NAME
            else self._levels
        )
        for plans in find(raw.protocol, raw.type, name):
            plan = plans[0]
            if len(plans) == 1 and not plan.match.has:
                return plan
            if (chosen := _chosen(plans, raw.message)) is not None:
                return chosen
        return None

    def annotations(self) -> Annotations:
        """The `x-privacy` of each schema: JSON Pointers, with `*` for any item or member."""
        return self._annotations

    def _levels(self, protocol: str, kind: str, name: str | None) -> _Levels:
        """The plans that may be meant, most specific first."""
        levels = []
        if name is not None:
            levels.append(self._exact.get((protocol, kind, name), ()))
            for families in (self._globs, self._patterns):
                try:
                    levels += [
                        plans
                        for pattern, plans in families.get((protocol, kind), ())
                        if pattern.is_valid(name)
                    ]
                except ValueError as error:
                    raise NotExaminableError(type(error).__name__) from None
        levels.append(self._open.get((protocol, kind, ""), ()))
        return tuple(plans for plans in levels if plans)


def _chosen(plans: tuple[EventPlan, ...], message: Message) -> EventPlan | None:
    """Of plans with one claim: what asks for most of what the event has, in its version.

    Segment's rule: `context.protocols.event_version` names the version; without it, or where there
    is no such version, the oldest applies.
    """
    fitting = [plan for plan in plans if plan.match.holds(message)]
    if not fitting:
        return None
    most = max(len(plan.match.has) for plan in fitting)
    fitting = [plan for plan in fitting if len(plan.match.has) == most]
    if len(fitting) == 1:
        return fitting[0]
    wanted = _event_version(message)
    for plan in fitting:
        if plan.version == wanted:
            return plan
    return min(fitting, key=lambda plan: (plan.version, plan.name))


def _event_version(message: Message) -> int | None:
    context = message.get("context")
    protocols = context.get("protocols") if isinstance(context, dict) else None
    version = protocols.get("event_version") if isinstance(protocols, dict) else None
    return version if isinstance(version, int) and not isinstance(version, bool) else None


def _grouped(plans: Sequence[EventPlan], keys: _Keys) -> dict[_Place, tuple[EventPlan, ...]]:
    grouped: defaultdict[_Place, tuple[EventPlan, ...]] = defaultdict(tuple)
    for plan in plans:
        for kind in plan.match.types:
            for key in keys(plan.match):
                grouped[plan.match.protocol, kind, key] += (plan,)
    return dict(grouped)


def _families(
    plans: Sequence[EventPlan], keys: _Keys, pattern_of: Callable[[str], str]
) -> dict[tuple[str, str], tuple[_Family, ...]]:
    """The plans whose names are open, by protocol and type: most literal characters first."""
    families: defaultdict[tuple[str, str], list[tuple[str, tuple[EventPlan, ...]]]] = defaultdict(
        list
    )
    for (protocol, kind, key), group in _grouped(plans, keys).items():
        families[protocol, kind].append((key, group))
    return {
        place: tuple(
            (name_pattern(pattern_of(key)), group)
            for key, group in sorted(family, key=lambda entry: (-_literals(entry[0]), entry[0]))
        )
        for place, family in families.items()
    }


def _literals(glob: str) -> int:
    return len(glob) - glob.count("*") - glob.count("?")


def _glob_pattern(glob: str) -> str:
    wild = {"*": r"[\s\S]*", "?": r"[\s\S]"}
    return "".join(wild.get(letter, re.escape(letter)) for letter in glob)
