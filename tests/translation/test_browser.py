"""User agents of the browsers people use get the names that Mixpanel's own SDK gives them."""

from __future__ import annotations

import pytest

from gateway.translation.browser import browser

SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/123.0.0.0 Safari/537.36",
         ("Chrome", "123.0")),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/123.0.0.0 Safari/537.36 Edg/122.0.2365.92",
         ("Microsoft Edge", "122.0")),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/105.0.0.0 Safari/537.36 OPR/91.0.1",
         ("Opera", "91.0")),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Safari/605.1.15",
         ("Safari", "17.4")),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) {SAFARI} Mobile/15E Safari/604.1",
         ("Mobile Safari", "17.4")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0",
         ("Firefox", "124.0")),
        ("Mozilla/5.0 (Android 14; Mobile; rv:124.0) Gecko/124.0 Firefox/124.0",
         ("Firefox", "124.0")),
        (f"Mozilla/5.0 (iPhone) {SAFARI} CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1",
         ("Chrome iOS", "123.0")),
        (f"Mozilla/5.0 (Linux; Android 13) {WEBKIT} SamsungBrowser/23.0 Chrome/115.0.0.0 Safari",
         ("Samsung Internet", "23.0")),
        ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
         ("Internet Explorer", "11.0")),
        ("curl/8.5.0", (None, None)),
        ("", (None, None)),
    ],
)  # fmt: skip
def test_names(agent: str, expected: tuple[str | None, str | None]) -> None:
    assert browser(agent) == expected
