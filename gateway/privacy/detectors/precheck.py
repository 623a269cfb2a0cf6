"""Almost every text holds nothing, and one regular expression says so.

It is made of the triggers of all registered detectors and of those by which nested texts and
disguises are known, so that no detector can be registered and yet never be asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from gateway.privacy import deobfuscate, nested_text
from gateway.privacy.decoding import BEGINS_BASE64, BEGINS_HEX
from gateway.privacy.detectors.declaration import Detector, Finder
from gateway.privacy.detectors.lookalikes import SHORT, is_benign
from gateway.privacy.detectors.registry import REGISTRY, SHAPES
from gateway.privacy.detectors.triggers import characters, pattern, word

_READERS = (
    *nested_text.TRIGGERS,
    characters("%", after=deobfuscate.AFTER_PERCENT),
    characters("\\\\", after=deobfuscate.AFTER_BACKSLASH),
    word("H4sI"),
)


def _search(shapes: frozenset[str]) -> Callable[[str], object]:
    wanted = [d for d in REGISTRY if d.is_personal or d.name in shapes]
    triggers = [trigger for detector in wanted for trigger in detector.triggers]
    return re.compile(pattern([*triggers, *_READERS])).search


_is_blob = re.compile(f"{BEGINS_BASE64}|{BEGINS_HEX}").match
may_hold = _search(frozenset())
"""Matches a text of ASCII in which something could be found; the quick form for short texts."""


def suspicious(text: str) -> bool:
    """Whether something personal could be found in the text; false for almost every text."""
    if len(text) >= SHORT:
        if is_benign(text):
            return False
        if _is_blob(text):
            return True
    return may_hold(text) is not None or (
        not text.isascii() and deobfuscate.has_odd_letter(text) is not None
    )


def precheck(kinds: Iterable[str], own: Iterable[Detector] = ()) -> Callable[[str], object]:
    """Whether something personal, or one of these kinds, could be found in a text."""
    shapes = frozenset(kinds).intersection(SHAPES)
    known = _with_shapes(shapes) if shapes else suspicious
    finders = [detector.find for detector in own]
    return _or_found(known, finders) if finders else known


def _or_found(known: Callable[[str], object], finders: list[Finder]) -> Callable[[str], bool]:
    """A policy's own detector has no triggers: it is its own pre-check."""
    return lambda text: bool(known(text)) or any(find(text, 0) for find in finders)


@lru_cache
def _with_shapes(shapes: frozenset[str]) -> Callable[[str], object]:
    search = _search(shapes)

    def could_hold(text: str) -> bool:
        return search(text) is not None or (
            not text.isascii() and deobfuscate.has_odd_letter(text) is not None
        )

    return could_hold
