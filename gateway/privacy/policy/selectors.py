"""A selector means one thing, and one that can mean nothing is refused.

Pointers are JSON Pointers (RFC 6901) in which a whole key `*` stands for any one key and `**` for
any number of them, none included. Globs know `*` and `?` and ignore case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from gateway.event import JsonPath
from gateway.globs import compile_globs


class Wild(Enum):
    """What stands in a pattern for keys that are not named."""

    ONE = "*"
    MANY = "**"


Step = str | Wild
_WORD_ANYWHERE = re.compile(r"\*[^*?]+\*")
_BAD_ESCAPE = re.compile(r"~(?![01])")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pointer with wildcards. It selects the value it names and everything inside."""

    steps: tuple[Step, ...]

    @property
    def literal(self) -> tuple[str, ...] | None:
        """The keys, when there is no wildcard."""
        keys = tuple(step for step in self.steps if isinstance(step, str))
        return keys if len(keys) == len(self.steps) else None


def parse_pattern(text: str) -> Pattern:
    """Read a pointer. Raises ValueError with what to write instead."""
    if not text.startswith("/"):
        hint = text.replace(".", "/") if text else "userId"
        raise ValueError(f"`{text}` is not a JSON Pointer; write `/{hint}`")
    if text == "/":
        raise ValueError("`/` names an empty key; to name the whole event leave `path` out")
    if _BAD_ESCAPE.search(text):
        raise ValueError(f"`{text}` has a lone `~`; write `~0` for `~` and `~1` for `/` in a key")
    steps: list[Step] = []
    for part in text[1:].split("/"):
        if part in ("*", "**"):
            steps.append(Wild(part))
        elif "**" in part or (part.endswith("*") and part.strip("*")):
            raise ValueError(
                f"`{text}`: `*` and `**` stand for whole keys; use `key` for a part of a key"
            )
        else:
            steps.append(part.replace("~1", "/").replace("~0", "~"))
    if steps.count(Wild.MANY) > 1:
        raise ValueError(f"`{text}` has `**` twice; one is enough to reach any depth")
    if steps == [Wild.MANY]:
        raise ValueError("`/**` names the whole event; leave `path` out instead")
    return Pattern(tuple(steps))


def format_pointer(path: JsonPath) -> str:
    """A path as a JSON Pointer."""
    return "".join(
        f"/{step.replace('~', '~0').replace('/', '~1')}" if isinstance(step, str) else f"/{step}"
        for step in path
    )


def pattern_covers(wide: Pattern, narrow: Pattern) -> bool:
    """Whether `wide` selects whatever `narrow` does. Never true by mistake."""
    return _covers(wide.steps, narrow.steps)


def _covers(wide: tuple[Step, ...], narrow: tuple[Step, ...]) -> bool:
    if not wide:
        return True  # what lies inside is selected too
    head = wide[0]
    if head is Wild.MANY:
        return any(_covers(wide[1:], narrow[i:]) for i in range(len(narrow) + 1))
    if not narrow or narrow[0] is Wild.MANY:
        return False
    return (head is Wild.ONE or head == narrow[0]) and _covers(wide[1:], narrow[1:])


def is_glob(text: str) -> bool:
    return "*" in text or "?" in text


def any_glob(globs: Iterable[str]) -> Callable[[str], bool] | None:
    """Whether a text matches any of the globs, in linear time; None for no globs.

    Most of them ask for a word anywhere, which is quicker searched for than matched.
    """
    every = frozenset(globs)
    words = [glob[1:-1] for glob in every if _WORD_ANYWHERE.fullmatch(glob)]
    search = re.compile("|".join(map(re.escape, words))).search if words else None
    others = compile_globs(glob for glob in every if not _WORD_ANYWHERE.fullmatch(glob))
    match = others.fullmatch if others else None
    if match is None and search is None:
        return None
    return lambda text: (
        (search is not None and search(text) is not None)
        or (match is not None and match(text) is not None)
    )


def glob_covers(wide: str, narrow: str) -> bool:
    """Whether `wide` matches whatever `narrow` does. Never true by mistake."""
    known = {"*": ".*", "?": "[^*]"}
    letters = (known.get(letter) or re.escape(letter) for letter in wide)
    return re.fullmatch("".join(letters), narrow, re.DOTALL) is not None


def check_key_glob(text: str) -> None:
    """Raises ValueError for a glob on keys that no key can match, with what to write instead."""
    if not text:
        raise ValueError("an empty glob matches no key; remove it")
    if text != text.strip():
        raise ValueError(f"`{text}` begins or ends with a space, which keys do not; remove it")
    if text.startswith("/"):
        raise ValueError(f"`{text}` looks like a JSON Pointer; `path` takes those, `key` one key")
    if not text.strip("*"):
        raise ValueError(f"`{text}` matches every key; leave `key` out, or name keys")
