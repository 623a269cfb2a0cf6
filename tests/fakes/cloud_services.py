"""Appsmith's cloud services, as appsmith-telemetry.md describes them."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from typing import Any

from aiohttp import web

from tests.fakes.vendor import Behaviour, Vendor

RELEASES = {
    "totalCount": 1,
    "nodes": [
        {
            "tagName": "v1.62",
            "name": "v1.62",
            "url": "https://releases.example/v1.62",
            "descriptionHtml": "<p>synthetic</p>",
            "publishedAt": "2026-02-24T09:00:00Z",
        }
    ],
}
LICENCE = b'{ "responseMeta":{"status":200,"success":true},\n "data" : {"valid":true} }\n'
SIGNATURE = "t=1772704801, v1=c2lnbmVk"


class CloudServices(Vendor):
    """Takes reports that are signed with `license_key`, and keeps their pulses."""

    def __init__(self, license_key: str = "SYNTH-LICENSE-0000") -> None:
        super().__init__()
        self.license_key = license_key
        self.reports: list[dict[str, Any]] = []

    @property
    def pulses(self) -> list[dict[str, Any]]:
        return [pulse for report in self.reports for pulse in report["usageData"]]

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        match request.method, request.path.removeprefix("/base"):
            case "GET", "/api/v1/releases":
                return _done(RELEASES)
            case "GET", "/api/v1/ip":
                return _done("203.0.113.24")
            case "POST", "/api/v1/installations":
                return _done(data=True, status=201)
            case "POST", "/api/v1/feature-flags":
                return _done({})
            case "POST", "/api/v1/usage/report":
                return self._report(json.loads(body))
            case _, "/api/v1/license/check":
                headers = {
                    "Content-Encoding": "gzip",
                    "X-Appsmith-Signature": SIGNATURE,
                    "ETag": '"licence"',
                    "Server": "cloud",
                    "Set-Cookie": "a=1; Path=/",
                }
                response = web.Response(body=gzip.compress(LICENCE, mtime=0), headers=headers)
                response.headers.add("Set-Cookie", "b=2; Path=/")
                return response
        return failure(404)

    def _report(self, report: dict[str, Any]) -> web.StreamResponse:
        key, message = self.license_key.encode(), report["message"].encode()
        expected = hmac.new(key, message, hashlib.sha256).hexdigest().upper()
        if not hmac.compare_digest(expected, report["hashedMessage"]):
            return failure(401)
        self.reports.append(report)
        return _done(data=True)


def failure(status: int) -> web.Response:
    return web.json_response({"responseMeta": {"status": status, "success": False}}, status=status)


def declines() -> Behaviour:
    """200, and not a success all the same."""

    async def behave(request: web.Request) -> web.StreamResponse:
        return web.json_response({"responseMeta": {"status": 200, "success": False}})

    return behave


def _done(data: Any, status: int = 200) -> web.Response:
    meta = {"status": status, "success": True}
    return web.json_response({"responseMeta": meta, "data": data}, status=status)
