"""Segment deletes people by regulations of its Public API.

docs.segmentapis.com, Deletion and Suppression: `POST /regulations` for a workspace and
`POST /regulations/sources/{id}` for a source answer `{"data": {"regulateId": …}}`;
`GET /regulations/{regulateId}` says `overallStatus`. Subjects are user ids; of anonymous ids
Segment deletes what it knows beside a user id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Answer
from gateway.destinations.deletion import Api, text_in
from gateway.destinations.segment.settings import SegmentDeletion as Settings

_UNDER_WAY = frozenset({"INITIALIZED", "RUNNING"})


class Regulations:
    """The regulations of one workspace."""

    def __init__(self, name: str, settings: Settings, outgoing: Outgoing) -> None:
        self._settings = settings
        self._api = Api(name, settings.token, outgoing)

    async def ask(self, ids: Sequence[str], *, suppress: bool) -> Answer:
        """Create a regulation."""
        source = self._settings.source_id
        kind = "SUPPRESS_WITH_DELETE" if suppress else "DELETE_ONLY"
        if not self._settings.forward:
            kind = "SUPPRESS_WITH_DELETE_INTERNAL" if suppress else "DELETE_INTERNAL"
        body = {"regulationType": kind, "subjectType": "USER_ID", "subjectIds": list(ids)}
        below = f"/sources/{quote(source, safe='')}" if source else ""
        url = f"{self._settings.host}/regulations{below}"
        return await self._api.call("POST", url, body, _created)

    async def status(self, job: str) -> Answer:
        """Look at a regulation."""
        url = f"{self._settings.host}/regulations/{quote(job, safe='')}"

        def read(found: Mapping[str, Any]) -> Answer | None:
            state = text_in(found, "data", "regulation", "overallStatus")
            if state in _UNDER_WAY:
                return Answer("accepted", job)
            if state == "FINISHED":
                return Answer("done", job)
            return Answer("failed", job, f"Segment says {state.lower()}") if state else None

        return await self._api.call("GET", url, None, read)


def _created(found: Mapping[str, Any]) -> Answer | None:
    job = text_in(found, "data", "regulateId")
    return Answer("accepted", job) if job else None
