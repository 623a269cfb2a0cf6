"""A glob means the same wherever a person writes one: `*` is any text, `?` one character."""

from __future__ import annotations

import re
from collections.abc import Iterable


def compile_globs(globs: Iterable[str], *, ignore_case: bool = False) -> re.Pattern[str] | None:
    """One pattern for `fullmatch` that takes what any of the globs takes; None for no globs."""
    patterns = ["".join(map(_translate, re.sub(r"\*+", "*", glob))) for glob in globs]
    if not patterns:
        return None
    return re.compile("|".join(patterns), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _translate(character: str) -> str:
    return {"*": ".*", "?": "."}.get(character) or re.escape(character)
