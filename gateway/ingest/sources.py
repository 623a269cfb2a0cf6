"""A write key belongs to one source, and a source says which origins may use it from a browser."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.config.model import Source
from gateway.globs import compile_globs

UNKNOWN = Source(name="unknown", write_keys=("unknown",))
"""What `unknown_keys: accept` attributes to; its key names nothing."""


class Sources:
    """Who may send, looked up by write key, token or origin."""

    def __init__(self, sources: Sequence[Source], *, accept_unknown: bool) -> None:
        self._by_key = {key: source for source in sources for key in source.write_keys}
        self._origins = {source.name: _pattern(source.origins) for source in sources}
        self.unknown = UNKNOWN if accept_unknown else None
        """The source of keys that no source has; None where these are refused."""

    def find(self, key: str) -> Source | None:
        """The source that has this key."""
        return self._by_key.get(key)

    def allows(self, source: Source, origin: str | None) -> bool:
        """Whether a page of this origin may use the source. Without an origin it is no page."""
        return source is self.unknown or _takes(self._origins[source.name], origin)


def _pattern(globs: Sequence[str]) -> re.Pattern[str] | None:
    """None where every origin is allowed."""
    return None if "*" in globs else compile_globs(globs, ignore_case=True) or _NOTHING


def _takes(pattern: re.Pattern[str] | None, origin: str | None) -> bool:
    return pattern is None or origin is None or pattern.fullmatch(origin) is not None


_NOTHING = re.compile(r"(?!)")
