"""What the shipped policy finds of a corpus, and what it takes that is nobody's.

`python -m benchmarks.corpus` prints recall per class and false changes for the tuning half;
`--unseen` for both halves. `--missed` lists the cases of the tuning half that failed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from gateway.config import load
from gateway.pipeline.decide import Rules, decide
from gateway.pipeline.rules import compile_rules
from gateway.privacy import Pseudonymizer
from tests.privacy.corpus import Case, lookalikes, personal

NOT_DETECTORS = ("structure", "encoding", "person")


def shipped_rules() -> Rules:
    return compile_rules(load(Path("config/gateway.yaml"), {}), {}, Pseudonymizer(bytes(range(32))))


def passes(case: Case, rules: Rules) -> bool:
    """Whether what must go has gone, or a look-alike is as it was."""
    decision = decide(case.event(), rules)
    if decision.event is None:
        return False
    message = decision.event.message
    return case.is_hidden(message) if case.hidden else case.is_untouched(message)


def score(cases: Iterable[Case], rules: Rules) -> tuple[Counter[str], Counter[str], list[Case]]:
    """How many there are of each class, how many passed, and those that did not."""
    total: Counter[str] = Counter()
    good: Counter[str] = Counter()
    failed: list[Case] = []
    for case in cases:
        total[case.sort] += 1
        if passes(case, rules):
            good[case.sort] += 1
        else:
            failed.append(case)
    return total, good, failed


def report(half: str, rules: Rules, *, list_failed: bool) -> None:
    unseen = half == "unseen"
    print(f"  the {half} half")
    total, good, failed = score((c for c in personal() if c.is_unseen is unseen), rules)
    detectors = [sort for sort in total if sort not in NOT_DETECTORS]
    groups = {"detectors": detectors, **{sort: [sort] for sort in (*detectors, *NOT_DETECTORS)}}
    for name, sorts in groups.items():
        found, of = sum(good[s] for s in sorts), sum(total[s] for s in sorts)
        print(f"    {name:14} {found:4} of {of:4}   {found / of:.3f}")
    total, good, eaten = score((c for c in lookalikes() if c.is_unseen is unseen), rules)
    changed, of = len(eaten), total.total()
    print(f"    changed look-alikes {changed} of {of}   {changed / of:.3f}")
    by_key = sum(case.sort == "key" for case in eaten)
    print(f"      of them by a rule on keys {by_key} of {total['key']}")
    if list_failed:
        for case in failed + eaten:
            print("   ", case.sort, case.line[:150])


def main() -> None:
    rules = shipped_rules()
    report("tuning", rules, list_failed="--missed" in sys.argv)
    if "--unseen" in sys.argv:
        report("unseen", rules, list_failed=False)


if __name__ == "__main__":
    main()
