"""Whoever answers in a vendor's place, with whatever status, takes no event and kills none."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from aiohttp import web

from gateway.destinations import Delivered, Destination, Rejected, RetryLater
from gateway.destinations.mixpanel.client import MixpanelDestination
from gateway.destinations.mixpanel.settings import MixpanelSettings
from gateway.destinations.segment.client import SegmentDestination
from gateway.destinations.segment.settings import SegmentSettings
from tests.destinations.events import Journal, made
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import Behaviour, Vendor, running

STATUSES = (200, 201, 202, 204, 302, 400, 401, 403, 404, 407, 413, 422, 429, 451, 500, 502, 508)
KINDS = (
    "application/json",
    "text/plain; charset=utf-8",
    "text/html",
    "image/gif",
    "text/xml",
    None,
)
DATA = KINDS[:2] + KINDS[-1:]
STRANGE = (
    "",
    "ok",
    "x" * 100_000,
    "<!doctype html><title>Sign in</title>",
    "Bad Request",
    "Request Entity Too Large",
    "null",
    "true",
    "2",
    "[]",
    "{}",
    '{"ok": true}',
    '{"status": "ok"}',
    '{"status": "OK"}',
    '{"success": "true"}',
    '{"success": 1}',
    '{"status": true}',
    '{"status": 1}',
    '{"message": "Forbidden"}',
    '{"code": 403, "message": "blocked"}',
    '{"timestamp": 1, "status": 400, "error": "Bad Request", "path": "/import"}',
    '{"error": {"code": 400, "message": "no"}}',
    '{"code": 999, "error": "of another status"}',
    "[" * 50_000,
    "\x00\ufffd{",
)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    settings: Mapping[str, str]
    takes: tuple[str, ...]
    """What the vendor says of a success, with any 2xx."""
    refuses: str
    """What it says of a 4xx; `%d` is its status."""


CASES = (
    Case("segment", {"write_key": "k"}, ('{"success": true}', "OK", ' {"success":true}\n'),
         '{"success": false, "code": "c%d", "message": "not valid"}'),
    Case("mixpanel", {"token": "t"},
         ("1", '{"error": null, "status": 1}',
          '{"code": 200, "num_records_imported": 1, "status": "OK"}',
          '{"code": 200, "num_records_imported": 1, "status": 1, "error": null}'),
         '{"code": %d, "error": "not valid", "status": "Bad Request"}'),
)  # fmt: skip


def opened(case: Case, url: str) -> Destination:
    given = {"type": case.name, "host": url, **case.settings}
    if case.name == "segment":
        return SegmentDestination("s", SegmentSettings.model_validate(given))
    return MixpanelDestination("m", MixpanelSettings.model_validate(given))


def answering(status: int, body: str, kind: str | None) -> Behaviour:
    async def behave(_: web.Request) -> web.StreamResponse:
        response = web.Response(status=status, body=body.encode())
        response.headers["Content-Type"] = kind or ""
        return response

    return behave


async def verdicts(
    case: Case, vendor: Vendor, answers: Sequence[tuple[int, str, str | None]]
) -> list[tuple[tuple[int, str, str | None], object]]:
    destination = opened(case, vendor.url)
    (request,) = made(destination, [Journal().segment(), Journal().segment()])
    found: list[tuple[tuple[int, str, str | None], object]] = []
    try:
        for answer in answers:
            vendor.script.append(answering(*answer))
            found.append((answer, await destination.send(request)))
    finally:
        await destination.close()
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_no_answer_of_a_stranger_settles_anything(case: Case) -> None:
    shapes = [*itertools.product(STATUSES, STRANGE, KINDS)]
    own = (*case.takes, *(case.refuses % status for status in STATUSES))
    shapes += itertools.product(STATUSES, own, set(KINDS) - set(DATA))
    async with running(FakeSegment()) as vendor:
        for answer, verdict in await verdicts(case, vendor, shapes):
            assert isinstance(verdict, RetryLater), answer
            status = answer[0]
            is_word_enough = status in (302, 429) or status >= 500
            assert verdict.cause.startswith("not an answer of") != is_word_enough, answer
            assert str(status) in verdict.cause


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_vendors_own_words_count(case: Case) -> None:
    async with running(FakeSegment()) as vendor:
        taken = [*itertools.product((200, 201, 202), case.takes, DATA)]
        for answer, verdict in await verdicts(case, vendor, taken):
            assert verdict == Delivered(), answer
        refused = [
            (status, case.refuses % status, kind)
            for status, kind in itertools.product((400, 413, 422), DATA)
        ]
        for answer, verdict in await verdicts(case, vendor, refused):
            assert isinstance(verdict, Rejected), answer
            assert verdict.status == answer[0]
        locked = [(status, case.refuses % status, DATA[0]) for status in (401, 403, 404)]
        for answer, verdict in await verdicts(case, vendor, locked):
            assert verdict == RetryLater(f"http {answer[0]}"), answer
