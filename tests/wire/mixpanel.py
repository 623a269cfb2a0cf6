"""The same logical calls for every Mixpanel SDK, and what the project must hold in the end.

`meant` is written with the ids that the app uses, and without what the policy takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.mixpanel import Record
from tests.wire.script import AWKWARD, PLANTED_EMAIL

GIVEN = {"contact_email": PLANTED_EMAIL, "remark": f"please write to {PLANTED_EMAIL} about it"}
LEFT = {"remark": "please write to [email] about it"}
NEW_YEAR = 1_704_067_200  # 2024, far more than five days ago
LEGAL_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
BULK = 120  # more than two batches of any SDK


@dataclass(frozen=True, slots=True)
class People:
    """Whom one run is about. The customer's id is an e-mail address."""

    customer: str
    visitor: str
    company: str

    @classmethod
    def of(cls, run: str) -> People:
        return cls(f"{run}.{PLANTED_EMAIL}", f"visitor-{run}-planted-4711", f"acme-{run}")

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.customer, self.visitor, PLANTED_EMAIL


@dataclass(frozen=True, slots=True)
class Step:
    """One call of an SDK, as its program in tests/clients takes it, and the records it means."""

    label: str
    call: Record
    meant: tuple[Record, ...]

    @property
    def request(self) -> Record:
        return {"label": self.label, **self.call}


def script(people: People) -> list[Step]:
    customer, visitor = people.customer, people.visitor
    return [
        _event("visits", visitor, "Basket Filled", {"sku": "A-1", "price": 19.99}),
        _event("awkward", customer, "Żółw Kupiony 🐢", AWKWARD),
        _event("long", customer, "Manual Read", {"text": "word and word " * 300}),
        _event("then", customer, "Order Completed", {"step": 2}, time=NEW_YEAR),
        _event("merged", customer, "$merge", {"$distinct_ids": [customer, visitor]}, time=NEW_YEAR),
        _alias("alias", customer, visitor),
        _bulk("track bulk", customer, {}),
        _bulk("import bulk", customer, {"time": NEW_YEAR + 1}),
        *(_update("people", {"who": customer}, *change) for change in PEOPLE),
        _charge(customer),
        *(_update("groups", {"group": ["company", people.company]}, *change) for change in GROUPS),
    ]


PEOPLE: tuple[tuple[str, Any, Any], ...] = (
    ("$set", {"plan": "pro", "$name": "Anna Planted", **GIVEN}, {"plan": "pro", **LEFT}),
    ("$set_once", {"first_seen": "2026-01-01"}, {"first_seen": "2026-01-01"}),
    ("$add", {"logins": 2, "credits": -5}, {"logins": 2, "credits": -5}),
    ("$append", {"visited": "tents"}, {"visited": "tents"}),
    ("$union", {"badges": ["a", "b"]}, {"badges": ["a", "b"]}),
    ("$remove", {"badges": "a"}, {"badges": "a"}),
    ("$unset", ["plan"], ["plan"]),
    ("$delete", None, None),
)  # fmt: skip
"""Operation, what the app says, and what is left of it."""
GROUPS: tuple[tuple[str, Any, Any], ...] = (
    ("$set", {"tier": "gold", **GIVEN}, {"tier": "gold", **LEFT}),
    ("$set_once", {"since": 2019}, {"since": 2019}),
    ("$union", {"regions": ["eu"]}, {"regions": ["eu"]}),
    ("$remove", {"regions": "eu"}, {"regions": "eu"}),
    ("$unset", ["tier"], ["tier"]),
    ("$delete", None, None),
)  # fmt: skip


def _event(label: str, who: str, event: str, kept: Record, time: int | None = None) -> Step:
    labelled = {**kept, "label": label}
    call: Record = {"do": "track", "who": who, "event": event, "properties": {**labelled, **GIVEN}}
    meant: Record = {"distinct_id": who, **labelled, **LEFT}
    if time is not None:
        call |= {"do": "import", "time": time}
        meant["time"] = time
    return Step(label, call, ({"event": event, "properties": meant},))


def _bulk(do: str, who: str, timed: Record) -> Step:
    events = [
        {"who": who, "event": "Streamed", "properties": {"n": n, "label": do}, **timed}
        for n in range(BULK)
    ]
    meant = tuple(
        {"event": "Streamed", "properties": {"distinct_id": who, **one["properties"], **timed}}
        for one in events
    )
    return Step(do, {"do": do, "events": events}, meant)


def _alias(label: str, who: str, former: str) -> Step:
    joined = {"distinct_id": former, "alias": who}
    meant = {"event": "$create_alias", "properties": joined}
    return Step(label, {"do": "alias", "who": who, "former": former}, (meant,))


def _update(do: str, about: Record, operation: str, given: Any, left: Any) -> Step:
    call = {"do": do, **about, "operation": operation, "value": given}
    if do == "people":
        whose = {"$distinct_id": about["who"]}
    else:
        whose = dict(zip(("$group_key", "$group_id"), about["group"], strict=True))
    return Step(f"{do} {operation}", call, ({**whose, operation: left},))


def _charge(who: str) -> Step:
    meant = {"$distinct_id": who, "$append": {"$transactions": {"$amount": 29.99}}}
    return Step("charge", {"do": "charge", "who": who, "value": 29.99}, (meant,))


def bare(record: Record, added: Mapping[str, Any]) -> Record:
    """A stored record without what the SDK, the gateway and Mixpanel's API add to it.

    What they add has to be right; what an operation `$delete` says beside its name is nobody's.
    """
    if "properties" not in record:
        rest = {key: value for key, value in record.items() if key != "$time"}
        if charge := rest.get("$append", {}).get("$transactions"):
            charge.pop("$time", None)
        return rest | {"$delete": None} if "$delete" in rest else rest
    properties = dict(record["properties"])
    assert LEGAL_ID.fullmatch(properties.pop("$insert_id"))
    if record["event"] != "$create_alias":
        assert properties.pop("ip") == 0
        if properties["time"] not in (NEW_YEAR, NEW_YEAR + 1):
            assert properties.pop("time") > NEW_YEAR
    for key, value in added.items():
        assert properties.pop(key, value) == value
    return {**record, "properties": properties}


def as_people(meant: Iterable[Record], names: Mapping[str, str]) -> list[Record]:
    """The records with another name for each person."""

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: named(member) for key, member in value.items()}
        if isinstance(value, list):
            return [named(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    return [named(record) for record in meant]


def in_order(records: Iterable[Record]) -> list[str]:
    return sorted(json.dumps(record, sort_keys=True, ensure_ascii=False) for record in records)
