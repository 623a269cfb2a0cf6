"""`gateway test`: a case that holds passes; one that does not says what differs."""

from __future__ import annotations

import io
import json
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from gateway.cli import main
from gateway.cli import test as command
from gateway.config.cases import Known, load_cases
from gateway.errors import ConfigurationError, UsageError
from tests.wire.running import ROOT

EVENT = {"type": "track", "event": "Signed Up", "userId": "u-1", "messageId": "m-1"}
SECRET = "ada.lovelace@mail.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with a vendor beside the files."""
    for name in ("gateway.yaml", "privacy.yaml"):
        text = (
            (ROOT / "config" / name)
            .read_text()
            .replace("../schemas", str(ROOT / "schemas/segment"))
        )
        (tmp_path / name).write_text(text)
    (tmp_path / "routing.yaml").write_text(
        "destinations:\n"
        "  local: {type: file, path: events}\n"
        "  segment: {type: segment, write_key: vendor-key}\n"
        "routes:\n"
        "  - {name: all, to: [local]}\n"
        "  - {name: sales, match: {event: [Bought]}, to: [segment]}\n"
    )
    return tmp_path


def tried(folder: Path, cases: Any, **given: Any) -> tuple[int, str]:
    """The exit code and the text; `cases` as YAML or as what YAML says."""
    tests = folder / "tests"
    tests.mkdir(exist_ok=True)
    text = cases if isinstance(cases, str) else yaml.safe_dump({"cases": cases}, sort_keys=False)
    (tests / "own.test.yaml").write_text(text)
    options = {"path": None, "k": None, "junit": None, "json": False, **given}
    out = io.StringIO()
    code = command.run(Namespace(config=folder / "gateway.yaml", **options), {}, out)
    return code, out.getvalue()


def differences(folder: Path, event: Any, expect: Any, **case: Any) -> list[tuple[str, str, str]]:
    given = [{"name": "one", "event": event, "expect": expect, **case}]
    code, text = tried(folder, given, json=True)
    (result,) = json.loads(text)["results"]
    found = [(d["where"], d["expected"], d["found"]) for d in result["differences"]]
    assert code == bool(found)
    return found


def test_the_shipped_cases_hold_for_the_shipped_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main.main(["test"]) == 0
    assert "all as expected" in capsys.readouterr().out


def test_a_looser_policy_fails_the_shipped_cases(folder: Path) -> None:
    shutil.copytree(ROOT / "config" / "tests", folder / "tests")
    (folder / "privacy.yaml").write_text("rules: []\n")
    (folder / "routing.yaml").write_text((ROOT / "config" / "routing.yaml").read_text())
    with pytest.raises(ConfigurationError, match=r"test\.yaml:\d+: `user-ids` is not a rule"):
        tried(folder, [{"name": "a", "event": EVENT, "expect": {"outcome": "accepted"}}])


EXPECTATIONS: list[tuple[dict[str, Any], str | None]] = [
        ({"outcome": "accepted"}, None),
        ({"outcome": "rejected"}, "outcome"),
        ({"reason": "none"}, None),
        ({"reason": "opted_out"}, "reason"),
        ({"schema": "track"}, None),
        ({"schema": "none"}, "schema"),
        ({"class": "optional"}, None),
        ({"class": "essential"}, "class"),
        ({"violations": {"/event": "Unplanned-Event"}}, None),
        ({"violations": {}}, "violations of /event"),
        ({"violations": {"/event": ["Unplanned-Event"], "/x": "Required-Missing"}},
         "violations of /x"),
        ({"fields": {"/properties/plan": "pro"}}, None),
        ({"fields": {"/properties/plan": "free"}}, "/properties/plan"),
        ({"fields": {"/properties/count": True}}, "/properties/count"),
        ({"fields": {"/properties/count": 1.0}}, None),
        ({"fields": {"/properties/email": {"absent": True}}}, None),
        ({"fields": {"/properties/plan": {"absent": True}}}, "/properties/plan"),
        ({"fields": {"/properties/none": {"matches": ".*"}}}, "/properties/none"),
        ({"fields": {"/userId": {"matches": "[0-9a-f]{64}"}}}, None),
        ({"fields": {"/userId": {"matches": "[0-9a-f]"}}}, "/userId"),
        ({"fields": {"/properties/list/1": "b", "/properties/list": ["a", "b"]}}, None),
        ({"fields": {"/properties/list/2": "b"}}, "/properties/list/2"),
        ({"fields": {"/properties/a~1b": {"equals": {"c": None}}}}, None),
        ({"changes": {"/properties/email": "contact-details", "/properties/plan": []}}, None),
        ({"changes": {"/properties/email": []}}, "rules that change /properties/email"),
        ({"changes": {"/properties/plan": "secrets"}}, "rules that change /properties/plan"),
        ({"changes": {"/userId": "user-ids"}, "no_other_changes": True},
         "rules that change /properties/email"),
        ({"destinations": {"local": "sent", "segment": "no_route"}}, None),
        ({"destinations": {"local": "no_route"}}, "to local"),
        ({"destinations": {"segment": "sent"}}, "to segment"),
        ({"requests": {"local": {"/0/method": "APPEND", "/0/body/properties/plan": "pro"}}}, None),
        ({"requests": {"local": {"/0/body/properties/email": {"matches": ".*"}}}},
         "to local: /0/body/properties/email"),
        ({"requests": {"segment": {"/0/method": "POST"}}}, "to segment: /0/method"),
    ]  # fmt: skip


def test_each_expectation_holds_or_is_named(folder: Path) -> None:
    properties = {
        "plan": "pro", "email": SECRET, "count": 1, "list": ["a", "b"], "a/b": {"c": None}
    }  # fmt: skip
    event = {**EVENT, "properties": properties}
    cases = [
        {"name": str(number), "event": event, "expect": expect}
        for number, (expect, _) in enumerate(EXPECTATIONS)
    ]
    code, text = tried(folder, cases, json=True)
    found = [
        next((one["where"] for one in result["differences"]), None)
        for result in json.loads(text)["results"]
    ]
    assert found == [where for _, where in EXPECTATIONS]
    assert code == 1
    assert SECRET not in text


def test_the_whole_message_is_the_same_every_time_and_everywhere(folder: Path) -> None:
    event = {**EVENT, "properties": {"plan": "pro", "items": [{"id": 1}]}}
    (found,) = differences(folder, event, {"message": {**event, "properties": {}}})[-1:]
    assert found[0].startswith("message/")
    pointers = [one[0] for one in differences(folder, event, {"message": event | {"type": "page"}})]
    assert set(pointers) == {
        "message/type", "message/userId", "message/timestamp", "message/receivedAt",
    }  # fmt: skip
    times = [
        one for one in differences(folder, event, {"message": event}) if "receivedAt" in one[0]
    ]
    assert times == [("message/receivedAt", "nothing", '"2026-01-01T00:00:00.000Z"')]


def test_what_a_request_says_beside_its_body_counts(folder: Path) -> None:
    config = folder / "privacy.yaml"
    config.write_text("client_ip: truncate\nrules: []\n")
    event = {"type": "page", "userId": "u", "context": {"userAgent": "x"}}
    expect = {"fields": {"/context/ip": "203.0.113.0"}}
    page = {"origin": "https://shop.example"}
    assert not differences(folder, event, expect, address="203.0.113.9", **page)
    assert differences(folder, event, expect, address="203.0.113.9")
    out = {"reason": "opted_out", "destinations": {"local": "rejected"}}
    assert not differences(folder, event, out, opted_out=True)
    off = {"reason": "telemetry_off"}
    assert not differences(folder, event, off, environment={"DO_NOT_TRACK": "1"})
    assert differences(folder, event, off)


def test_the_environment_of_the_machine_decides_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert not differences(folder, EVENT, {"outcome": "accepted"})
    assert not (folder / "data").exists()


def test_a_batch_expects_as_many_as_come_of_it(folder: Path) -> None:
    batch = {"batch": ["no event", EVENT, {**EVENT, "event": "Bought"}]}
    ok, no = {"outcome": "accepted"}, {"reason": "not_an_object"}
    assert not differences(folder, batch, [no, ok, {"destinations": {"segment": "sent"}}])
    assert differences(folder, batch, [ok, ok, ok])[0][0] == "event 1: outcome"
    assert differences(folder, batch, ok) == [("events", "1", "3")]
    assert differences(folder, [1, 2], ok)[0][0] == "event"


def test_yaml_holds_events_as_json_does(folder: Path) -> None:
    text = """\
cases:
  - name: one
    event:
      {type: track, event: Signed Up, properties: {on: on, day: 2026-01-01, at: 12:30, zip: 010,
        n: 12, f: 1.5e3, t: true, z: null, price: "${5}", s: "$$"}}
    expect:
      fields: {/properties: {equals: {"on": "on", day: "2026-01-01", at: "12:30", n: 12, f: 1500,
        t: true, z: null, price: "${5}", s: "$$"}}}
"""
    assert tried(folder, text)[0] == 0


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (3, "evnt: {}", "`evnt` is not a setting here (did you mean `event`?)"),
        (3, "source: dmo", "`dmo` is not a source (did you mean `demo`?)"),
        (3, "environment: {DONOTTRACK: x}", "(did you mean `DO_NOT_TRACK`?)"),
        (4, "expect: {reason: opt_out}", "`opt_out` is not a reason (did you mean `opted_out`?)"),
        (4, "expect: {schema: segment/trak}", "(did you mean `segment/track`?)"),
        (4, "expect: {outcome: acepted}", "(did you mean `accepted`?)"),
        (4, "expect: {changes: {/a: [user-id]}}", "(did you mean `user-ids`?)"),
        (4, "expect: {destinations: {locl: sent}}", "`locl` is not a destination"),
        (4, "expect: {destinations: {local: send}}", "(did you mean `sent`?)"),
        (4, "expect: {requests: {vendor: {/0: 1}}}", "`vendor` is not a destination"),
        (4, "expect: {fields: {properties.plan: 1}}", "write `/properties/plan`"),
        (4, "expect: {fields: {/a: {absnt: true}}}", "(did you mean `absent`?)"),
        (4, "expect: {fields: {/a: {matches: '['}}}", "not a regular expression"),
        (4, "expect: {fields: {/a: {absent: false}}}", "write one of"),
        (4, "expect: {}", "it can never fail"),
        (4, "expect: []", "it can never fail"),
    ],
)
def test_a_wrong_case_is_a_mistake_with_its_line(
    folder: Path, line: int, text: str, message: str
) -> None:
    name = text.partition(":")[0]
    lines = {"event": "event: {type: track}", "expect": "expect: {outcome: accepted}"}
    body = [text if line == 3 else lines["event"], *(value for value in (
        [lines["event"], lines["expect"]] if line == 3 else [text]
    ))]  # fmt: skip
    written = "cases:\n  - name: one\n" + "".join(f"    {each}\n" for each in body)
    file = folder / "own.test.yaml"
    file.write_text(written)
    known = Known(["demo"], ["segment/track"], ["user-ids"], ["local"], ["DO_NOT_TRACK"])
    with pytest.raises(ConfigurationError) as raised:
        load_cases([file], known)
    first = raised.value.mistakes[0]
    assert (first.line, Path(first.file).name) == (line, "own.test.yaml"), name
    assert message in str(raised.value)


def test_every_mistake_of_every_file_is_found(folder: Path) -> None:
    tests = folder / "tests"
    tests.mkdir()
    (tests / "a.test.yaml").write_text("cases: [{nme: x}]\n")
    (tests / "b.test.yaml").write_text("cases: {\n")
    twice = [{"name": "one", "event": EVENT, "expect": {"outcome": "accepted"}}] * 2
    with pytest.raises(ConfigurationError) as raised:
        tried(folder, yaml.safe_dump({"cases": twice}))
    assert {Path(one.file).name for one in raised.value.mistakes} == {
        "a.test.yaml", "b.test.yaml", "own.test.yaml",
    }  # fmt: skip
    assert "has a case of this name" in str(raised.value)


def test_what_fails_is_said_and_counts_in_the_exit_code(folder: Path) -> None:
    cases = [
        {"name": "right", "event": EVENT, "expect": {"outcome": "accepted"}},
        {"name": "wrong", "event": EVENT, "expect": {"fields": {"/event": "Bought"}}},
    ]
    report = folder / "report.xml"
    code, text = tried(folder, cases, junit=report)
    assert code == 1
    written = (folder / "tests" / "own.test.yaml").read_text().splitlines()
    line = written.index("- name: wrong") + 1
    assert text.splitlines()[0].endswith(f"own.test.yaml:{line}: wrong")
    assert text.splitlines()[1:] == [
        "  /event", '    expected  "Bought"', '    found     "Signed Up"', "2 cases, 1 failed",
    ]  # fmt: skip
    suite = ET.parse(report).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    (failure,) = suite.iter("failure")
    assert failure.get("message") == '/event: expected "Bought", found "Signed Up"'
    assert tried(folder, cases, k="RIGHT") == (0, "1 case, all as expected\n")
    with pytest.raises(UsageError, match="did you mean `wrong`"):
        tried(folder, cases, k="wromg")


def test_nothing_to_try_is_a_wrong_usage(folder: Path) -> None:
    config = str(folder / "gateway.yaml")
    assert main.main(["test", "--config", config]) == main.USAGE
    (folder / "tests").mkdir()
    assert main.main(["test", "--config", config]) == main.USAGE
    assert main.main(["test", str(folder / "none.test.yaml"), "--config", config]) == main.USAGE
