"""Every registered detector, through every stage that looks for it; and a new one, by one file."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import orjson
import pytest

import gateway
from gateway.destinations import BodyFormat, Request
from gateway.destinations.egress_guard import EgressGuard
from gateway.privacy import CompiledPolicy
from gateway.privacy.detectors import (
    KINDS,
    REGISTRY,
    Certainty,
    Detector,
    Scanner,
    is_benign,
    precheck,
)
from gateway.privacy.detectors.triggers import word
from tests.clean import inside
from tests.privacy.conftest import Compile, MakeEvent

EXAMPLES = [(d.name, *sample) for d in REGISTRY for sample in d.samples()]
LOOKALIKES = [(d.name, text) for d in REGISTRY for text in d.counterexamples]
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) "

WALLET = '''
"""Accounts of a chain."""
import re
from gateway.privacy.detectors.declaration import Certainty, Detector
from gateway.privacy.detectors.triggers import word

_WALLET = re.compile("0x[0-9A-Fa-f]{40}")

DETECTORS = (
    Detector(
        name="eth_wallet",
        meaning="an Ethereum address",
        certainty=Certainty.MARKED,
        triggers=(word("0x"),),
        find=lambda text, _: [(*match.span(), "eth_wallet") for match in _WALLET.finditer(text)],
        examples=(
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0xdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
            "0xabcdefabcdefabcdefabcdefabcdefabcdefabcd",
        ),
        counterexamples=("0x52908400",),
    ),
)
'''
RUN = """
import pathlib, sys
from gateway.config.privacy import Policy
from gateway.config.source import load
from gateway.event import RawEvent
from gateway.privacy import Pseudonymizer, compile_policy
from tests.privacy.detectors import test_detectors as t

file = pathlib.Path(sys.argv[1], "privacy.yaml")
file.write_text("rules: [{id: r, match: {kind: eth_wallet}, action: mask}]")
document = load(file, {})
keys = Pseudonymizer(bytes(32))
policy = compile_policy(Policy.model_validate(document.value), document, {}, keys)

def event(message):
    return RawEvent("s", "segment", "track", "E", message, 0.0, None)

print(*(name for name, *_ in t.EXAMPLES))
for example in t.EXAMPLES:
    if example[0] == "eth_wallet":
        t.test_an_example_is_found_whole(*example)
        t.test_the_guard_finds_an_example(*example)
        t.test_a_policy_takes_an_example_out(lambda kind: policy, event, example)
        t.test_what_a_finder_finds_passes_the_pre_check(*example)
"""


def found(kind: str, text: str) -> list[tuple[int, int]]:
    return sorted({(start, end) for start, end, _ in Scanner([kind]).find(text)})


@pytest.mark.parametrize(("kind", "text", "start", "end"), EXAMPLES)
def test_an_example_is_found_whole(kind: str, text: str, start: int, end: int) -> None:
    assert precheck([kind])(text)
    assert found(kind, text) == [(start, end)]
    assert (start, end, kind) in Scanner(KINDS).find(text)


AROUND = ("{}", "a {} b", "x={}", "({})", '"{}"', "\n{}", "{},1", "id {}:", "é {}", "/{}/", "1 {}")
FORMS: tuple[Callable[[str], str], ...] = (
    str,
    str.lower,
    str.upper,
    lambda text: text.replace(" ", "-"),
    lambda text: text.replace("-", ""),
    lambda text: text.replace(" ", "").replace(".", ""),
    lambda text: text * 2,
)


@pytest.mark.parametrize(("kind", "text", "start", "end"), EXAMPLES)
def test_what_a_finder_finds_passes_the_pre_check(
    kind: str, text: str, start: int, end: int
) -> None:
    """Examples as others write them, too: the pre-check may say no only where nothing is found."""
    detector = next(d for d in REGISTRY if d.name == kind)
    alone = text[start:end]
    for form, around in itertools.product(FORMS, AROUND):
        for varied in (around.format(form(alone)), around.format(form(text))):
            if detector.skips_lookalikes and is_benign(varied):
                continue
            if any(span[2] == kind for span in detector.find(varied, 0)):
                assert precheck([kind])(varied), varied
                assert found(kind, varied), varied
                assert not detector.needs_digit or any(map(str.isdecimal, varied)), varied


@pytest.mark.parametrize(("kind", "text"), LOOKALIKES)
def test_a_counterexample_is_not_found(kind: str, text: str) -> None:
    assert found(kind, text) == []


@pytest.mark.parametrize(("kind", "text", "start", "end"), EXAMPLES)
def test_the_guard_finds_an_example(kind: str, text: str, start: int, end: int) -> None:
    request = Request("POST", "http://a.example", orjson.dumps({"a": [{"b": text}]}))
    leaks = EgressGuard([kind]).leaks(request, BodyFormat.JSON)
    assert leaks[kind] == 1, text[start:end]


@pytest.fixture(scope="module")
def policy(compiled: Compile) -> Callable[[str], CompiledPolicy]:
    return cache(
        lambda kind: compiled(f"rules: [{{id: r, match: {{kind: {kind}}}, action: mask}}]")
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_policy_takes_an_example_out(
    policy: Callable[[str], CompiledPolicy],
    event: MakeEvent,
    example: tuple[str, str, int, int],
) -> None:
    kind, text, start, end = example
    message = {"type": "track", "event": "E", "properties": {"a": text, "b": [text]}}
    clean = inside(policy(kind).scrub(event(message)).message)["properties"]
    assert clean["a"] == f"{text[:start]}[{kind}]{text[end:]}"
    assert clean["b"] == [clean["a"]]


@pytest.mark.parametrize(("kind", "text", "start", "end"), EXAMPLES)
def test_no_form_outranks_what_a_detector_finds(kind: str, text: str, start: int, end: int) -> None:
    detector = next(d for d in REGISTRY if d.name == kind)
    for around in (text, f"{BROWSER}{text}", f"{BROWSER}({text})", f"{text}-1795421333741-{0:08}"):
        if is_benign(around) and detector.is_personal:
            assert kind not in {name for *_, name in detector.find(around, 0)}, text[start:end]


def complete(**pieces: object) -> Detector:
    whole = {
        "name": "x_key",
        "meaning": "a key of x",
        "certainty": Certainty.MARKED,
        "triggers": (word("x-"),),
        "find": lambda _text, _context: [],
        "examples": ("x-1",),
        "counterexamples": ("y",),
    }
    return Detector(**{**whole, **pieces})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "piece",
    [
        {"name": "X"},
        {"name": "masked"},
        {"meaning": ""},
        {"triggers": ()},
        {"examples": ()},
        {"counterexamples": ()},
        {"examples": ("no trigger",)},
    ],
)
def test_a_detector_without_a_piece_is_none(piece: dict[str, object]) -> None:
    complete()
    with pytest.raises(ValueError, match=r"x_key|name"):
        complete(**piece)


def extended(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    """The gateway with one more file."""
    root = Path(gateway.__file__).parents[1]
    shutil.copytree(root / "gateway", tmp_path / "gateway", ignore=shutil.ignore_patterns("*.pyc"))
    (tmp_path / "gateway/privacy/detectors/families/chains.py").write_text(text)
    (tmp_path / "tests").symlink_to(root / "tests")
    return subprocess.run(
        [sys.executable, "-P", "-c", RUN, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_new_detector_is_one_file(tmp_path: Path) -> None:
    ran = extended(tmp_path, WALLET)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split().count("eth_wallet") == 3


def test_a_file_that_declares_nothing_does_not_import(tmp_path: Path) -> None:
    ran = extended(tmp_path, "")
    assert ran.returncode != 0
    assert "DETECTORS" in ran.stderr
