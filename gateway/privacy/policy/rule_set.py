"""A place is where the same rules hold; what they do to a value is worked out once for it.

Rules take effect in the order of the file, so a text may be read several times: before a rule over
the whole value by those that stand above it, afterwards by those below. `stages` says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.privacy.detectors import KINDS, SHAPES, Detector, Scanner, Span
from gateway.privacy.policy.rules import FINAL, STRICTNESS, Hits, Rule, in_order

Claim = tuple[int, int, str, Rule]
"""Start, end, kind, and the rule that decides over this piece of a text."""

_KIND_ORDER = {kind: order for order, kind in enumerate(KINDS)}
_FIRST, _LAST = -(1 << 30), 1 << 30


class Window(NamedTuple):
    """The rules between two places of the file."""

    after: int = _FIRST
    before: int = _LAST
    every_kind: bool = False  # and all detectors, wherever they stand

    def holds(self, rule: Rule) -> bool:
        """Whether a rule acts in it. What a `keep` above it kept stays kept."""
        if self.after < rule.order < self.before:
            return True
        is_kept = rule.action == "keep" and rule.order < self.before
        return is_kept or (self.every_kind and bool(rule.kinds))

    def inside(self, hits: Hits) -> Hits:
        """The rules on pieces among them."""
        return tuple(rule for rule in hits if rule.kinds and self.holds(rule))


Stage = tuple[Rule, Window | None]
"""A rule over the whole value, and the rules that act inside the value before it."""


class RuleSet:
    """What the rules that hold at one place of an event do to a value there."""

    __slots__ = (
        "decided_at",
        "drop",
        "drops",
        "drops_empty",
        "hits",
        "is_taken",
        "keepers",
        "reads_shapes",
        "rest",
        "rules",
        "scanner",
        "stages",
        "steps",
    )

    def __init__(
        self,
        hits: Hits,
        text: Hits,
        named: Sequence[int] = (),
        own: Sequence[Detector] = (),
        *,
        closed: bool = False,
    ) -> None:
        """`named`: the orders of the rules on names; `closed`: the policy is an allow-list."""
        self.hits = hits
        self.rules = in_order(tuple(rule for rule in hits if rule.kinds), text)
        self.scanner = Scanner((kind for rule in self.rules for kind in rule.kinds), own)
        self.steps = _steps(hits)
        """Rules over the whole value, in order; only the last one can be final."""
        last = self.steps[-1] if self.steps else None
        self.keepers = tuple(
            rule
            for rule in self.rules
            if rule.action in ("keep", "drop") and last is not None and rule.order < last.order
        )
        """Rules that come first and decide over a value that is wholly of some kind."""
        if last is not None and last.default:
            self.keepers = tuple(rule for rule in self.keepers if rule.action == "keep")
        self.is_taken = last is not None and last.action in ("drop", "mask")
        """Whether nothing of a value is left in the end, whatever is done to pieces of it."""
        self.stages = tuple(self._stages(named, closed=closed))
        after = max((window.before for _, window in self.stages if window), default=None)
        self.rest = None if after is None else Window(after)
        """What acts inside the value after all stages; None: every rule, as none has acted yet."""
        self.reads_shapes = not SHAPES.keys().isdisjoint(self.scanner.kinds)
        self.decided_at = (
            last.order if last is not None and last.action == "keep" and not closed else _LAST
        )
        """Where a `keep` ends it for all values here."""
        self.drops = last is not None and last.action == "drop"
        self.drops_empty = self.drops and (closed or not (last is not None and last.by_key))
        """Whether an object or an array with nothing in it goes, too."""
        self.drop = last if last is not None and last.action == "drop" and not last.by_key else None

    def _stages(self, named: Sequence[int], *, closed: bool) -> Iterator[Stage]:
        kinds = [rule.order for rule in self.rules]
        since = _FIRST
        for rule in self.steps:
            is_keep = rule.action == "keep"
            acting = [*kinds, *named] if is_keep else kinds
            needed = any(since < order < rule.order for order in acting)
            if closed and is_keep and kinds:
                yield rule, Window(since, rule.order, every_kind=True)
            elif needed and not self.is_taken:
                yield rule, Window(since, rule.order)
                since = rule.order
            else:
                yield rule, None

    def not_decided(self, hits: Hits) -> Hits:
        """Those of the rules that stand above the one that decides over all values here."""
        return tuple(rule for rule in hits if rule.order < self.decided_at) if self.steps else hits

    def claims(self, text: str, context: int) -> list[Claim]:
        """Which pieces of a text belong to which rule."""
        found = self.scanner.find(text, context)
        return claims(text, found, self.rules) if found else []

    def claim_of_number(self, value: float, context: int) -> tuple[str, Rule] | None:
        """The kind of a number, and the rule that decides over it."""
        kinds = self.scanner.kinds_of_number(value, context)
        for rule in self.rules if kinds else ():
            for kind in kinds:
                if kind in rule.kinds:
                    return kind, rule
        return None


def _steps(hits: Hits) -> Hits:
    whole = tuple(rule for rule in hits if not rule.kinds)
    mine = [rule for rule in whole if not rule.schema]
    if len(mine) > 1 and mine[-1].default:
        del mine[-1]  # a rule lets the value out
    final = next((rule for rule in mine if rule.action in FINAL), None)
    steps = [rule for rule in mine if final is None or rule.order < final.order]
    theirs = max((r for r in whole if r.schema), key=lambda r: STRICTNESS[r.action], default=None)
    if theirs is not None and (
        final is None or STRICTNESS[theirs.action] > STRICTNESS[final.action]
    ):  # the schema tightens
        if theirs.action in FINAL:
            final = theirs
        else:
            steps.insert(0, theirs)
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
            wanted.append((rule.order, _KIND_ORDER.get(kind, -1), start, end, kind, rule))
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
