"""Who may not, hears no; and no other site's page can borrow the hands of who may."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from gateway.admin import wrong_tokens
from gateway.admin.sessions import SECONDS, Sessions
from gateway.admin.wrong_tokens import (
    MOST_DELAYED,
    WAIT_SECONDS,
    WRONG_TRIES,
    WRONG_TRIES_IN_ALL,
    WrongTokens,
)
from tests.admin.conftest import TOKEN, Board, serving

PAGE = {"Accept": "text/html"}
SETTINGS = "/settings/general"
API = "/api/telemetry"


def basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'me:{password}'.encode()).decode()}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def get(http: ClientSession, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    async with http.get(path, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def post(
    http: ClientSession, path: str, form: dict[str, str], **headers: str
) -> tuple[int, str, dict[str, str]]:
    async with http.post(path, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def sign_in(http: ClientSession, token: str = TOKEN, **more: str) -> tuple[int, Any]:
    status, _, headers = await post(http, "/sign-in", {"token": token, **more})
    return status, headers


def form_key(page: str) -> str:
    found = re.search(r'name="form_key" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (bearer(TOKEN), 200),
        (basic(TOKEN), 200),
        (bearer("wrong-horse-battery"), 401),
        (basic("wrong-horse-battery"), 401),
        ({"Authorization": "Basic !"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Bearer \udcff\udcfe"}, 401),
        ({"Cookie": "gateway_session=made-up"}, 401),
    ],
)
async def test_scripts_need_the_token(
    locked: ClientSession, headers: dict[str, str], status: int
) -> None:
    assert (await get(locked, API, **headers))[0] == status


async def test_health_is_open_and_says_nothing_else(locked: ClientSession) -> None:
    assert (await get(locked, "/healthz"))[0] == 200
    assert (await get(locked, "/readyz"))[0] == 200


async def test_a_browser_is_led_to_the_door_and_back(locked: ClientSession) -> None:
    status, _, headers = await get(locked, SETTINGS, **PAGE)
    assert (status, headers["Location"]) == (303, f"/sign-in?next={SETTINGS}")
    status, headers = await sign_in(locked, next=SETTINGS)
    assert (status, headers["Location"]) == (303, SETTINGS)
    cookie = headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert (await get(locked, SETTINGS, **PAGE))[0] == 200


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/api/status", ""])
async def test_the_door_leads_nowhere_else(locked: ClientSession, where: str) -> None:
    _, headers = await sign_in(locked, next=where)
    assert headers["Location"] == "/"


async def test_a_session_survives_a_restart_and_ends_with_signing_out(
    board: Board, tmp_path: Path
) -> None:
    async with serving(board, tmp_path, TOKEN) as first:
        _, headers = await sign_in(first)
        cookie = {"Cookie": headers["Set-Cookie"].partition(";")[0]}
    async with serving(board, tmp_path, TOKEN) as second:
        _, page, _ = await get(second, SETTINGS, **cookie, **PAGE)
        status, _, _ = await post(second, "/sign-out", {"form_key": form_key(page)}, **cookie)
        assert status == 303
        assert (await get(second, API, **cookie))[0] == 401
    async with serving(board, tmp_path, TOKEN) as third:
        assert (await get(third, API, **cookie))[0] == 401


async def test_another_token_ends_every_session(board: Board, tmp_path: Path) -> None:
    async with serving(board, tmp_path, TOKEN) as first:
        _, headers = await sign_in(first)
        cookie = headers["Set-Cookie"].partition(";")[0]
    async with serving(board, tmp_path, "another-horse-battery") as second:
        assert (await get(second, API, Cookie=cookie))[0] == 401


def test_neither_token_nor_key_is_on_disk(tmp_path: Path) -> None:
    key = Sessions.open(tmp_path, TOKEN).begin()
    texts = [file.read_text() for file in tmp_path.iterdir()]
    assert len(texts) == 1
    assert key not in texts[0]
    assert TOKEN not in texts[0]
    assert [file.stat().st_mode & 0o077 for file in tmp_path.iterdir()] == [0]


async def test_the_right_token_never_waits_for_wrong_ones(
    locked: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_tokens, "LONGEST_DELAY", 0.0)
    for status in [403] * WRONG_TRIES + [429] * 3:
        assert (await sign_in(locked, "wrong-horse-battery"))[0] == status
    status, _, headers = await get(locked, API, **bearer("wrong-horse-battery"))
    assert (status, headers["Retry-After"], headers["Connection"]) == (
        429,
        str(WAIT_SECONDS),
        "close",
    )
    assert (await get(locked, API, **basic("wrong-horse-battery")))[0] == 429
    assert (await get(locked, API, **bearer(TOKEN)))[0] == 200
    assert (await get(locked, API, **basic(TOKEN)))[0] == 200
    assert (await get(locked, API))[0] == 401
    assert (await get(locked, SETTINGS, **PAGE))[0] == 303
    assert (await sign_in(locked))[0] == 303
    assert (await get(locked, SETTINGS, **PAGE))[0] == 200


async def test_wrong_tokens_hold_few_answers_back(locked: ClientSession) -> None:
    """What is answered late is bounded, and the right token overtakes it."""
    wrong = [
        asyncio.create_task(get(locked, API, **bearer(f"wrong-horse-{number}")))
        for number in range(WRONG_TRIES + MOST_DELAYED + 4)
    ]
    await asyncio.wait(wrong, return_when=asyncio.FIRST_COMPLETED)
    assert (await get(locked, API, **bearer(TOKEN)))[0] == 200
    assert not all(one.done() for one in wrong)
    statuses = Counter([(await one)[0] for one in wrong])
    assert statuses == {401: WRONG_TRIES, 429: MOST_DELAYED + 4}


def test_wrong_tokens_are_slowed_by_address_and_in_total_and_forgotten() -> None:
    now = 0.0
    wrong = WrongTokens(lambda: now)
    assert [wrong.count("192.0.2.1") for _ in range(WRONG_TRIES)] == [None] * WRONG_TRIES
    delays = [wrong.count("192.0.2.1") for _ in range(50)]
    assert delays[:3] == [0.25, 0.5, 1.0]
    assert max(delay or 0 for delay in delays) == wrong_tokens.LONGEST_DELAY
    assert wrong.count("192.0.2.2") is None
    others = [wrong.count(f"2001:db8:0:{number:x}::1") for number in range(5000)]
    assert others[WRONG_TRIES_IN_ALL:].count(None) == 0
    assert len(wrong._of) <= 1024
    now = WAIT_SECONDS
    assert wrong.count("192.0.2.1") is None


def test_neighbours_in_one_network_of_ipv6_are_one_address() -> None:
    wrong = WrongTokens(lambda: 0.0)
    counted = [wrong.count(f"2001:db8::{number:x}") for number in range(WRONG_TRIES + 1)]
    assert [delay is None for delay in counted] == [True] * WRONG_TRIES + [False]


def test_a_session_ends_with_its_time(tmp_path: Path) -> None:
    now = 0.0
    sessions = Sessions.open(tmp_path, TOKEN, lambda: now)
    key = sessions.begin()
    now = SECONDS - 1
    assert sessions.knows(key)
    now = SECONDS
    assert not sessions.knows(key)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8081", 200),
        ("localhost:9999", 200),
        ("[::1]:8081", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:8081", 403),
        ("192.0.2.7:8081", 403),
        ("[", 403),
    ],
)
async def test_without_a_token_no_other_name_may_point_here(
    plain: ClientSession, host: str, status: int
) -> None:
    assert (await get(plain, API, Host=host))[0] == status


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
async def test_no_other_site_can_switch(
    plain: ClientSession, board: Board, headers: dict[str, str], is_taken: bool
) -> None:
    async with plain.post(API, json={"enabled": False}, headers=headers) as answer:
        assert answer.status == (200 if is_taken else 403)
    assert len(board.orders) == is_taken


async def test_a_form_without_the_pages_key_changes_nothing(
    plain: ClientSession, board: Board
) -> None:
    for form in ({}, {"form_key": "0" * 64}):
        status, page, _ = await post(plain, SETTINGS, form)
        assert status == 403
        assert "Nothing was saved" in page
    assert board.orders == []
    assert board.restarts == 0


@pytest.mark.parametrize("path", ["/", SETTINGS, "/sign-in", "/healthz", API, "/nothing"])
async def test_every_answer_forbids_what_pages_do_not_need(
    locked: ClientSession, path: str
) -> None:
    _, _, headers = await get(locked, path, **PAGE)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
