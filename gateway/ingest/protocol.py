"""What the ingest of a protocol declares, each in its folder of `gateway.ingest` as `INGEST`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.config.model import Limits
from gateway.event import Protocol
from gateway.ingest import IngestBackend, Intake, Sources
from gateway.ingest.client_info import Sender


@dataclass(frozen=True, slots=True)
class Sample:
    """What `gateway explain` or a test case was given, as if a source had sent it."""

    body: bytes
    value: Any
    """The body's JSON."""
    authorization: str
    """Basic, with a key of the source."""
    sources: Sources
    limits: Limits
    sender: Sender
    received_at: float
    """Epoch seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolIngest:
    """The routes of a protocol, and its reader for samples."""

    protocol: Protocol
    add_routes: Callable[[web.Application, IngestBackend], None]
    read_sample: Callable[[Sample], Intake | None]
    """The events in it; None where it is none of this protocol. Raises RequestError."""
    example: bytes
    """A body that `read_sample` reads, of one event. Tests explain it. Its key is a demo's."""
    takes_the_rest: bool
    """Whether it also answers for, and reads, what no other protocol knows. It then comes last."""
