"""A place is where the same rules hold; what they do to a value is worked out once for it."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.privacy.detectors import KINDS, SHAPES, Scanner, Span
from gateway.privacy.policy.rules import FINAL, STRICTNESS, Hits, Rule, in_order

Claim = tuple[int, int, str, Rule]
"""Start, end, kind, and the rule that decides over this piece of a text."""

_KIND_ORDER = {kind: order for order, kind in enumerate(KINDS)}


class RuleSet:
    """What the rules that hold at one place of an event do to a value there."""

    __slots__ = ("drop", "hits", "keepers", "reads_shapes", "rules", "scanner", "steps")

    def __init__(self, hits: Hits, text: Hits) -> None:
        self.hits = hits
        self.rules = in_order(tuple(rule for rule in hits if rule.kinds), text)
        self.scanner = Scanner(kind for rule in self.rules for kind in rule.kinds)
        self.steps = _steps(hits)
        """Rules over the whole value, in order; only the last one can be final."""
        last = self.steps[-1] if self.steps else None
        self.keepers = tuple(
            rule
            for rule in self.rules
            if rule.action == "keep" and last is not None and rule.order < last.order
        )
        """Rules that come first and keep a value that is wholly of some kind."""
        self.reads_shapes = not SHAPES.keys().isdisjoint(self.scanner.kinds)
        self.drop = last if last is not None and last.action == "drop" and not last.by_key else None

    def claims(self, text: str, context: int) -> list[Claim]:
        """Which pieces of a text belong to which rule."""
        found = self.scanner.find(text, context)
        return claims(text, found, self.rules) if found else []


def _steps(hits: Hits) -> Hits:
    whole = tuple(rule for rule in hits if not rule.kinds)
    mine = [rule for rule in whole if not rule.schema]
    final = next((rule for rule in mine if rule.action in FINAL), None)
    steps = [rule for rule in mine if final is None or rule.order < final.order]
    theirs = max((r for r in whole if r.schema), key=lambda r: STRICTNESS[r.action], default=None)
    if theirs is not None and (
        final is None or STRICTNESS[theirs.action] > STRICTNESS[final.action]
    ):
        final = theirs  # the schema tightens
    return (*steps, final) if final is not None else tuple(steps)


def claims(text: str, found: Sequence[Span], rules: Hits) -> list[Claim]:
    """Who decides over which piece: earlier rules first, and no piece twice.

    Of two spans that overlap, the later one keeps what the earlier one does not cover, so that
    nothing of either stays.
    """
    wanted: list[tuple[int, int, int, int, str, Rule]] = []
    for start, end, kind in found:
        rule = next((rule for rule in rules if kind in rule.kinds), None)
        if rule is not None:
            wanted.append((rule.order, _KIND_ORDER[kind], start, end, kind, rule))
    if len(wanted) < 2:
        return [(start, end, kind, rule) for _, _, start, end, kind, rule in wanted]
    wanted.sort(key=lambda want: want[:4])
    taken = bytearray(len(text))
    pieces: list[Claim] = []
    for _, _, start, end, kind, rule in wanted:
        at = taken.find(0, start, end)
        while at >= 0:
            stop = taken.find(1, at, end)
            stop = end if stop < 0 else stop
            taken[at:stop] = b"\1" * (stop - at)
            if any(map(str.isalnum, text[at:stop])):
                pieces.append((at, stop, kind, rule))
            at = taken.find(0, stop, end)
    pieces.sort(key=lambda piece: piece[0])
    return _joined(pieces)


def _joined(pieces: list[Claim]) -> list[Claim]:
    joined = pieces[:1]
    for piece in pieces[1:]:
        start, end, *what = joined[-1]
        if piece[0] == end and [*piece[2:]] == what:
            joined[-1] = (start, *piece[1:])
        else:
            joined.append(piece)
    return joined
