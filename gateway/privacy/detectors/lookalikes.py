"""Forms that look like numbers of persons and are none: times, UUIDs, digests, browsers.

A text that is wholly of such a form need not be read, unless it has the trigger of a detector that
does not skip it. A browser is read once and remembered. So a form never outranks a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.privacy.decoding import BEGINS_HEX
from gateway.privacy.detectors.families.shapes import PATTERNS
from gateway.privacy.detectors.registry import REGISTRY
from gateway.privacy.detectors.triggers import class_of, pattern

SHORT = 20
"""In a shorter text these forms are not worth a look of their own."""

_UUID, _DIGEST = PATTERNS["uuid"], PATTERNS["hex_digest"]
_NO_TEXT = f"(?!{BEGINS_HEX})"
"""A text in hexadecimal is no digest."""
FORMS = {
    "timestamp": (PATTERNS["timestamp"], "0-9TZ:.+ -"),
    "uuid": (_UUID.replace("A-F", ""), "0-9a-f-"),
    # An ObjectId begins with a time; a lower-case IBAN with letters.
    "object_id": (f"{_NO_TEXT}[0-9][0-9a-f]{{23}}", "0-9a-f"),
    "digest": (_NO_TEXT + _DIGEST.replace("A-F", ""), "0-9a-f"),
    "any_uuid": (_UUID, "0-9A-Fa-f-"),
    "any_digest": (_NO_TEXT + _DIGEST, "0-9A-Fa-f"),
    # A messageId of analytics.js or analytics-node.
    "message_id": ("(?:ajs|node)-(?:next-)?[0-9]{13}-" + _UUID.replace("A-F", ""), "0-9a-fjnostx-"),
}
"""Their patterns, and the characters that these can match: the fewer, the less to look for."""
# Words, products with versions, and comments in which no two numbers stand side by side.
_BROWSER = r"""Mozilla/5\.0\ (?:
    Mobile/[0-9]{2}[A-F][0-9]{2,4}
  | [A-Za-z]{1,24}+(?![A-Za-z])
      (?:/(?:20100101|[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}(?:(?<=\.0\.0)\.0|(?<=\.[0-9]{4})\.[0-9]{1,4})?)
        (?![0-9.]))?+
  | \((?:rv:|[A-Za-z;,\ /+_-]|[0-9]{1,4}(?:[._][0-9]{1,4}){0,2}(?=[;,\ /+_-]*[A-Za-z)]))*+\)
  | [ ]
  )*+"""
_is_browser = re.compile(rf"(?:{_BROWSER})\Z", re.VERBOSE).match

_browsers: set[str] = set()
"""User agents that were seen to be of that form and to hold nothing."""
_MOST_BROWSERS = 1024
_LONGEST_BROWSER = 512


_personal = [detector for detector in REGISTRY if detector.is_personal]
_finders = tuple(dict.fromkeys(detector.find for detector in _personal))


def _search(alphabet: str) -> Callable[[str], object] | None:
    """Looks for what no form outranks, in texts of these characters; None: there can be nothing."""
    letters = frozenset(class_of(alphabet))
    declared = [t for d in _personal if not d.skips_lookalikes for t in d.triggers]
    triggers = [left for trigger in declared if (left := trigger.within(letters)) is not None]
    return re.compile(pattern(triggers)).search if triggers else None


def _holds_in_browser(text: str) -> bool:
    if text in _browsers:
        return False
    if _is_browser(text) is None or any(find(text, 0) for find in _finders):
        return True
    if len(text) <= _LONGEST_BROWSER:
        if len(_browsers) >= _MOST_BROWSERS:
            _browsers.clear()
        _browsers.add(text)
    return False


_holds: dict[str, Callable[[str], object]] = {
    name: search for name, (_, of) in FORMS.items() if (search := _search(of)) is not None
}
_form = re.compile(
    "(?P<browser>Mozilla/)|"
    + "|".join(
        rf"(?{f'P<{name}>' if name in _holds else ':'}{form})\Z"
        for name, (form, _) in FORMS.items()
    )
).match
_holds["browser"] = _holds_in_browser


def is_benign(text: str) -> bool:
    """Whether the whole text is of a form, and no detector need look into it."""
    form = _form(text)
    if form is None:
        return False
    name = form.lastgroup
    return name is None or not _holds[name](text)
