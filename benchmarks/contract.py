"""What the contract costs an event, beside what `jsonschema` would take for the same verdict.

Prints microseconds per event: `python benchmarks/contract.py`.
"""

from __future__ import annotations

import copy
import json
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from gateway.config.model import Schemas
from gateway.contract import Catalogue, examine, load_catalogue
from gateway.contract.library import Library
from gateway.contract.source import read
from gateway.event import RawEvent

FOLDER = Path(__file__).parent.parent / "schemas"
SETTINGS = Schemas()


def microseconds(call: Callable[[], object], times: int = 20_000) -> float:
    """The best of five runs: what the machine can do when nothing else disturbs it."""
    return min(timeit.repeat(call, number=times, repeat=5)) / times * 1e6


def event(message: dict[str, Any], kind: str = "track") -> RawEvent:
    return RawEvent("demo", "segment", kind, message.get("event"), message, received_at=0)


def example(name: str, index: int = 0) -> dict[str, Any]:
    document = json.loads((FOLDER / f"{name}.schema.json").read_text("utf-8"))
    message: dict[str, Any] = document["examples"][index]
    return message


def costs(catalogue: Catalogue, raw: RawEvent) -> tuple[float, float]:
    """Matching alone, and all of it."""
    return (
        microseconds(lambda: catalogue.match(raw)),
        microseconds(lambda: examine(raw, catalogue.match(raw), SETTINGS), 5_000),
    )


def main() -> None:
    start = timeit.default_timer()
    catalogue = load_catalogue(FOLDER)
    seconds = timeit.default_timer() - start
    print(f"  load and check {len(catalogue.plans)} schemas  {seconds:8.2f} s")

    described = example("appsmith/execute-action-triggered")
    invalid = copy.deepcopy(described)
    invalid["properties"] |= {"timeElapsed": "18", "isSuccessfulExecution": None, "stranger": 1}
    events = {
        "described event": described,
        "event of a family, by pattern": example("appsmith/object-lifecycle")
        | {"event": "delete_WORKSPACE"},
        "event without a schema": example("segment/track"),
        "event of the Python SDK, with nulls": example("segment/track", 1),
        "event with a violation": invalid,
    }
    for label, message in events.items():
        matching, whole = costs(catalogue, event(message))
        print(f"  {label:36} match {matching:5.2f} µs, match and examine {whole:6.2f} µs")

    names = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.schema.json")]
    library = Library({name.removesuffix(".schema.json"): read(FOLDER / name) for name in names})
    name = "appsmith/execute-action-triggered"
    oracle = Draft202012Validator(
        {**library.documents[name].value, "$id": library.address(name)},
        registry=library.python_registry(),
    )
    engine = catalogue.plans[name].engine
    reference = microseconds(lambda: oracle.is_valid(described), 200)
    compiled = microseconds(lambda: engine.is_valid(described))
    ratio = reference / compiled
    print(f"  engine alone {compiled:.2f} µs, jsonschema {reference:.0f} µs: {ratio:.0f} times")


if __name__ == "__main__":
    main()
