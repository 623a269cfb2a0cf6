"""Whether work grows as its input does, told by ratios of CPU times in one run.

A step that grows with the square of its input takes sixteen times as long for four times as much;
one that looks at each character a bounded number of times takes four times as long, whatever else
the machine does. The inputs are made of what a pattern itself names, so a new one needs no list.
"""

from __future__ import annotations

import gc
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

FACTOR = 4
_ALLOWED = 9.0
"""Between four and sixteen."""
_FLOOR = 0.02
"""Seconds under which the cost of the larger input tells nothing, and harms nobody."""
_SURE, _ROUNDS = 4, 6
"""Another program can make one measurement look too long, and hardly that many."""


def growth(work: Callable[[Any], object], make: Callable[[int], Any], size: int) -> float:
    """How many times as long `work` takes for `size` as for a quarter of it, at most four if small.

    What looks too much is measured again, and the least of several times counts.
    """
    small, large = make(size // FACTOR), make(size)
    ratio = _ratio(work, small, large, tries=1)
    for _ in range(_ROUNDS):
        if ratio < _ALLOWED:
            break
        ratio = min(ratio, _ratio(work, small, large, _SURE))
    return ratio


def is_linear(work: Callable[[Any], object], make: Callable[[int], Any], size: int) -> bool:
    return growth(work, make, size) < _ALLOWED


def _ratio(work: Callable[[Any], object], small: Any, large: Any, tries: int) -> float:
    longer = _cost(work, large, tries)
    return FACTOR if longer < _FLOOR else longer / _cost(work, small, tries + 1)


def _cost(work: Callable[[Any], object], given: Any, tries: int) -> float:
    """Without the collector, whose time grows with all that the process holds."""
    best = float("inf")
    gc.disable()
    try:
        for _ in range(tries):
            since = time.thread_time()
            work(given)
            best = min(best, time.thread_time() - since)
    finally:
        gc.enable()
    return best


def texts(
    kinds: Sequence[Sequence[str]], mixtures: int, seed: int
) -> Iterator[tuple[str, Callable[[int], str]]]:
    """Each piece again and again; then mixtures of a few pieces, each of any kind.

    Most of them in turn, some in any order, some with a long run of one piece before the next.
    """
    for piece in sorted({piece for kind in kinds for piece in kind}):
        yield ascii(piece), partial(repeated, piece)
    rng = random.Random(seed)
    for number in range(mixtures):
        some = [rng.choice(rng.choice(kinds)) for _ in range(rng.randint(2, 4))]
        form = (_in_turn, _in_turn, _in_any_order, _in_turn, _in_runs)[number % 5]
        yield f"{form.__name__}: {some!a}", partial(form, some)


def repeated(piece: str, size: int) -> str:
    """Whole pieces: what is cut may be of another kind than what it was cut from."""
    return piece * max(1, size // len(piece))


def _in_turn(pieces: Sequence[str], size: int) -> str:
    return repeated("".join(pieces), size)


def _in_any_order(pieces: Sequence[str], size: int) -> str:
    rng = random.Random(size)
    return "".join(rng.choices(pieces, k=size * len(pieces) // len("".join(pieces))))


def _in_runs(pieces: Sequence[str], size: int) -> str:
    return "".join(repeated(piece, size // len(pieces)) for piece in pieces)


def kinds_of(function: Callable[..., object]) -> list[list[str]]:
    """What each pattern of a function's module names: its words, letters and least matches."""
    found: list[list[str]] = []
    for value in vars(sys.modules[function.__module__]).values():
        for pattern in value.values() if isinstance(value, dict) else [value]:
            pattern = getattr(pattern, "__self__", pattern)  # noqa: PLW2901 (`compile(…).match`)
            if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
                tree = _parser.parse(pattern.pattern, pattern.flags)
                pieces = {*_words(tree), *(_least(tree, random.Random(n)) for n in range(3))}
                found.append(sorted(pieces - {""}))
    return [pieces for pieces in found if pieces]


def _words(tree: Any) -> Iterator[str]:
    """Runs of literals and the first letter of each class, wherever they stand in the pattern."""
    run = ""
    for kind, value in tree:
        if kind is op.LITERAL:
            run += chr(value)
            continue
        if run:
            yield run
        run = ""
        if kind is op.IN:
            yield from (chr(_first(item)) for item in value if _first(item))
        for below in _below(kind, value):
            yield from _words(below)
    if run:
        yield run


def _below(kind: Any, value: Any) -> list[Any]:
    if kind is op.BRANCH:
        return list(value[1])
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        return [value[2]]
    if kind is op.SUBPATTERN:
        return [value[3]]
    if kind is op.ATOMIC_GROUP:
        return [value]
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return [value[1]]
    return []


def _first(item: Any) -> int:
    kind, value = item
    if kind is op.LITERAL:
        return int(value)
    if kind is op.RANGE:
        return int(value[0])
    if kind is op.CATEGORY:
        return ord({op.CATEGORY_SPACE: " ", op.CATEGORY_DIGIT: "1"}.get(value, "a"))
    return 0


def _least(tree: Any, rng: random.Random) -> str:
    """A short text of the pattern's form, without regard to what must stand around it."""
    made = ""
    for kind, value in tree:
        if kind is op.LITERAL:
            made += chr(value)
        elif kind is op.IN:
            letters = [code for code in map(_first, value) if code]
            made += chr(rng.choice(letters)) if letters and value[0][0] is not op.NEGATE else "a"
        elif kind is op.BRANCH:
            made += _least(rng.choice(value[1]), rng)
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            made += "".join(_least(value[2], rng) for _ in range(max(1, value[0])))
        elif kind is op.SUBPATTERN:
            made += _least(value[3], rng)
        elif kind is op.ATOMIC_GROUP:
            made += _least(value, rng)
        elif kind in (op.ANY, op.NOT_LITERAL):
            made += "a"
    return made
