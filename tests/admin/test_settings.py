"""The page switches what it was told to, says who decided what, and is locked where it must be."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.admin.conftest import Board
from tests.admin.test_guard import API, SETTINGS, form_key, get, post

ALL = {"essential": "on", "billing": "on", "optional": "on"}


async def save(http: ClientSession, **form: str) -> tuple[int, str, dict[str, str]]:
    _, page, _ = await get(http, SETTINGS)
    return await post(http, SETTINGS, {"form_key": form_key(page), **form})


async def order(http: ClientSession, body: Any) -> tuple[int, Any]:
    async with http.post(API, json=body) as answer:
        return answer.status, await answer.json()


async def test_what_differs_is_ordered_and_the_gateway_restarts(
    plain: ClientSession, board: Board
) -> None:
    status, _, headers = await save(plain, essential="on", billing="on")
    assert status == 303
    where, _, moment = headers["Location"].partition("?saved=")
    assert where == SETTINGS
    for saved, is_told in ((moment, True), (str(int(moment) - 60), False), ("", False)):
        _, page, _ = await get(plain, f"{SETTINGS}?saved={saved}")
        assert ("Saved, and restarted." in page) == is_told
    [told] = board.orders
    assert (told.telemetry_class, told.enabled, told.who) == ("optional", False, "admin page")
    assert told.sign_in == "on this machine, without a token"
    assert board.restarts == 1


async def test_nothing_changed_is_a_restart_all_the_same(
    plain: ClientSession, board: Board
) -> None:
    assert (await save(plain, **ALL))[0] == 303
    assert (board.orders, board.restarts) == ([], 1)


async def test_the_environment_locks_the_control_and_is_named(
    plain: ClientSession, board: Board
) -> None:
    board.environment = {"APPSMITH_DISABLE_TELEMETRY": "true"}
    _, page, _ = await get(plain, SETTINGS)
    assert 'name="optional" aria-describedby="optional-about" disabled>' in page
    assert "<strong>APPSMITH_DISABLE_TELEMETRY</strong> in the environment" in page
    assert (await save(plain, **ALL))[0] == 303
    assert board.orders == []
    status, said = await order(plain, {"enabled": True})
    assert status == 409
    assert "APPSMITH_DISABLE_TELEMETRY" in said["error"]


async def test_what_cannot_be_saved_is_not_in_force(plain: ClientSession, board: Board) -> None:
    board.fails = OSError(errno.ENOSPC, "no space")
    status, page, _ = await save(plain)
    assert status == 409
    assert "could not be saved, so nothing has changed: disk full" in page
    assert board.restarts == 0


async def test_a_restart_that_cannot_be_says_why_and_what_holds(
    plain: ClientSession, board: Board
) -> None:
    board.mistake = "config/privacy.yaml:7: `<dorp>` is no action"
    status, page, _ = await save(plain, essential="on", billing="on")
    assert status == 409
    assert "already in force" in page
    assert "config/privacy.yaml:7: `&lt;dorp&gt;` is no action" in page
    assert len(board.orders) == 1


async def test_the_page_shows_classes_events_and_who_changed_what(plain: ClientSession) -> None:
    status, _ = await order(plain, {"class": "billing", "enabled": False, "who": "command line"})
    assert status == 200
    _, page, _ = await get(plain, SETTINGS)
    assert "FETCH_RELEASE_NOTES" in page
    assert "APPLICATIONS_PAGE_LOAD" in page
    assert "Billing events turned off" in page
    assert "command line" in page
    assert "127.0.0.1" not in page


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"enabled": "no"},
        {"enabled": 1},
        {"enabled": False, "class": "all"},
        {"enabled": False, "class": []},
        {"enabled": False, "who": "<b>"},
    ],
)
async def test_an_order_that_is_none_is_refused(
    plain: ClientSession, board: Board, body: Any
) -> None:
    assert (await order(plain, body))[0] == 400
    assert board.orders == []


async def test_an_order_must_be_json_which_no_form_of_another_site_is(
    plain: ClientSession, board: Board
) -> None:
    async with plain.post(API, data='{"enabled": false}') as answer:
        assert answer.status == 415
    assert board.orders == []
