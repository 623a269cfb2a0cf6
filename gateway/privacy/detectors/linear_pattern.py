"""A pattern that somebody wrote is run only if its work on any text is known to be small.

Python's engine tries again and again where a pattern may match in several ways. So the number of
ways is counted on the parsed pattern before it ever runs: the steps at one place of a text have a
limit, and with them the steps for all of it grow as the text does. `+` and `*` reach 64 characters.
"""

from __future__ import annotations

import re
from functools import reduce
from re import _compiler, _parser  # type: ignore[attr-defined]
from re import _constants as op  # type: ignore[attr-defined]
from typing import Any, NamedTuple

REACH = 64
"""How many characters `+` and `*` reach."""
MOST_STEPS = 1024
"""At one place of a text."""
_LONGEST = 1000
_ALPHABET = (*map(chr, range(128)), "\u00a0", "\u0663", "\u00e9", "\u2014")
"""ASCII, and a space, a digit, a letter and another sign that stand for all that is not."""
_OTHERS = frozenset(range(128, len(_ALPHABET)))
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
_OF_ONE = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)


class _Cost(NamedTuple):
    ways: int  # in how many ways it can match at one place
    steps: int  # until it has tried all of them
    first: frozenset[int]  # characters that a match can begin with
    can_be_empty: bool


_NOTHING = _Cost(1, 1, frozenset(), can_be_empty=True)


def compile_linear(text: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """The pattern with its reach. Raises ValueError with what to write instead."""
    if len(text) > _LONGEST:
        raise ValueError(f"the pattern is longer than {_LONGEST} characters")
    flags = re.IGNORECASE if ignore_case else re.NOFLAG
    try:
        parsed = _parser.parse(text, flags)
        tree = _within_reach(parsed)
        least, _ = tree.getwidth()
        if not least:
            raise ValueError("the pattern can match an empty text; say what must be there")
        _cost(tree, frozenset(), tree.state.flags)
        pattern: re.Pattern[str] = _compiler.compile(tree, tree.state.flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"the pattern is no regular expression: {error}") from None
    return pattern


def _within_reach(tree: Any, *, is_end: bool = True) -> Any:
    """The same pattern in which no repetition is without end.

    One of a single character at the end of the pattern may be: it never has to go back.
    """
    for i, (kind, given) in enumerate(tree):
        is_last = is_end and i == len(tree) - 1
        if kind in _REPEATS:
            low, high, inner = given
            is_run = is_last and len(inner) == 1 and inner[0][0] in _OF_ONE
            if high is op.MAXREPEAT and not is_run:
                high = max(low, REACH)
            tree[i] = (kind, (low, high, _within_reach(inner, is_end=False)))
        elif kind is op.SUBPATTERN:
            _within_reach(given[3], is_end=is_last)
        elif kind is op.BRANCH:
            for branch in given[1]:
                _within_reach(branch, is_end=False)
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            _within_reach(given[1], is_end=False)
        elif kind is op.ATOMIC_GROUP:
            _within_reach(given, is_end=False)
        elif kind in (op.GROUPREF, op.GROUPREF_EXISTS):
            raise ValueError("the pattern refers to a group; write what the group holds instead")
    tree.width = None
    return tree


def _cost(tree: Any, follow: frozenset[int], flags: int) -> _Cost:
    """Of a sequence; `follow` are the characters that may stand behind it, none at the end."""
    after = follow
    costs: list[_Cost] = []
    for kind, given in reversed(list(tree)):
        cost = _of(kind, given, after, flags)
        costs.append(cost)
        after = cost.first | after if cost.can_be_empty else cost.first
    return reduce(_one_after_another, reversed(costs), _NOTHING)


def _one_after_another(left: _Cost, right: _Cost) -> _Cost:
    steps = left.steps + left.ways * right.steps
    if steps > MOST_STEPS:
        raise ValueError(
            "the pattern can match one text in too many ways; give its repetitions limits such as"
            " {1,20}, and let what follows each differ from what it repeats"
        )
    first = left.first | right.first if left.can_be_empty else left.first
    return _Cost(
        left.ways * right.ways, steps, first, can_be_empty=left.can_be_empty and right.can_be_empty
    )


def _of(kind: Any, given: Any, follow: frozenset[int], flags: int) -> _Cost:
    if kind in _OF_ONE:
        return _Cost(1, 1, _characters(kind, given, flags), can_be_empty=False)
    if kind in _REPEATS:
        return _repeated(kind, given, follow, flags)
    if kind is op.SUBPATTERN:
        return _cost(given[3], follow, flags | given[1])
    if kind is op.ATOMIC_GROUP:
        return _cost(given, follow, flags)._replace(ways=1)
    if kind is op.BRANCH:
        branches = [_cost(branch, follow, flags) for branch in given[1]]
        return _Cost(
            sum(branch.ways for branch in branches),
            sum(branch.steps for branch in branches),
            frozenset[int]().union(*(branch.first for branch in branches)),
            can_be_empty=any(branch.can_be_empty for branch in branches),
        )
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return _NOTHING._replace(steps=_cost(given[1], frozenset(), flags).steps)
    if kind is op.AT:
        return _NOTHING
    raise ValueError("the pattern has a part that is not supported here")


def _repeated(kind: Any, given: Any, follow: frozenset[int], flags: int) -> _Cost:
    low, high, inner = given
    if high is op.MAXREPEAT:
        high = max(low, REACH)
    body = _cost(inner, frozenset(), flags)
    body = _cost(inner, follow | body.first, flags)
    if body.can_be_empty and high > 1:
        raise ValueError(
            "the pattern repeats what can be empty; let each repetition hold something"
        )
    counts = high - low + 1
    is_clear = not (body.first & follow) or kind is op.POSSESSIVE_REPEAT
    ways = 1 if is_clear and body.ways == 1 else _all_ways(body.ways, low, high)
    steps = body.steps * high * max(1, min(body.ways**high, MOST_STEPS)) + counts
    if ways > MOST_STEPS or steps > MOST_STEPS:
        raise ValueError(
            "the pattern repeats a repetition, which one text can match in too many ways; write"
            " limits such as {1,20}, or another character between the two"
        )
    return _Cost(ways, steps, body.first, can_be_empty=low == 0 or body.can_be_empty)


def _all_ways(ways: int, low: int, high: int) -> int:
    if ways == 1:
        return high - low + 1
    total = 0
    for count in range(low, high + 1):
        total += ways**count
        if total > MOST_STEPS:
            break
    return total


def _characters(kind: Any, given: Any, flags: int) -> frozenset[int]:
    """Which characters of the alphabet one part of a pattern takes; rather too many."""
    state = _parser.State()
    state.flags = flags & ~re.VERBOSE | re.UNICODE
    one = _compiler.compile(_parser.SubPattern(state, [(kind, given)]), state.flags)
    found = frozenset(code for code, letter in enumerate(_ALPHABET) if one.match(letter))
    return found | _OTHERS if _names_others(kind, given) else found


def _names_others(kind: Any, given: Any) -> bool:
    if kind is op.LITERAL:
        return bool(given >= 128)
    if kind is op.IN:
        return any(
            what >= 128 if part is op.LITERAL else part is op.RANGE and what[1] >= 128
            for part, what in given
        )
    return False
