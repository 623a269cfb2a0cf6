"""`gateway policy diff`: exact over raw events, honest over clean ones, and without any value."""

from __future__ import annotations

import io
import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.cli import main
from gateway.cli.policy import command
from gateway.cli.policy.strictness import doubts, for_single_destinations
from gateway.config.privacy import OwnDetector, Policy, PolicyRule, RuleMatch
from tests.wire.running import ROOT, WRITE_KEY, running

SECRET = "ada.lovelace@mail.example"
EVENT = {
    "type": "track",
    "event": "Signed Up",
    "userId": "user-1",
    "properties": {
        "plan": "pro",
        "email": SECRET,
        "note": f"write to {SECRET}",
        "items": [{"email": SECRET, "n": 1}, {"n": 2}],
        SECRET: 1,
    },
}
TODAY = """\
rules:
  - {id: ids, match: {path: /userId}, action: pseudonymize}
  - {id: contact, match: {key: email}, action: drop}
  - {id: texts, match: {kind: [email]}, action: mask}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = (ROOT / "config" / "gateway.yaml").read_text()
    text = text.replace("../schemas", str(ROOT / "schemas" / "segment"))
    (tmp_path / "gateway.yaml").write_text(
        text.replace("data_dir: data", f"data_dir: {tmp_path}/d")
    )
    (tmp_path / "routing.yaml").write_text((ROOT / "config" / "routing.yaml").read_text())
    (tmp_path / "privacy.yaml").write_text(TODAY)
    return tmp_path


def diff(folder: Path, new: str, *options: str, events: Any = (EVENT,)) -> tuple[int, Any]:
    (folder / "new.yaml").write_text(new)
    file = folder / "events.jsonl"
    file.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    over = [] if "--waiting" in options or "--archived" in options else ["--events", str(file)]
    parser = ArgumentParser()
    parser.add_argument("--config", type=Path)
    command.options(parser)
    given = parser.parse_args(
        ["diff", str(folder / "new.yaml"), "--config", str(folder / "gateway.yaml"), "--json",
         *over, *(one for one in options if one != "--archived")],
        Namespace(),
    )  # fmt: skip
    out = io.StringIO()
    code = command.run(given, {}, out)
    assert SECRET not in out.getvalue()
    return code, json.loads(out.getvalue())


def fields(found: Any) -> set[tuple[str, str, str, str, int]]:
    return {
        (one["effect"], one["pointer"], one["before"], one["after"], one["count"])
        for one in found["fields"]
    }


def test_the_same_policy_changes_nothing(folder: Path) -> None:
    code, found = diff(folder, TODAY, "--fail-on", "any")
    assert (code, found["events"], found["differing"], found["fields"]) == (0, 1, 0, [])
    assert found["exact"] is True


def test_each_field_that_would_leave_is_counted_with_its_rules(folder: Path) -> None:
    new = TODAY.replace("  - {id: contact, match: {key: email}, action: drop}\n", "")
    code, found = diff(folder, new, events=[EVENT, EVENT])
    assert code == 1
    assert fields(found) == {
        ("leaves", "/properties/email", "contact (drop)", "texts (mask)", 2),
        ("leaves", "/properties/items/*/email", "contact (drop)", "texts (mask)", 2),
    }
    assert {one["event"] for one in found["fields"]} == {"Signed Up"}
    assert diff(folder, new, "--fail-on", "never")[0] == 0


def test_a_key_that_would_leave_is_counted_and_not_shown(folder: Path) -> None:
    code, found = diff(
        folder, TODAY.replace("  - {id: texts, match: {kind: [email]}, action: mask}\n", "")
    )
    assert code == 1
    effects = {(one[0], one[1]) for one in fields(found)}
    assert ("looser", "/properties/note") in effects
    assert ("leaves", "/properties/[email]") in effects


def test_a_stricter_policy_fails_only_where_any_difference_does(folder: Path) -> None:
    new = TODAY.replace("rules:\n", "rules:\n  - {id: plans, match: {key: plan}, action: drop}\n")
    new = new.replace("path: /userId}, action: pseudonymize", "path: /userId}, action: mask")
    code, found = diff(folder, new)
    assert code == 0
    assert fields(found) == {
        ("stays", "/properties/plan", "no rule", "plans (drop)", 1),
        ("tighter", "/userId", "ids (pseudonymize)", "ids (mask)", 1),
    }
    assert found["looser"] is False
    assert diff(folder, new, "--fail-on", "any")[0] == 1


def test_a_finer_form_of_a_value_lets_more_out(folder: Path) -> None:
    event = {**EVENT, "properties": {"born": "1990-05-17"}}
    today = "rules: [{id: born, match: {key: born}, action: generalize, to: year}]\n"
    (folder / "privacy.yaml").write_text(today)
    code, found = diff(folder, today.replace("year", "month"), events=[event])
    assert (code, [one[0] for one in fields(found)]) == (1, ["looser"])
    finer = today.replace("generalize, to: year", "mask")
    code, found = diff(folder, finer, events=[event])
    assert (code, [one[0] for one in fields(found)]) == (0, ["tighter"])


def test_an_allow_list_is_compared_as_any_policy(folder: Path) -> None:
    code, found = diff(folder, f"default: drop\n{TODAY}")
    assert code == 0
    assert {one[0] for one in fields(found)} <= {"stays", "tighter", "renamed"}
    (folder / "privacy.yaml").write_text(f"default: drop\n{TODAY}")
    code, found = diff(folder, TODAY)
    assert code == 1
    assert ("leaves", "/properties/plan") in {one[:2] for one in fields(found)}


def test_another_name_of_a_rule_is_no_difference_that_fails(folder: Path) -> None:
    code, found = diff(folder, TODAY.replace("id: contact,", "id: contacts,"), "--fail-on", "any")
    assert code == 0
    assert {one[0] for one in fields(found)} == {"renamed"}


def test_what_cannot_be_read_is_counted(folder: Path) -> None:
    mixpanel = {
        "event": "Bought",
        "properties": {"token": "t", "distinct_id": "u", "email": SECRET},
    }
    batch = {"batch": [EVENT, "no event"]}
    (folder / "mixed.jsonl").write_text(
        f"{json.dumps(mixpanel)}\n\nno json {SECRET}\n{json.dumps(batch)}\n"
    )
    _, found = diff(folder, "rules: []\n", "--events", str(folder / "mixed.jsonl"))
    assert (found["events"], found["unread"]) == (2, 2)
    assert {one["event"] for one in found["fields"]} == {"Signed Up", "Bought"}


def test_a_wrong_policy_is_a_mistake_with_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = folder / "new.yaml"
    new.write_text("rules:\n  - {id: a, match: {kind: [emial]}, action: drop}\n")
    config = str(folder / "gateway.yaml")
    (folder / "e.jsonl").write_text(json.dumps(EVENT))
    given = ["policy", "diff", str(new), "--events", str(folder / "e.jsonl"), "--config", config]
    assert main.main(given) == main.CONFIGURATION
    assert "new.yaml:2:" in capsys.readouterr().err
    given[2] = str(folder / "privacy.yaml")
    assert main.main([*given, "--since", "7d"]) == main.USAGE
    assert main.main([*given[:3], *given[5:], "--waiting"]) == main.FAILED


@pytest.mark.parametrize(
    ("old", "new", "doubted"),
    [
        ("a=drop b=mask", "a=drop b=drop", []),
        ("a=drop b=mask", "a=drop b=mask c=mask", []),
        ("a=drop b=mask", "n=drop a=drop b=mask", []),
        ("a=drop b=mask", "n=mask a=drop b=mask", ["rule n"]),
        ("a=drop b=mask", "b=mask a=drop", ["rule b", "rule b"]),
        ("a=drop b=mask", "a=mask b=mask", ["rule a", "rule b", "rule a", "rule b"]),
        ("a=drop", "", ["rule a"]),
        ("a=drop", "a=drop k=keep", ["rule k"]),
    ],
)
def test_what_clean_events_cannot_show_is_read_from_the_files(
    old: str, new: str, doubted: list[str]
) -> None:
    def policy(text: str) -> Policy:
        rules = [one.split("=") for one in text.split()]
        return Policy.model_validate(
            {"rules": [{"id": i, "match": {"key": i}, "action": a} for i, a in rules]}
        )

    assert set(doubts(policy(old), policy(new))) == set(doubted)


def test_rules_for_single_destinations_are_not_judged() -> None:
    class Narrow(RuleMatch):
        destination: tuple[str, ...] = ()

    def policy(action: str) -> Policy:
        match = Narrow(key=("email",), destination=("vendor",))
        rule = PolicyRule.model_construct(id="vendor-mail", match=match, action=action)
        return Policy.model_construct(rules=(rule,))

    assert for_single_destinations(policy("keep"), policy("keep")) == []
    assert for_single_destinations(Policy(), policy("keep")) == ["rule vendor-mail"]
    assert set(for_single_destinations(policy("drop"), policy("keep"))) == {"rule vendor-mail"}


def test_settings_can_be_looser_too() -> None:
    assert doubts(Policy(default="drop"), Policy()) == ["default"]
    assert doubts(Policy(), Policy(default="drop")) == []
    assert doubts(Policy(new_fields="hold"), Policy()) == ["new_fields"]
    assert doubts(Policy(), Policy(new_fields="drop")) == []
    ours = OwnDetector(id="case", pattern="CASE-[0-9]{4}", examples=("CASE-1234",))
    assert doubts(Policy(detectors=(ours,)), Policy()) == ["detectors"]
    assert doubts(Policy(), Policy(detectors=(ours,))) == []
    allowed = PolicyRule(id="a", match=RuleMatch(key=("a",)), action="mask")
    assert doubts(Policy(default="drop"), Policy(default="drop", rules=(allowed,))) == ["rule a"]
    assert doubts(Policy(client_ip="drop"), Policy(client_ip="keep")) == ["client_ip"]
    assert doubts(Policy(), Policy(keep=("/userId",))) == ["keep"]


async def test_kept_events_show_what_would_stay_and_say_what_they_cannot(tmp_path: Path) -> None:
    policy = tmp_path / "today.yaml"
    policy.write_text(TODAY)
    routing = tmp_path / "routes.yaml"
    routing.write_text(
        "destinations:\n"
        "  local: {type: file, path: events}\n"
        "  vendor: {type: segment, write_key: k, host: 'http://127.0.0.1:9'}\n"
        "routes: [{name: all, to: [local, vendor]}]\n"
    )
    async with running(
        tmp_path,
        routing=str(routing),
        policy=str(policy),
        schemas={"path": str(ROOT / "schemas" / "segment")},
    ) as gateway, aiohttp.ClientSession() as session:  # fmt: skip
        url = f"{gateway.url}/v1/track"
        body = {**EVENT, "messageId": "m-1", "writeKey": WRITE_KEY}
        async with session.post(url, json=body) as answer:
            assert answer.status == 200
        await gateway.wait_for(["m-1"])
        tighter = TODAY + "  - {id: plans, match: {key: plan}, action: drop}\n"
        for way in ("--archived", "--waiting"):
            code, found = diff(gateway.folder, tighter, way)
            assert (code, found["events"], found["exact"]) == (0, 1, False), found
            assert fields(found) == {("stays", "/properties/plan", "no rule", "plans (drop)", 1)}
            code, found = diff(gateway.folder, "rules: []\n", way)
            assert code == 1
            assert set(found["not_judged"]) == {"rule ids", "rule contact", "rule texts"}
            assert found["looser"] is False
        none = diff(gateway.folder, tighter, "--archived", "--until", "2001-01-01")[1]
        assert none["events"] == 0
