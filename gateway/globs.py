"""A glob means the same wherever a person writes one: `*` is any text, `?` one character.

A text is matched in time linear in its length: what stands between two stars is taken where it
comes first, and never looked for again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def compile_globs(globs: Iterable[str], *, ignore_case: bool = False) -> re.Pattern[str] | None:
    """One pattern for `fullmatch` that takes what any of the globs takes; None for no globs."""
    patterns = [_pattern(glob) for glob in globs]
    if not patterns:
        return None
    return re.compile("|".join(patterns), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _pattern(glob: str) -> str:
    first, *further = ("".join(map(_translate, part)) for part in re.split(r"\*+", glob))
    if not further:
        return first
    *between, last = further
    return first + "".join(f"(?>.*?{part})" for part in between) + f".*{last}"


def _translate(character: str) -> str:
    return "." if character == "?" else re.escape(character)
