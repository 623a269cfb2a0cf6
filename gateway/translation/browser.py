"""A user agent becomes the names that Segment's own Mixpanel destination and Mixpanel's SDK give.

`$browser` and `$browser_version` are Segment's to the letter: its list, its order, its whole
version numbers (segmentio/action-destinations, `mixpanel/common/utils`). One name is better than
Segment's: a browser inside an iPhone's app is Safari's engine, and no `Mozilla`. `$os` and
`$device` are those of Mixpanel's browser SDK; Segment's destination has none.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = r"(\d+(?:\.\d+)+)"


_LENGTH = 1000
"""Characters of a user agent that are looked at; the longest of today have some 400."""


def _row(
    name: str, *signs: str, version: str | None = None
) -> tuple[str, tuple[re.Pattern[str], ...], re.Pattern[str] | None]:
    """All of the signs must be there. None of them may look further than a few characters."""
    number = re.compile(version + _NUMBER) if version else None
    return name, tuple(re.compile(sign) for sign in signs), number


_BROWSERS = (
    _row("Opera Mini", r" OPR/", r"Mini"),
    _row("Opera", r" OPR/", version=r"(?:Opera|OPR)/"),
    _row("BlackBerry", r"(?i:BlackBerry|PlayBook|BB10)", version=r"BlackBerry "),
    _row("Internet Explorer Mobile", r"IEMobile|WPDesktop", version=r"rv:"),
    _row("Samsung Internet", r"SamsungBrowser/", version=r"SamsungBrowser/"),
    _row("Microsoft Edge", r"Edge|Edg/", version=r"Edge?/"),
    _row("Facebook Mobile", r"FBIOS"),
    _row("Chrome", r"Chrome", version=r"Chrome/"),
    _row("Chrome iOS", r"CriOS", version=r"CriOS/"),
    _row("UC Browser", r"UCWEB|UCBrowser", version=r"(?:UCBrowser|UCWEB)/"),
    _row("Firefox iOS", r"FxiOS", version=r"FxiOS/"),
    _row("Mobile Safari", r"Safari", r"iPhone", version=r"Version/"),
    _row("Safari", r"Safari", version=r"Version/"),
    _row("Android Mobile", r"Android", version=r"android\s"),
    _row("Konqueror", r"Konqueror", version=r"Konqueror:"),
    _row("Firefox", r"Firefox", version=r"Firefox/"),
    _row("Internet Explorer", r"MSIE|Trident/", version=r"(?:rv:|MSIE )"),
    _row("Mobile Safari", r"iPhone|iPad|iPod", r"AppleWebKit", version=r"Version/"),
    _row("Safari", r"Macintosh", r"AppleWebKit", version=r"Version/"),
    _row("Mozilla", r"Gecko", version=r"rv:"),
)
_SYSTEMS = (
    ("Windows Phone", re.compile(r"(?i)Windows Phone|WPDesktop")),
    ("Windows", re.compile(r"(?i)Windows")),
    ("iOS", re.compile(r"iPhone|iPad|iPod")),
    ("Android", re.compile(r"Android")),
    ("BlackBerry", re.compile(r"(?i)BlackBerry|PlayBook|BB10")),
    ("Mac OS X", re.compile(r"(?i)Mac")),
    ("Linux", re.compile(r"Linux")),
    ("Chrome OS", re.compile(r"CrOS")),
)
_DEVICES = (
    ("Windows Phone", re.compile(r"(?i)Windows Phone|WPDesktop")),
    ("iPad", re.compile(r"iPad")),
    ("iPod Touch", re.compile(r"iPod")),
    ("iPhone", re.compile(r"iPhone")),
    ("BlackBerry", re.compile(r"(?i)BlackBerry|PlayBook|BB10")),
    ("Android", re.compile(r"Android")),
)


def browser(user_agent: str) -> tuple[str | None, str | None]:
    """`$browser` and `$browser_version`, each None where the text does not tell."""
    return _browser(user_agent[:_LENGTH])


def device(user_agent: str) -> tuple[str | None, str | None]:
    """`$os` and `$device`, each None where the text does not tell."""
    return _device(user_agent[:_LENGTH])


@lru_cache(maxsize=1024)
def _browser(user_agent: str) -> tuple[str | None, str | None]:
    for name, signs, version in _BROWSERS:
        if all(sign.search(user_agent) for sign in signs):
            found = version.search(user_agent) if version else None
            return name, found[1] if found else None
    return None, None


@lru_cache(maxsize=1024)
def _device(user_agent: str) -> tuple[str | None, str | None]:
    system = next((name for name, sign in _SYSTEMS if sign.search(user_agent)), None)
    return system, next((name for name, sign in _DEVICES if sign.search(user_agent)), None)
