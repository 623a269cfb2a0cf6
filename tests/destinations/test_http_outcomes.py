"""What a vendor says is heard in its meaning."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.destinations.http import retry_after

NOW = datetime(2026, 11, 23, 7, 51, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        (" 0 ", 0),
        ("Mon, 23 Nov 2026 07:52:04 GMT", 60),
        ("Mon, 23 Nov 2026 07:52:04 -0000", 60),
        ("Mon, 23 Nov 2026 07:50:04 GMT", 0),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
