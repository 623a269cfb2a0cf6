"""The files that people copy, `config/` and `schemas/`: where they are, installed or in a clone.

A wheel brings them beside this module; a clone, which an editable install runs from, has them at
its root, and only there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKED = Path(__file__).parent
_CLONE = _PACKED.parent.parent


def folder(name: Literal["config", "schemas"]) -> Path:
    """The folder of this name. Raises FileNotFoundError where the package is not whole."""
    for root in (_PACKED, _CLONE):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"{name}/ did not come with the package; install it again")
