"""What a detector must say of itself. One that leaves a piece out does not import.

A finder reads a text once, in time linear in its length, and gives the spans of what it found.
Kinds that one reading finds are a family: they share a finder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from gateway.privacy.deobfuscate import undisguised
from gateway.privacy.detectors.triggers import Trigger, pattern

Span = tuple[int, int, str]
"""Start, end, and the name of the detector."""
Finder = Callable[[str, int], list[Span]]
"""Takes the text and what its key says about it (the flags of `context.py`)."""

_is_name = re.compile("[a-z][a-z0-9_-]*").fullmatch
_PART = re.compile("«(.+?)»", re.DOTALL)


class Certainty(IntEnum):
    """How sure a find is: the surer one names a piece of text that two detectors find."""

    MARKED = 1
    """By a mark of its own, such as a vendor's prefix."""
    WRITTEN = 2
    """By how it is written, such as an address."""
    CHECKED = 3
    """By its check digits."""
    LIKELY = 4
    """By its usual form."""
    SHAPE = 5
    """A form that names nobody, for `keep` rules. Nothing masks it by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """All that the gateway knows of one kind of thing that can be found in a text."""

    name: str
    """What `kind` in privacy.yaml calls it; also its mask, `[name]`."""
    meaning: str
    """For the reference: what it finds."""
    certainty: Certainty
    triggers: tuple[Trigger, ...]
    """One of them is in every text in which it finds something, once disguises are taken off."""
    find: Finder
    examples: tuple[str, ...]
    """Texts that are found whole, or the part of them that stands in « »."""
    counterexamples: tuple[str, ...]
    """Texts that look like it, in which it finds nothing."""
    needs_digit: bool = False
    """Whether there is a digit in all that it finds."""
    skips_lookalikes: bool = False
    """Whether it need not look into a text that is a timestamp, UUID or digest (lookalikes.py)."""

    def __post_init__(self) -> None:
        if not _is_name(self.name) or self.name == "masked":
            raise ValueError(
                f"{self.name!r} is no name for a detector: write small letters, _ and -"
            )
        for piece in ("meaning", "triggers", "examples", "counterexamples"):
            if not getattr(self, piece):
                raise ValueError(f"the detector {self.name} has no {piece}")
        if not callable(self.find):
            raise TypeError(f"the detector {self.name} needs a finder")
        has_trigger = re.compile(pattern(self.triggers)).search
        for text, _, _ in self.samples():
            if not has_trigger(undisguised(text)[0]):
                raise ValueError(f"no trigger of the detector {self.name} is in example {text!r}")

    @property
    def is_personal(self) -> bool:
        """Whether it identifies a person, or is a credential."""
        return self.certainty is not Certainty.SHAPE

    def samples(self) -> Iterator[tuple[str, int, int]]:
        """Each example, with start and end of what is found in it."""
        for example in self.examples:
            part = _PART.search(example)
            if part is None:
                yield example, 0, len(example)
            else:
                text = example[: part.start()] + part[1] + example[part.end() :]
                yield text, part.start(), part.start() + len(part[1])
