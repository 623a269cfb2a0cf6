"""A user agent becomes one of the browser names that Mixpanel's own SDK gives.

Names and order follow the list in Mixpanel's documentation of `$browser`; the first match wins.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NUMBER = r"(\d+(?:\.\d+)?)"


def _row(name: str, sign: str, version: str) -> tuple[str, re.Pattern[str], re.Pattern[str]]:
    return name, re.compile(sign), re.compile(version + _NUMBER)


_BROWSERS = (
    _row("Opera Mini", r" OPR/.*Mini|Opera Mini", r"(?:OPR|Opera Mini)/"),
    _row("Opera", r" OPR/|Opera", r"(?:OPR|Opera)/"),
    _row("BlackBerry", r"BlackBerry|PlayBook|BB10", r"(?:BlackBerry |Version/)"),
    _row("Internet Explorer Mobile", r"IEMobile|WPDesktop", r"(?:rv:|IEMobile/)"),
    _row("Samsung Internet", r"SamsungBrowser/", r"SamsungBrowser/"),
    _row("Microsoft Edge", r"Edge|Edg(?:A|iOS)?/", r"Edg(?:e|A|iOS)?/"),
    _row("Facebook Mobile", r"FBIOS", r"FBAV/"),
    _row("Chrome", r"Chrome", r"Chrome/"),
    _row("Chrome iOS", r"CriOS", r"CriOS/"),
    _row("UC Browser", r"UCWEB|UCBrowser", r"(?:UCBrowser|UCWEB)/?"),
    _row("Firefox iOS", r"FxiOS", r"FxiOS/"),
    _row("Android Mobile", r"Android(?!.*Firefox)", r"(?i:android) "),
    _row("Mobile Safari", r"Version/.*Mobile.*Safari/", r"Version/"),
    _row("Safari", r"Version/.*Safari/", r"Version/"),
    _row("Konqueror", r"Konqueror", r"Konqueror[:/]"),
    _row("Firefox", r"Firefox", r"Firefox/"),
    _row("Internet Explorer", r"MSIE|Trident/", r"(?:rv:|MSIE )"),
    _row("Mozilla", r"Gecko", r"rv:"),
)


@lru_cache(maxsize=1024)
def browser(user_agent: str) -> tuple[str | None, str | None]:
    """`$browser` and `$browser_version`, each None where the text does not tell."""
    for name, sign, version in _BROWSERS:
        if sign.search(user_agent):
            found = version.search(user_agent)
            return name, found[1] if found else None
    return None, None
