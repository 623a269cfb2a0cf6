"""The vendors' deletion APIs, as their public documentation describes them.

Segment: docs.segmentapis.com, Deletion and Suppression. Mixpanel: docs.mixpanel.com, GDPR API.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.fakes.vendor import Vendor

REGULATIONS = frozenset(
    {
        "DELETE_INTERNAL",
        "DELETE_ONLY",
        "SUPPRESS_ONLY",
        "SUPPRESS_WITH_DELETE",
        "SUPPRESS_WITH_DELETE_INTERNAL",
        "UNSUPPRESS",
    }
)


class FakeRegulations(Vendor):
    """Segment's Public API: regulations of a workspace, and of its one source."""

    def __init__(self, token: str = "public-api-token", source: str = "source-1") -> None:
        super().__init__()
        self.token = token
        self.source = source
        self.status = "RUNNING"
        """What every regulation is said to be."""
        self.regulations: dict[str, dict[str, Any]] = {}

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _errors(401, "unauthorized")
        if request.method == "GET" and request.path.startswith("/regulations/"):
            name = request.path.rpartition("/")[2]
            if name not in self.regulations:
                return _errors(404, "not-found")
            regulation = {"id": name, "workspaceId": "w", "overallStatus": self.status}
            return web.json_response({"data": {"regulation": regulation}})
        if request.method != "POST" or request.path not in (
            "/regulations",
            f"/regulations/sources/{self.source}",
        ):
            return _errors(404, "not-found")
        asked = json.loads(body)
        is_good = (
            asked.keys() == {"regulationType", "subjectType", "subjectIds"}
            and asked["regulationType"] in REGULATIONS
            and asked["subjectType"] == "USER_ID"
            and 0 < len(asked["subjectIds"]) <= 5000
            and all(isinstance(one, str) and one for one in asked["subjectIds"])
        )
        if not is_good:
            return _errors(422, "validation-failure")
        name = f"regulation-{len(self.regulations) + 1}"
        self.regulations[name] = asked
        return web.json_response({"data": {"regulateId": name}})


class FakeDeletionTasks(Vendor):
    """Mixpanel's GDPR API, of one project."""

    def __init__(self, token: str = "gdpr-token", project: str = "project-token") -> None:
        super().__init__()
        self.token = token
        self.project = project
        self.status = "PENDING"
        """What every task is said to be."""
        self.tasks: dict[str, dict[str, Any]] = {}

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"status": "error", "error": "unauthorized"}, status=401)
        if request.query.get("token") != self.project:
            return web.json_response({"status": "error", "error": "forbidden"}, status=403)
        head, _, name = request.path.rpartition("/")
        if head != "/api/app/data-deletions/v3.0":
            return web.json_response({"status": "error", "error": "not found"}, status=404)
        if request.method == "GET":
            status = self.status if name in self.tasks else "NOT_FOUND"
            results = {"tracking_id": name, "status": status, "compliance_type": "GDPR"}
            return web.json_response({"status": "ok", "results": results})
        asked = json.loads(body)
        is_good = asked.get("compliance_type") in ("GDPR", "CCPA") and all(
            isinstance(one, str) for one in asked["distinct_ids"]
        )
        if name or request.method != "POST" or not is_good or len(asked["distinct_ids"]) > 2000:
            return web.json_response({"status": "error", "error": "bad request"}, status=400)
        task = f"{len(self.tasks) + 1:016}"
        self.tasks[task] = asked
        return web.json_response({"status": "ok", "results": {"task_id": task}}, status=201)


def _errors(status: int, kind: str) -> web.StreamResponse:
    return web.json_response({"errors": [{"type": kind}]}, status=status)
