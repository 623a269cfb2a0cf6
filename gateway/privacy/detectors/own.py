"""The detectors that a policy brings: patterns of its people, held to what is asked of every other.

Each finds all of its examples and nothing in its counterexamples, or the policy does not load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.config.privacy import OwnDetector
from gateway.privacy.detectors.declaration import Certainty, Detector, Finder, Span
from gateway.privacy.detectors.linear_pattern import compile_linear
from gateway.privacy.detectors.scanner import Scanner
from gateway.privacy.detectors.triggers import characters

_ANY = characters("\x00-\x7f")


def own_detector(written: OwnDetector) -> Detector:
    """The detector. Raises ValueError with what is wrong with its pattern."""
    pattern = compile_linear(written.pattern, ignore_case=written.ignore_case)
    return Detector(
        name=written.id,
        meaning="A detector of this policy.",
        certainty=Certainty.MARKED,
        triggers=(_ANY,),
        find=_finder(written.id, pattern),
        examples=written.examples,
        counterexamples=written.counterexamples or ("",),
    )


def _finder(name: str, pattern: re.Pattern[str]) -> Finder:
    def find(text: str, _context: int) -> list[Span]:
        return [(*match.span(), name) for match in pattern.finditer(text)]

    return find


def wrong_samples(written: OwnDetector, detector: Detector) -> Iterator[tuple[str, int, str]]:
    """The setting and place of each text that it does not treat as it should, and what is wrong."""
    scanner = Scanner({detector.name}, (detector,))
    for i, text in enumerate(written.examples):
        if not scanner.find(text):
            yield "examples", i, f"the detector `{written.id}` finds nothing in this example"
    for i, text in enumerate(written.counterexamples):
        if scanner.find(text):
            yield "counterexamples", i, f"the detector `{written.id}` finds something in this text"
