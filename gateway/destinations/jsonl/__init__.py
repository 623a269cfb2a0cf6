"""Files of JSON lines below data_dir; `type: file` in routing.yaml."""

from __future__ import annotations

from gateway.destinations.contract import Destination, DestinationType, Example, Opening, Service
from gateway.destinations.jsonl.health import probe
from gateway.destinations.jsonl.settings import FileSettings


def _make(opening: Opening[FileSettings]) -> Destination:
    from gateway.destinations.jsonl.client import file_destination  # noqa: PLC0415 (when it is used)

    return file_destination(opening.name, opening.settings, opening.data_dir, opening.clock)


DESTINATION = DestinationType(
    name="file",
    settings=FileSettings,
    make=_make,
    probe=probe,
    integration=(),
    body=None,
    service=lambda _: Service(),
    deletion=None,
    secrets=frozenset(),
    example=Example({"path": "events"}),
)
