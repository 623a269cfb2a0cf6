"""Mixpanel deletes people by tasks of its GDPR API.

docs.mixpanel.com, GDPR API: `POST /api/app/data-deletions/v3.0/?token=…` answers 201 with
`{"status": "ok", "results": {"task_id": …}}`; `GET …/{task_id}` says `results.status`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gateway.config.outgoing import Outgoing
from gateway.destinations.contract import Answer
from gateway.destinations.deletion import Api, text_in
from gateway.destinations.mixpanel.settings import MixpanelDeletion, MixpanelSettings

_DEVICE = "$device:"
_UNDER_WAY = frozenset({"PENDING", "STAGING", "STARTED", "UNKNOWN"})


class DeletionTasks:
    """The deletion tasks of one project."""

    def __init__(
        self, name: str, project: MixpanelSettings, settings: MixpanelDeletion, outgoing: Outgoing
    ) -> None:
        self._settings = settings
        self._identity = project.identity
        self._token = project.token
        self._api = Api(name, settings.token, outgoing)

    async def ask(self, ids: Sequence[str], *, suppress: bool) -> Answer:  # noqa: ARG002 (Mixpanel has no list)
        """Create a task. With the simplified merge a device has a distinct id of its own."""
        devices = [f"{_DEVICE}{one}" for one in ids] if self._identity == "simplified" else []
        body = {"distinct_ids": [*ids, *devices], "compliance_type": self._settings.compliance}
        return await self._api.call("POST", self._url(""), body, _created)

    async def status(self, job: str) -> Answer:
        """Look at a task."""

        def read(found: Mapping[str, Any]) -> Answer | None:
            state = text_in(found, "results", "status")
            if state in _UNDER_WAY:
                return Answer("accepted", job)
            if state == "SUCCESS":
                return Answer("done", job)
            return Answer("failed", job, f"Mixpanel says {state.lower()}") if state else None

        return await self._api.call("GET", self._url(quote(job, safe="")), None, read)

    def _url(self, job: str) -> str:
        path = f"/api/app/data-deletions/v3.0/{job}"
        return f"{self._settings.host}{path}?token={quote(self._token, safe='')}"


def _created(found: Mapping[str, Any]) -> Answer | None:
    job = text_in(found, "results", "task_id")
    return Answer("accepted", job) if job else None
