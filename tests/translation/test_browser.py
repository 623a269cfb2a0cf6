"""User agents get the names that Segment's destination and Mixpanel's own SDK give them."""

from __future__ import annotations

import pytest

from gateway.translation.browser import browser, device

SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IN_APP = "AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
ANDROID = "Mozilla/5.0 (Linux; Android 13; SM-S911B)"

# The names and versions that Segment's own destination gives.
AGENTS: list[tuple[str, str | None, str | None]] = [
    (f"{WINDOWS} {WEBKIT} Chrome/117.0.0.0 Safari/537.36", "Chrome", "117.0.0.0"),
    (f"{WINDOWS} {WEBKIT} Chrome/117.0.5938.92 Safari/537.36", "Chrome", "117.0.5938.92"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/123.0.0.0 Safari/537.36",
     "Chrome", "123.0.0.0"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/119.0.0.0 Safari/537.36",
     "Chrome", "119.0.0.0"),
    (f"{ANDROID} {WEBKIT} Chrome/116.0.0.0 Mobile Safari/537.36", "Chrome", "116.0.0.0"),
    (f"{ANDROID} {WEBKIT} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 Instagram 300.0",
     "Chrome", "116.0.0.0"),
    (f"{WINDOWS} {WEBKIT} Chrome/117.0.0.0 Safari/537.36 Edg/117.0.2045.60",
     "Microsoft Edge", "117.0.2045.60"),
    (f"{WINDOWS} {WEBKIT} Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763",
     "Microsoft Edge", "18.17763"),
    (f"{ANDROID} {WEBKIT} Chrome/116.0.0.0 Mobile Safari/537.36 EdgA/116.0.1938.79",
     "Chrome", "116.0.0.0"),
    (f"{WINDOWS} {WEBKIT} Chrome/105.0.0.0 Safari/537.36 OPR/91.0.4516.20",
     "Opera", "91.0.4516.20"),
    (f"{ANDROID} {WEBKIT} Chrome/105.0.0.0 Mobile Safari/537.36 OPR/59.0 Mini", "Opera Mini", None),
    (f"{ANDROID} {WEBKIT} SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36",
     "Samsung Internet", "23.0"),
    (f"{ANDROID} {WEBKIT} Version/4.0 UCBrowser/13.4.0.1306 Mobile Safari/537.36",
     "UC Browser", "13.4.0.1306"),
    ("UCWEB/2.0 (MIDP-2.0; U; Adr 4.4.4) U2/1.0.0 UCBrowser/10.7.9.856 U2/1.0.0",
     "UC Browser", "2.0"),
    (f"{MAC} {SAFARI} Safari/605.1.15", "Safari", "17.4"),
    (f"{IPHONE} {SAFARI} Mobile/15E148 Safari/604.1", "Mobile Safari", "17.4"),
    (f"{IPHONE} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0.3 Mobile/15E148 Safari/604.1",
     "Mobile Safari", "17.0.3"),
    (f"{IPAD} {SAFARI} Mobile/15E148 Safari/604.1", "Safari", "17.4"),
    (f"{IPHONE} AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/123.0.6312.52 Mobile/15E Safari/6",
     "Chrome iOS", "123.0.6312.52"),
    (f"{IPHONE} AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/124.1 Mobile/15E148 Safari/605.1.15",
     "Firefox iOS", "124.1"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0", "Firefox", "124.0"),
    ("Mozilla/5.0 (Android 14; Mobile; rv:124.0) Gecko/124.0 Firefox/124.0",
     "Android Mobile", None),
    ("Mozilla/5.0 (Linux; U; Android 2.3.6) AppleWebKit/533.1 Version/4.0 Mobile Safari/533.1",
     "Safari", "4.0"),
    ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
     "Internet Explorer", "11.0"),
    ("Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
     "Internet Explorer", "10.0"),
    ("Mozilla/5.0 (Windows Phone 8.1; Android 4.0; Trident/7.0; rv:11.0; IEMobile/11.0) like Gecko",
     "Internet Explorer Mobile", "11.0"),
    ("Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10 Version/10.0 Mobile Safari/537.10",
     "BlackBerry", None),
    ("Mozilla/5.0 (compatible; Konqueror/3.5; Linux)", "Konqueror", None),
    ("Mozilla/5.0 (X11; U; Linux i686; rv:1.7.13) Gecko/20060418", "Mozilla", "1.7.13"),
    (f"{IPHONE} {IN_APP} [FBAN/FBIOS;FBAV/450.0.0.38.108;FBBV/564]", "Facebook Mobile", None),
    ("curl/8.5.0", None, None),
    ("", None, None),
    ("okhttp/4.9.3", None, None),
]  # fmt: skip
# Browsers inside apps have no `Safari` in their name; Segment calls them Mozilla.
IN_APPS: list[tuple[str, str | None, str | None]] = [
    (f"{IPHONE} {IN_APP} Instagram 300.0.0.29.110 (iPhone14,5)", "Mobile Safari", None),
    (f"{IPHONE} {IN_APP} MicroMessenger/8.0.42", "Mobile Safari", None),
    (f"{IPHONE} {IN_APP} [LinkedInApp]/9.28", "Mobile Safari", None),
    (f"{IPHONE} {IN_APP}", "Mobile Safari", None),
    (f"{IPAD} {IN_APP} GSA/284.0", "Mobile Safari", None),
    (f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko)", "Safari", None),
]


@pytest.mark.parametrize(("agent", "name", "version"), AGENTS + IN_APPS)
def test_names(agent: str, name: str | None, version: str | None) -> None:
    assert browser(agent) == (name, version)


@pytest.mark.parametrize(
    ("agent", "system", "kind"),
    [
        (AGENTS[0][0], "Windows", None),
        (f"{MAC} {SAFARI} Safari/605.1.15", "Mac OS X", None),
        (f"{IPHONE} {SAFARI} Mobile/15E148 Safari/604.1", "iOS", "iPhone"),
        (f"{IPAD} {SAFARI} Mobile/15E148 Safari/604.1", "iOS", "iPad"),
        ("Mozilla/5.0 (iPod touch; CPU iPhone OS 12_0 like Mac OS X)", "iOS", "iPod Touch"),
        (f"{ANDROID} {WEBKIT} Chrome/116.0.0.0 Mobile Safari/537.36", "Android", "Android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101", "Linux", None),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)", "Chrome OS", None),
        ("Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0)", "Windows Phone", "Windows Phone"),
        ("Mozilla/5.0 (BB10; Touch)", "BlackBerry", "BlackBerry"),
        ("curl/8.5.0", None, None),
    ],
)
def test_systems_and_devices(agent: str, system: str | None, kind: str | None) -> None:
    assert device(agent) == (system, kind)


def test_a_long_user_agent_is_looked_at_in_part() -> None:
    assert browser("Safari" * 20_000) == ("Safari", None)
    assert browser("x" * 20_000 + "Chrome/1.2") == (None, None)
