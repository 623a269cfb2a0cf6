"""The commands as a person types them: their words and exit codes; none of them sends anything."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway.cli import audit
from tests.wire.running import ROOT, WRITE_KEY, Gateway, running, until

SECRET = "ada.lovelace@mail.example"
EVENT = {
    "type": "track",
    "event": "Signed Up",
    "userId": "user-1",
    "messageId": "m-1",
    "properties": {"plan": "pro", "email": SECRET, "note": f"write to {SECRET}"},
}


def gateway(
    *arguments: str, folder: Path, given: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The `gateway` command in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        cwd=folder,
        input=given,
        env=os.environ | environment,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration of its own, as a newcomer would copy it."""
    for name in ("gateway.yaml", "privacy.yaml", "routing.yaml"):
        text = (ROOT / "config" / name).read_text().replace("../schemas", str(ROOT / "schemas"))
        (tmp_path / "config").mkdir(exist_ok=True)
        (tmp_path / "config" / name).write_text(text)
    return tmp_path


def explained(folder: Path, event: Any, *arguments: str) -> Any:
    done = gateway("explain", "--json", *arguments, folder=folder, given=json.dumps(event).encode())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_check_says_what_is_in_force(folder: Path) -> None:
    done = gateway("check", folder=folder)
    assert done.returncode == 0
    assert b"The configuration is good." in done.stdout
    assert b"every example valid" in done.stdout
    assert not (folder / "data").exists()


def test_check_prints_notes_and_is_content(folder: Path) -> None:
    schemas = folder / "schemas"
    schemas.mkdir()
    plan = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://shop.example/order.json",
        "x-telemetry": {
            "class": "optional",
            "match": {"protocol": "segment", "type": "track", "event": "Order Paid"},
        },
    }
    (schemas / "order.schema.json").write_text(json.dumps(plan, indent=1))
    config = folder / "config" / "gateway.yaml"
    config.write_text(config.read_text().replace(str(ROOT / "schemas"), str(schemas)))
    done = gateway("check", folder=folder)
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stdout.decode().splitlines() if line.startswith("note ")]
    assert any("order.schema.json:3: `$id` is not needed" in note for note in notes)
    assert any("a `description` is missing" in note for note in notes)
    assert any("`examples` is missing" in note for note in notes)
    assert b"The configuration is good." in done.stdout


def test_check_tells_every_mistake_and_exits_78(folder: Path) -> None:
    schemas = folder / "schemas"
    schemas.mkdir()
    (schemas / "bad.schema.json").write_text('{"title": }')
    config = folder / "config" / "gateway.yaml"
    config.write_text(config.read_text().replace(str(ROOT / "schemas"), str(schemas)))
    policy = folder / "config" / "privacy.yaml"
    policy.write_text("rules:\n  - id: a\n    match: {kind: [emial]}\n    action: mask\n")
    done = gateway("check", folder=folder)
    assert done.returncode == 78
    lines = done.stderr.decode().splitlines()
    assert any("bad.schema.json:1:" in line for line in lines)
    assert any("privacy.yaml:3:" in line and "email" in line for line in lines)
    assert b"Traceback" not in done.stderr


def test_run_refuses_a_wrong_configuration_with_78(folder: Path) -> None:
    config = folder / "config" / "gateway.yaml"
    config.write_text("unkown: 1\n")
    done = gateway("run", folder=folder)
    assert done.returncode == 78
    assert b"gateway.yaml:1: `unkown` is not a setting here" in done.stderr
    assert not (folder / "data").exists()


def test_a_wrong_usage_exits_2(folder: Path) -> None:
    assert gateway("chekc", folder=folder).returncode == 2
    assert gateway("audit", "--since", "yesterday-ish", folder=folder).returncode == 2


def test_every_command_helps_with_an_example(folder: Path) -> None:
    for command in ("run", "check", "explain", "audit", "dead-letters", "doctor"):
        done = gateway(command, "--help", folder=folder)
        assert done.returncode == 0
        assert f"example: gateway {command}".encode() in done.stdout


def test_explain_shows_the_fate_and_leaves_nothing_behind(folder: Path) -> None:
    fate = explained(folder, EVENT)
    assert fate["outcome"] == "accepted"
    assert fate["schema"] == "segment/track"
    assert {change["pointer"] for change in fate["changes"]} >= {
        "/userId",
        "/properties/email",
        "/properties/note",
    }
    (request,) = fate["destinations"]["local"]["requests"]
    assert request["method"] == "APPEND"
    assert request["body"]["properties"]["plan"] == "pro"
    assert SECRET not in json.dumps(fate)
    assert not (folder / "data").exists()


def test_explain_reads_a_batch_and_tells_what_is_refused(folder: Path) -> None:
    fates = explained(folder, {"batch": [EVENT, "no object", {**EVENT, "type": "nonsense"}]})
    assert [fate["outcome"] for fate in fates] == ["rejected", "rejected", "accepted"]
    assert {fate["reason"] for fate in fates[:2]} == {"not_an_object", "unknown_type"}


def test_explain_speaks_to_people_too(folder: Path) -> None:
    (folder / "event.json").write_text(json.dumps(EVENT))
    done = gateway("explain", "event.json", "--source", "demo", folder=folder)
    text = done.stdout.decode()
    assert text.startswith("track Signed Up, from demo: accepted\n")
    assert "to local: APPEND" in text
    assert SECRET not in text


def test_explain_names_a_source_that_was_meant(folder: Path) -> None:
    done = gateway("explain", "--source", "dmo", folder=folder, given=b"{}")
    assert done.returncode == 1
    assert b"did you mean `demo`?" in done.stderr


def test_explain_says_when_there_is_no_such_file(folder: Path) -> None:
    done = gateway("explain", "nothing.json", folder=folder)
    assert (done.returncode, done.stderr) == (
        1,
        b"gateway: nothing.json: No such file or directory\n",
    )
    done = gateway("explain", "-", folder=folder, given=json.dumps(EVENT).encode())
    assert done.returncode == 0


def test_explain_does_not_quote_what_it_cannot_read(folder: Path) -> None:
    done = gateway("explain", folder=folder, given=f'{{"email": "{SECRET}"'.encode())
    assert done.returncode == 1
    assert SECRET.encode() not in done.stderr + done.stdout
    assert b"cannot be read" in done.stderr


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"event": "Signed Up", "properties": {"distinct_id": SECRET, "plan": "pro"}}, "event"),
        ([{"event": "Signed Up", "properties": {"token": "demo-write-key"}}], "event"),
        ({"$distinct_id": "u1", "$set": {"$email": SECRET}}, "people"),
        ({"$group_key": "company", "$group_id": "acme", "$set": {"size": 3}}, "groups"),
    ],
)
def test_explain_reads_what_mixpanels_sdks_write(folder: Path, given: Any, kind: str) -> None:
    fate = explained(folder, given)
    assert (fate["outcome"], fate["protocol"], fate["type"]) == ("accepted", "mixpanel", kind)
    assert SECRET not in json.dumps(fate)


@pytest.mark.parametrize(
    ("given", "reason", "kind"),
    [
        ({"usageData": [{"user": SECRET, "viewMode": True}], "message": "m"}, None, "usage_report"),
        ({"viewMode": True, "anonymousUserId": SECRET}, "not_paying", "usage_pulse"),
    ],
)
def test_explain_reads_what_appsmith_counts_people_with(
    folder: Path, given: Any, reason: str | None, kind: str
) -> None:
    fate = explained(folder, given)
    assert (fate["reason"], fate["type"]) == (reason, kind)
    assert SECRET not in json.dumps(fate)


def test_explain_shows_what_each_vendor_would_get_but_not_the_keys(folder: Path) -> None:
    (folder / "config" / "routing.yaml").write_text(
        "destinations:\n"
        "  segment: {type: segment, write_key: vendor-key-1}\n"
        "  mixpanel: {type: mixpanel, token: vendor-key-2}\n"
        "routes: [{name: all, to: [segment, mixpanel]}]\n"
    )
    fate = explained(folder, EVENT)
    (to_segment,) = fate["destinations"]["segment"]["requests"]
    assert to_segment["url"] == "https://api.segment.io/v1/batch"
    assert to_segment["body"]["batch"][0]["event"] == "Signed Up"
    (to_mixpanel,) = fate["destinations"]["mixpanel"]["requests"]
    assert to_mixpanel["body"][0]["event"] == "Signed Up"
    assert "vendor-key" not in json.dumps(fate)
    users = (
        to_segment["body"]["batch"][0]["userId"],
        to_mixpanel["body"][0]["properties"]["$user_id"],
    )
    assert len({*users, "user-1"}) == 3


def test_explain_names_the_part_of_an_event_that_a_vendor_would_refuse(folder: Path) -> None:
    (folder / "config" / "routing.yaml").write_text(
        "destinations: {mixpanel: {type: mixpanel, token: t, increments: true}}\n"
        "routes: [{name: all, to: [mixpanel]}]\n"
    )
    event = {**EVENT, "properties": {"increment": {"logins": "many"}}}
    delivery = explained(folder, event)["destinations"]["mixpanel"]
    assert len(delivery["requests"]) == 1
    assert delivery["left_out"]["$add"]["filtered"] == "incomplete"
    done = gateway("explain", folder=folder, given=json.dumps(event).encode())
    assert b"to mixpanel: $add is not sent, incomplete: " in done.stdout


async def send(gateway: Gateway, *events: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session:
        body = {"batch": events, "writeKey": WRITE_KEY}
        async with session.post(f"{gateway.url}/v1/batch", json=body) as answer:
            assert answer.status == 200


async def test_explain_promises_what_the_server_does(tmp_path: Path) -> None:
    """The same event, explained with the same key: the file holds the very line."""
    async with running(tmp_path) as running_gateway:
        await send(running_gateway, EVENT)
        (stored,) = (await running_gateway.wait_for(["m-1"]))["m-1"]
        arguments = ("--config", str(tmp_path / "gateway.yaml"))
        fate = explained(tmp_path, EVENT, *arguments)
    (request,) = fate["destinations"]["local"]["requests"]
    clocks = {"timestamp", "originalTimestamp", "receivedAt"}
    promised = {key: value for key, value in request["body"].items() if key not in clocks}
    assert promised == {key: value for key, value in stored.items() if key not in clocks}


async def test_audit_answers_what_was_removed(tmp_path: Path) -> None:
    async with running(tmp_path) as running_gateway:
        await send(running_gateway, EVENT, {**EVENT, "messageId": "m-2", "event": "Left"})
        folder = running_gateway.data / "audit"

        def lines() -> int:
            return sum(file.read_bytes().count(b"\n") for file in folder.glob("*.jsonl"))

        await until(lambda: lines() == 2, 10, lambda: "no audit")
    arguments = ("--config", str(tmp_path / "gateway.yaml"), "--json", "--since", "1d")
    done = gateway("audit", *arguments, folder=tmp_path)
    totals = json.loads(done.stdout)
    assert totals["events"] == 2
    assert totals["by_event"].keys() == {"Signed Up", "Left"}
    assert {rule["rule"] for rule in totals["by_rule"]} >= {"user-ids"}
    assert totals["by_path"]["/properties/email"] == 2
    only = gateway("audit", *arguments, "--event", "Le*", folder=tmp_path)
    assert json.loads(only.stdout)["events"] == 1
    assert SECRET.encode() not in done.stdout


def test_audit_of_nothing_says_so(tmp_path: Path) -> None:
    out = io.StringIO()
    assert audit.show(tmp_path, audit.AuditFilter(), as_json=False, follow=False, out=out) == 0
    assert out.getvalue() == "Nothing was removed or refused.\n"


def test_audit_leaves_a_line_that_is_being_written_for_later(tmp_path: Path) -> None:
    whole = {
        "time": "2026-11-23T00:00:00.000Z",
        "type": "track",
        "event": "E",
        "outcome": "accepted",
    }
    whole["changes"] = [  # type: ignore[assignment]  # the other values are text
        {"pointer": "/a/0/b", "action": "drop", "rule": "r", "kind": "string", "length": 3}
    ]
    (tmp_path / "a.jsonl").write_text(json.dumps(whole) + '\n{"time": "2026')
    out = io.StringIO()
    audit.show(tmp_path, audit.AuditFilter(), as_json=True, follow=False, out=out)
    assert json.loads(out.getvalue())["by_path"] == {"/a/*/b": 1}


def test_two_gateways_do_not_share_a_folder(tmp_path: Path) -> None:
    config = {
        "listen": "127.0.0.1:0",
        "admin": {"listen": "127.0.0.1:0"},
        "data_dir": str(tmp_path / "data"),
        "sources": [{"name": "shop", "write_keys": ["k"]}],
        "schemas": {"path": str(ROOT / "schemas")},
        "policy": str(ROOT / "config" / "privacy.yaml"),
        "routing": str(ROOT / "config" / "routing.yaml"),
    }
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "gateway.cli.main", "run", "--config", "gateway.yaml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline().startswith(b"SDKs send to")
        second = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=30, check=False)
        first.terminate()
    assert second.returncode == 1
    assert b"another gateway" in second.stderr
    assert first.returncode == 0


def test_check_names_what_a_policy_hardly_means(folder: Path) -> None:
    policy = folder / "config" / "privacy.yaml"
    policy.write_text(
        "rules:\n"
        "  - {id: a, match: {path: /propertes/email}, action: drop}\n"
        "  - {id: b, match: {path: /traits/x, event: [Ordr Completed]}, action: drop}\n"
        "keep: [/properties/x]\n"
    )
    done = gateway("check", folder=folder)
    assert done.returncode == 78
    assert b"privacy.yaml:2: `/propertes/email`" in done.stderr
    assert b"did you mean `properties`?" in done.stderr
    assert b"did you mean `Order Completed`?" in done.stderr
    policy.write_text(
        "rules:\n  - {id: mail, match: {kind: email}, action: mask}\nkeep: [/properties/x]\n"
    )
    done = gateway("check", folder=folder)
    assert done.returncode == 0, done.stderr
    assert b"/properties/x: sent unchanged, exempt from mail" in done.stdout
    policy.write_text("rules:\n  - {id: a, match: {key: x, type: trak}, action: drop}\n")
    done = gateway("check", folder=folder)
    assert done.returncode == 78
    assert b"`trak` is not a type of message (did you mean `track`?)" in done.stderr
    policy.write_text("keep: [/properties/x]\n")
    done = gateway("check", folder=folder)
    assert done.returncode == 0
    assert b"the policy has no rules" in done.stdout
