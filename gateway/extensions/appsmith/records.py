"""What pages, API and metrics tell of instances, read from the ledger off the event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.config.appsmith import Appsmith
from gateway.extensions.appsmith import views


class Records:
    """Reads beside whoever writes the ledger."""

    def __init__(self, data_dir: Path, settings: Callable[[], Appsmith]) -> None:
        self._data_dir = data_dir
        self._settings = settings

    async def instances(self) -> list[dict[str, Any]]:
        """What is known of Appsmith's instances. Raises sqlite3.Error."""
        interval = self._settings().ping_interval
        return await asyncio.to_thread(views.instances, self._data_dir, time.time(), interval)

    async def usage(self, since: float) -> dict[str, Any]:
        """Usage and reports from `since` (epoch seconds) on. Raises sqlite3.Error."""
        return await asyncio.to_thread(views.usage, self._data_dir, since)

    async def counts(self) -> Mapping[str, Any]:
        """For `Status`; nothing while the ledger cannot be read."""
        try:
            known = await self.instances()
            reports = await asyncio.to_thread(views.standings, self._data_dir)
        except sqlite3.Error:
            return {}
        overdue = sum(instance["overdue"] for instance in known)
        return {"instances": {"known": len(known), "overdue": overdue}, "reports": reports}
