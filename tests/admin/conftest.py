"""The admin listener over real HTTP, with a gateway behind it that only keeps what it was told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, web

from gateway.admin.guard import AdminGuard
from gateway.admin.routes import Observed, application
from gateway.admin.sessions import Sessions
from gateway.config.model import Telemetry
from gateway.contract import Catalogue, load_catalogue
from gateway.fields.listing import Listing
from gateway.fields.table import Place, State
from gateway.health import Health
from gateway.pipeline.telemetry_switch import Order, switches
from gateway.process.hot_restart import RestartError
from gateway.status import Status
from gateway.telemetry.switch_history import History, Standing, standing
from tests.wire.running import ROOT

TOKEN = "correct-horse-battery"
CATALOGUE = load_catalogue(ROOT / "schemas")


class Board:
    """Orders as they came; `environment` and `fails` decide what becomes of them."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.environment: dict[str, str] = {}
        self.fails: OSError | None = None
        self.mistake: str | None = None
        self.restarts = 0
        self.tried: list[str] = []

    @property
    def catalogue(self) -> Catalogue:
        return CATALOGUE

    async def telemetry(self) -> Standing:
        told = switches(Telemetry(), self.environment, self.orders)
        return standing(History(orders=tuple(self.orders)), told, {})

    async def order(self, order: Order) -> None:
        if self.fails:
            raise self.fails
        self.orders.append(order)

    async def restart(self) -> None:
        if self.mistake:
            raise RestartError(self.mistake)
        self.restarts += 1

    def health(self) -> Health:
        return Health()

    async def status(self) -> Status:
        raise NotImplementedError

    def try_now(self, destination: str) -> bool:
        self.tried.append(destination)
        return destination == "vendor"

    async def reload_keys(self) -> int:
        raise NotImplementedError

    async def listing(self) -> Listing:
        raise NotImplementedError

    async def judge(self, places: Sequence[Place], state: State) -> None:
        raise NotImplementedError

    async def revive(self, letters: Sequence[int]) -> None:
        raise NotImplementedError

    async def discard(self, letters: Sequence[int]) -> None:
        raise NotImplementedError


@asynccontextmanager
async def serving(board: Board, folder: Path, token: str) -> AsyncIterator[ClientSession]:
    """A browser-like client: it keeps cookies and follows nobody by itself."""
    guard = AdminGuard(token, Sessions.open(folder, token))
    runner = web.AppRunner(
        application(
            Observed(board, board, board, board, board, board, board), guard, board.restart
        ),
        access_log=None,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with ClientSession(url, cookie_jar=CookieJar(unsafe=True)) as session:
            yield session
    finally:
        await runner.cleanup()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
async def locked(board: Board, tmp_path: Path) -> AsyncGenerator[ClientSession]:
    """A listener with a token."""
    async with serving(board, tmp_path, TOKEN) as session:
        yield session


@pytest.fixture
async def plain(board: Board, tmp_path: Path) -> AsyncGenerator[ClientSession]:
    """A listener without one."""
    async with serving(board, tmp_path, "") as session:
        yield session
