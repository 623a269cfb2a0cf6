"""The logical events that every client sends: each type, and what is awkward about JSON.

`kept` must arrive as it was meant under the repository's own policy. `planted` is personal and must
be nowhere afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

Message = dict[str, Any]

PLANTED_EMAIL = "anna.planted@example.com"
PLANTED_USER = "customer-planted-4711"
PLANTED = (PLANTED_EMAIL, PLANTED_USER)

AWKWARD = {
    "title": "Zażółć gęślą jaźń — 日本語 🚀",
    "quoted": 'a "quoted" \\ back\tslash <b>&amp;</b>',
    "price": 19.99,
    "count": 0,
    "large": 9007199254740991,
    "negative": -1.5,
    "paid": True,
    "gift": False,
    "coupon": None,
    "nothing": {},
    "none": [],
    "": "an empty key",
    "a.dotted key": 1,
    "basket": {"lines": [{"sku": "A-1", "sizes": ["s", "m"]}, {"sku": "B-2", "sizes": []}]},
    "matrix": [[1, 2], [3, [4, None]]],
}


@dataclass(frozen=True, slots=True)
class Logical:
    """One event as the person in front of the SDK means it."""

    label: str
    message: Message
    kept: Message

    @property
    def type(self) -> str:
        kind: str = self.message["type"]
        return kind

    @property
    def request(self) -> Message:
        return {"label": self.label, **self.message}


def logical(label: str, type_: str, kept: Message | None = None, **more: Any) -> Logical:
    """`kept` are its properties or traits; personal data is planted beside them."""
    message: Message = {"type": type_, "userId": PLANTED_USER, **more}
    if type_ != "alias":
        bag = "traits" if type_ in {"identify", "group"} else "properties"
        message[bag] = {
            **(kept or {}),
            "contact_email": PLANTED_EMAIL,
            "remark": f"please write to {PLANTED_EMAIL} about it",
        }
    return Logical(label, message, kept or {})


def script(run: str) -> list[Logical]:
    """The same for every client; `run` makes the ids that it gives itself unique."""
    return [
        logical("identify", "identify", {"plan": "pro", "seats": 3, "beta": None}),
        logical("track", "track", {"sku": "A-1", "price": 19.99}, event="Basket Filled"),
        logical("awkward", "track", AWKWARD, event="Żółw Kupiony 🐢", messageId=f"{run}-awkward"),
        logical(
            "then",
            "track",
            {"step": 2},
            event="Order Completed",
            timestamp="2026-02-28T12:34:56.789Z",
            messageId=f"{run}-then",
        ),
        logical("long", "track", {"text": "word and word " * 1500}, event="Manual Read"),
        logical("page", "page", {"section": "tents"}, name="Camping", messageId=f"{run}-page"),
        logical("screen", "screen", {"section": "cart"}, name="Cart"),
        logical("group", "group", {"plan": "enterprise", "employees": 329}, groupId="group-9"),
        logical("alias", "alias", previousId="visitor-1", messageId=f"{run}-alias"),
        logical("routed", "track", {"n": 1}, event="Routed", integrations={"Salesforce": False}),
        logical(
            "in context",
            "track",
            {"n": 2},
            event="Set Aside",
            context={"app": {"version": "2.7.1"}},
        ),
    ]


def without_nulls(value: Any) -> Any:
    """What is left for a client that does not send nulls."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def check_arrived(event: Logical, stored: Message, *, nulls: bool = True) -> None:
    """The stored message is the one that was meant, the planted values aside."""
    meant = event.message
    assert stored["type"] == event.type
    for key in ("event", "name", "groupId"):
        if key in meant:
            assert stored[key] == meant[key], event.label

    kept = event.kept if nulls else without_nulls(event.kept)
    bag = stored.get("traits" if event.type in {"identify", "group"} else "properties", {})
    assert {key: bag.get(key, "absent") for key in kept} == kept, event.label

    assert meant.get("integrations", {}).items() <= stored.get("integrations", {}).items()
    for key, value in meant.get("context", {}).items():
        assert stored["context"][key] == value
    if "timestamp" in meant:
        assert instant(stored["originalTimestamp"]) == instant(meant["timestamp"])
        drift = instant(stored["timestamp"]) - instant(meant["timestamp"])
        assert abs(drift.total_seconds()) < 60
