"""Every detector that there is: what the files in `families` declare, the surest first.

The registry is complete by import: a file without `DETECTORS`, a detector without one of its pieces
and a name that is given twice are errors, and whatever looks for detectors looks here.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from gateway.privacy.detectors import families
from gateway.privacy.detectors.declaration import Detector


def _declared() -> Iterator[Detector]:
    for module in pkgutil.iter_modules(families.__path__, f"{families.__name__}."):
        declared = importlib.import_module(module.name).DETECTORS
        if not declared or not all(isinstance(detector, Detector) for detector in declared):
            raise TypeError(f"{module.name}.DETECTORS must be Detectors")
        yield from declared


REGISTRY: tuple[Detector, ...] = tuple(sorted(_declared(), key=lambda found: found.certainty))
"""In the order of trust: the first one names a piece of text that several find."""

KINDS = {detector.name: detector.meaning for detector in REGISTRY}
"""What `kind` may name, and what it finds."""
PERSONAL = {detector.name: detector.meaning for detector in REGISTRY if detector.is_personal}
"""What identifies a person, or is a credential."""
SHAPES = {name: meaning for name, meaning in KINDS.items() if name not in PERSONAL}
"""Forms that name nobody, for `keep` rules."""

if len(KINDS) < len(REGISTRY):
    raise ValueError("two detectors have one name")
