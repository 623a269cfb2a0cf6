"""What CONTRIBUTING.md says is enough to add a part: nothing else has to be touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.walkthrough import Copy, files_of


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
