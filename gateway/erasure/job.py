"""An erasure is on disk from its first moment to its last, and its receipt stays when it is gone.

`erasures/` in the data folder holds what is not finished, for this user alone: the ids as the
policy lets events keep them, pseudonyms mostly, and never what a person gave. A receipt in
`receipts/` names nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from gateway import durable
from gateway.timestamps import timestamp

FOLDER = "erasures"
RECEIPTS = "receipts"

Fate = Literal["pending", "accepted", "done", "failed", "not asked"]


@dataclass(slots=True)
class Request:
    """What one destination has to do."""

    state: Fate = "pending"
    detail: str = ""
    job: str = ""
    ids: list[str] = field(default_factory=list)
    """The ids that the vendor has; none once it has accepted them."""
    again_at: float = 0.0
    """When to ask, or to look, again. Epoch seconds."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to ask."""
        return self.state in ("done", "not asked")


@dataclass(slots=True)
class Job:
    """One erasure."""

    id: str
    asked_at: float
    suppress: bool = False
    joined: bool = False
    ids: list[str] = field(default_factory=list)
    """As clean events hold them. None once nothing of the person is kept here any more."""
    devices: list[str] = field(default_factory=list)
    are_found: bool = False
    """Whether what is joined to them is among these."""
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    """The lines of each file that go, by folder."""
    events: int = 0
    letters: int = 0
    more: dict[str, int] = field(default_factory=dict)
    """What extensions took out, by place."""
    unread: list[str] = field(default_factory=list)
    """Files that a person must look at."""
    is_local_done: bool = False
    finished_at: float | None = None
    trouble: str = ""
    """Why it does not go on just now."""
    requests: dict[str, Request] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do or to wait for."""
        return self.is_local_done and all(one.is_over for one in self.requests.values())

    def next_request(self) -> float:
        """When a vendor is to be asked next. Epoch seconds."""
        return min((one.again_at for one in self.requests.values() if not one.is_over), default=0.0)

    def receipt(self) -> dict[str, Any]:
        """What was done, without a name."""
        return {
            "id": self.id,
            "state": self._state(),
            "asked_at": timestamp(self.asked_at),
            "finished_at": None if self.finished_at is None else timestamp(self.finished_at),
            "suppressed": self.suppress,
            "joined": self.joined,
            "erased": {
                "waiting_events": self.events,
                "dead_letters": self.letters,
                "files": {folder: sum(found.values()) for folder, found in self.files.items()},
                **self.more,
            },
            "files_not_read": self.unread,
            "trouble": self.trouble or None,
            "destinations": {
                name: {"state": one.state, "detail": one.detail or None}
                for name, one in self.requests.items()
            },
        }

    def _state(self) -> str:
        if not self.is_local_done:
            return "erasing"
        return "done" if self.is_over else "waiting for vendors"

    def save(self, data_dir: Path) -> None:
        """Keep it, durably. Blocks. Raises OSError."""
        _put(data_dir / FOLDER / f"{self.id}.json", orjson.dumps(asdict(self)))

    def write_receipt(self, data_dir: Path) -> None:
        """Write the receipt as it is by now, durably. Blocks. Raises OSError."""
        text = orjson.dumps(self.receipt(), option=orjson.OPT_INDENT_2)
        _put(data_dir / RECEIPTS / f"{self._name()}.json", text)

    def forget(self, data_dir: Path) -> None:
        """The receipt is all that stays. Blocks. Raises OSError."""
        (data_dir / FOLDER / f"{self.id}.json").unlink(missing_ok=True)
        durable.sync(data_dir / FOLDER)

    def _name(self) -> str:
        moment = timestamp(self.asked_at).replace(":", "").replace(".", "")
        return f"{moment}-{self.id}"


def open_jobs(data_dir: Path) -> Iterator[Job]:
    """Those that are not finished, oldest first. Blocks. Raises OSError."""
    found = [_read(file) for file in (data_dir / FOLDER).glob("*.json")]
    yield from sorted(found, key=lambda job: job.asked_at)


def receipts(data_dir: Path, job: str | None = None) -> list[dict[str, Any]]:
    """All receipts, or those of one erasure, oldest first. Blocks. Raises OSError."""
    found = sorted((data_dir / RECEIPTS).glob(f"*-{job}.json" if job else "*.json"))
    return [orjson.loads(file.read_bytes()) for file in found]


def _read(file: Path) -> Job:
    fields: dict[str, Any] = orjson.loads(file.read_bytes())
    requests: Mapping[str, Any] = fields.pop("requests")
    return Job(**fields, requests={name: Request(**one) for name, one in requests.items()})


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    durable.put(file, content)
