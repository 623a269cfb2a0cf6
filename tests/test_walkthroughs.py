"""What CONTRIBUTING.md says is enough to add a part: nothing else has to be touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.walkthrough import Copy, files_of
from tests.wire.running import WRITE_KEY, running

BEATS = {
    "key": WRITE_KEY,
    "beats": [
        {"name": "Started", "device": "d-1", "id": "b-1", "email": "ada@mail.example"},
        "no beat",
    ],
}


@pytest.fixture
def detector(tmp_path: Path) -> Copy:
    return Copy.of("Add a detector", tmp_path)


def test_a_detector_is_one_file(detector: Copy) -> None:
    (path,) = files_of("Add a detector")
    assert Path(path).parent == Path("gateway/privacy/detectors/families")
    policy = detector.root / "config/privacy.yaml"
    policy.write_text("rules:\n  - {id: cases, match: {kind: [case_number]}, action: mask}\n")
    event = {"type": "track", "event": "Asked", "userId": "u", "properties": {
        "text": "see CASE-1234567, please", "plain": "in any case"}}  # fmt: skip
    explained = detector.run("gateway", "explain", "--json", given=json.dumps(event))
    assert explained.returncode == 0, explained.stderr
    told = json.loads(explained.stdout)
    (change,) = told["changes"]
    assert (change["pointer"], change["kind"]) == ("/properties/text", "case_number")
    (request,) = told["destinations"]["local"]["requests"]
    assert request["body"]["properties"] == {
        "text": "see [case_number], please",
        "plain": "in any case",
    }


def test_a_detector_is_tested_and_documented_by_being_there(detector: Copy) -> None:
    tests = [
        "tests/privacy/detectors/test_detectors.py",
        "-k",
        "case_number",
        "-n0",
        "-p",
        "no:cacheprovider",
    ]
    checked = detector.run("pytest", "-q", *tests)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert " passed" in checked.stdout
    (detector.root / "docs").mkdir()
    written = detector.run("gateway.cli.reference", "docs")
    assert written.returncode == 0, written.stderr
    reference = (detector.root / "docs/configuration.md").read_text()
    assert "| `case_number` | a case number of our support system |" in reference


@pytest.fixture
def protocol(tmp_path: Path) -> Copy:
    """The files of the walk-through, and the two lines that the closed set wants."""
    copy = Copy.of("Add a protocol", tmp_path / "copy")
    copy.replace("gateway/event.py", '"mixpanel", "appsmith"]', '"mixpanel", "appsmith", "pulse"]')
    registry = "gateway/protocols/__init__.py"
    case = """        case "appsmith":
            return APPSMITH
"""
    copy.replace(
        registry, case, case + case.replace("appsmith", "pulse").replace("APPSMITH", "PULSE")
    )
    imported = "from gateway.protocols.mixpanel import MIXPANEL\n"
    copy.replace(registry, imported, imported + "from gateway.protocols.pulse import PULSE\n")
    return copy


def test_a_protocol_is_a_declaration_and_a_folder() -> None:
    paths = [Path(path) for path in files_of("Add a protocol")]
    declarations = [path for path in paths if path.parent == Path("gateway/protocols")]
    assert len(declarations) == 1
    assert {path.parent for path in paths} - {Path("gateway/protocols")} == {
        Path("gateway/ingest/pulse")
    }


async def test_a_protocol_is_served_and_delivered(
    protocol: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(protocol.root))
    async with running(tmp_path) as gateway, aiohttp.ClientSession() as session:
        url = f"{gateway.url}/pulse/v1/beats"
        async with session.post(url, json=BEATS) as answer:
            assert answer.status == 200, await answer.text()
        async with session.post(url, json={**BEATS, "key": "wrong"}) as answer:
            assert answer.status == 400
        (event,) = (await gateway.wait_for(["b-1"]))["b-1"]
        assert (event["type"], event["event"]) == ("track", "Started")
        assert "ada@mail.example" not in json.dumps(event)
        status: dict[str, Any] = await (await session.get(f"{gateway.admin_url}/api/status")).json()
        assert status["rejected"] == {"not_an_object": 1}
        assert status["refused_requests"] == [
            {"protocol": "pulse", "code": "invalid_write_key", "count": 1}
        ]


def test_a_protocol_is_tested_and_explained_by_being_there(protocol: Copy) -> None:
    tests = ["tests/test_protocols.py", "-k", "pulse or closed", "-n0", "-p", "no:cacheprovider"]
    checked = protocol.run("pytest", "-q", *tests)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    given = json.dumps({**BEATS, "key": "demo-write-key"})
    explained = protocol.run("gateway", "explain", "--json", given=given)
    assert explained.returncode == 0, explained.stderr
    assert [one["outcome"] for one in json.loads(explained.stdout)] == ["rejected", "accepted"]
