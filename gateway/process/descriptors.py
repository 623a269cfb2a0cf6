"""Open files suffice: those that the gateway itself needs are never given to a client.

Every connection of a client is an open file, and so are the journal, each request to a vendor and
each look at the admin listener.
"""

from __future__ import annotations

import resource

ADMIN_CONNECTIONS = 64
RELAYED_AT_ONCE = 64
_OWN = 64
"""Journal, event and audit files, logs, listeners, the program that is tried before a restart."""
_PER_DESTINATION = 12
_MOST = 1024 * 1024


def raised() -> int:
    """How many files may be open, once the soft limit is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY:
        return _MOST
    if soft >= most:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        return soft
    return most


def for_clients(files: int, destinations: int) -> int:
    """How many of them may be connections of SDK traffic."""
    reserved = _OWN + ADMIN_CONNECTIONS + RELAYED_AT_ONCE + _PER_DESTINATION * destinations
    return max(files - reserved, files // 4)
