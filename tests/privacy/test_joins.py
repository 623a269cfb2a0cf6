"""After a rotation an alias joins a person's pseudonyms, once, where the policy says so."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cli import check
from gateway.config import load
from gateway.config.model import Schemas
from gateway.event import CleanEvent, RawEvent, RawMessage, Reason
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.joining import joined
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer, keys
from gateway.privacy.pseudonyms import lasting_labels
from tests.erasure.people import (
    ANN,
    BEN,
    POLICY,
    VISITOR,
    command,
    gateway_of,
    send,
    settled,
    status,
    track,
)
from tests.fakes import vendor
from tests.fakes.segment import FakeSegment
from tests.telemetry.conftest import gateway_command
from tests.wire.running import ROOT, Gateway

JOINING = f"pseudonyms: {{join_after_rotation: 30d}}\n{POLICY}"
LABELS = lasting_labels(["local", "segment", "mixpanel", "quarantine/"])
DAY = "2026-11-25"
NOON = 1795608000.0  # of that day
CLEO = "cleo-4713"


def aliases(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == "alias"]


async def keys_command(gateway: Gateway, *words: str) -> None:
    answer = await gateway_command(gateway.folder, "keys", *words, "--config", "gateway.yaml")
    assert answer.code == 0, answer.error


async def test_each_person_is_joined_once_in_each_destinations_pseudonyms(tmp_path: Path) -> None:
    async with (
        vendor.running(FakeSegment()) as segment,
        gateway_of(
            tmp_path, JOINING, segment={"write_key": segment.write_key, "host": segment.url}
        ) as gateway,
    ):
        people = (ANN, BEN)
        assert await send(gateway, [track(user, 0) for user in people]) == 200
        await settled(gateway, "segment")
        before = {one["messageId"]: one["userId"] for one in segment.messages}
        assert aliases(gateway.events()) == []

        await keys_command(gateway, "rotate")
        sent = [
            send(gateway, [track(user, n) for user in people] + [track(ANN, 100 + n)])
            for n in range(1, 9)
        ]
        visit = [track("", 1, anonymousId=VISITOR, userId=None)]
        assert {*await asyncio.gather(*sent, send(gateway, visit))} == {200}
        await settled(gateway, "segment")
        await settled(gateway, "local")

        after = {one["messageId"]: one.get("userId") for one in segment.messages}
        joins = aliases(segment.messages)
        assert {(one["previousId"], one["userId"]) for one in joins} == {
            (before[f"m-{name}-0"], after[f"m-{name}-1"]) for name in ("ann", "ben")
        }
        own = aliases(gateway.events())
        assert len(joins) == len(own) == 2
        assert {*segment.copies.values()} == {1}
        assert {one["messageId"] for one in own} == {one["messageId"] for one in joins}
        theirs = {one[key] for one in joins for key in ("previousId", "userId")}
        assert not theirs & {one[key] for one in own for key in ("previousId", "userId")}
        assert set(own[0]) == {
            "type", "messageId", "timestamp", "previousId", "userId", "context"
        }  # fmt: skip
        assert own[0]["timestamp"].endswith("T00:00:00.000Z")
        assert set(own[0]["context"]) == {"library"}
        assert (await status(gateway))["received"] == {"shop": 2 + 8 * 3 + 1 + 2}

        await gateway.kill()
        await gateway.start()
        assert await send(gateway, [track(user, 50) for user in people]) == 200
        await gateway.wait_for(["m-ann-50", "m-ben-50"])
        await settled(gateway, "local")
        assert len(aliases(gateway.events())) == 2
        for raw in (*people, VISITOR):
            assert gateway.files_with(raw) == []

        code, [receipt] = await command(tmp_path, "--user", ANN)
        assert receipt["erased"]["files"]["events"] == 1 + 8 * 2 + 1 + 1, (code, receipt)
        assert len(aliases(gateway.events())) == 1

        await keys_command(gateway, "forget", "--old")
        assert await send(gateway, [track(CLEO, 1)]) == 200
        await gateway.wait_for(["m-cle-1"])
        await settled(gateway, "local")
        assert len(aliases(gateway.events())) == 1


@pytest.mark.parametrize(
    ("policy", "day"),
    [(POLICY, "2100-01-01"), (JOINING, "2020-01-01")],
    ids=["off", "after the window"],
)
async def test_nobody_is_joined_where_it_is_off_or_over(
    tmp_path: Path, policy: str, day: str
) -> None:
    folder = tmp_path / "data" / "keys"
    keys.opened(folder)
    keys.rotated(folder, LABELS, day)
    async with gateway_of(tmp_path, policy) as gateway:
        assert await send(gateway, [track(ANN, 1), track(BEN, 1)]) == 200
        await gateway.wait_for(["m-ann-1", "m-ben-1"])
        await settled(gateway, "local")
        assert aliases(gateway.events()) == []
        assert (await status(gateway))["received"] == {"shop": 2}


def rules_of(folder: Path, *more: dict[str, Any], **destinations: dict[str, Any]) -> Rules:
    """Rules over two keys, the newer one made on DAY."""
    keys.opened(folder / "keys")
    keys.rotated(folder / "keys", LABELS, DAY)
    policy = yaml.safe_load(JOINING)
    policy["rules"] = [*more, *policy["rules"]]
    (folder / "privacy.yaml").write_text(yaml.safe_dump(policy))
    each = {
        name: {"type": "file", "path": name, **settings}
        for name, settings in (destinations or {"local": {}}).items()
    }
    routing = {"destinations": each, "routes": [{"name": "all", "to": [*each]}]}
    (folder / "routing.yaml").write_text(yaml.safe_dump(routing))
    (folder / "gateway.yaml").write_text(
        f"sources: [{{name: shop, write_keys: [k]}}]\nschemas: {{path: {ROOT}/schemas}}\n"
    )
    return compile_rules(
        load(folder / "gateway.yaml", {}), {}, Pseudonymizer.open(folder / "keys", "hex")
    )


def join_of(rules: Rules, at: float = NOON, **message: Any) -> CleanEvent | None:
    protocol: Any = "mixpanel" if "properties" in message else "segment"
    kind, name = ("event", "E") if protocol == "mixpanel" else ("track", "E")
    whole = {"event": "E", "messageId": "m", "type": "track", **message}
    made = joined(decide(RawEvent("shop", protocol, kind, name, whole, at), rules), rules)
    return made.event if made else None


def pair(event: CleanEvent | None) -> tuple[Any, Any] | None:
    return (event.message["previousId"], event.message["userId"]) if event else None


def test_only_accounts_that_are_pseudonyms_as_a_whole_are_joined(tmp_path: Path) -> None:
    mask = {"id": "mask", "match": {"path": "/userId", "type": "page"}, "action": "mask"}
    rules = rules_of(tmp_path, mask)
    now, before = Pseudonymizer.open(tmp_path / "keys", "hex").pseudonyms(ANN)
    assert pair(join_of(rules, userId=ANN)) == (before, now)
    assert pair(join_of(rules, properties={"distinct_id": ANN})) == (before, now)
    assert pair(join_of(rules, properties={"distinct_id": "x", "$user_id": ANN})) == (before, now)
    mail, spelt = ("ann@example.com", " Ann@Example.COM ")
    assert pair(join_of(rules, userId=mail)) == pair(join_of(rules, userId=spelt))
    assert join_of(rules, anonymousId=VISITOR) is None
    assert join_of(rules, groupId=ANN) is None
    assert join_of(rules, properties={"distinct_id": f"$device:{VISITOR}"}) is None
    same = {"distinct_id": VISITOR, "$device_id": VISITOR}
    assert join_of(rules, properties=same) is None
    page: RawMessage = {"type": "page", "name": "P", "messageId": "m", "userId": ANN}
    masked = decide(RawEvent("shop", "segment", "page", "P", page, NOON), rules)
    assert masked.event is not None
    assert joined(masked, rules) is None


def test_the_window_ends_so_long_after_the_day_of_the_key(tmp_path: Path) -> None:
    rules = rules_of(tmp_path)
    end = NOON + 86400 / 2 + 30 * 86400
    assert join_of(rules, at=end - 1, userId=ANN) is not None
    assert join_of(rules, at=end, userId=ANN) is None


def test_who_is_turned_away_or_quarantined_is_not_joined(tmp_path: Path) -> None:
    rules = rules_of(tmp_path)
    enabled = {**rules.switches.enabled, "optional": False}
    off = replace(rules, switches=replace(rules.switches, enabled=enabled))
    assert join_of(off, userId=ANN) is None
    held = replace(rules, schemas=Schemas(unplanned_events="quarantine"))
    assert join_of(held, userId=ANN) is None


def test_an_alias_goes_nowhere_where_the_ids_of_the_event_may_not(tmp_path: Path) -> None:
    """Not past the person's consent, nor past a rule for one destination or for all."""
    drop = {"id": "d", "match": {"path": "/userId", "destination": "strict"}, "action": "drop"}
    keep = {"id": "k", "match": {"path": "/userId", "destination": "knows"}, "action": "keep"}
    rules = rules_of(tmp_path, drop, keep, local={}, strict={}, knows={}, asks={"consent": ["ads"]})
    consent = {"categoryPreferences": {"ads": False}}
    event = join_of(rules, userId=ANN, context={"consent": consent}, integrations={})
    assert event is not None
    assert event.header.to == ("local",)
    assert event.header.filtered == {
        "strict": Reason.INCOMPLETE, "knows": Reason.INCOMPLETE, "asks": Reason.CONSENT
    }  # fmt: skip
    assert set(event.header.pseudonyms) == set(pair(event) or ())
    assert ANN not in json.dumps(event.message)


def test_no_alias_is_made_where_the_policy_drops_one_of_its_ids(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, {"id": "d", "match": {"path": "/previousId"}, "action": "drop"})
    assert join_of(rules, userId=ANN) is None


def test_check_shows_that_persons_are_joined(tmp_path: Path) -> None:
    rules_of(tmp_path)
    out = io.StringIO()
    assert check.run(argparse.Namespace(config=tmp_path / "gateway.yaml"), {}, out) == 0
    assert "joined by an alias for 30 days after a rotation" in out.getvalue()
