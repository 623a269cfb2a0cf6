"""The protocols, each declared in one file; whatever depends on a protocol reads its declaration.

The set is closed: a protocol that `gateway.event` names and nobody declares here does not import,
and the type checker says so before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never, get_args

from gateway.event import Protocol
from gateway.protocols.appsmith import APPSMITH
from gateway.protocols.mixpanel import MIXPANEL
from gateway.protocols.segment import SEGMENT
from gateway.protocols.spec import Keys, MessageType, ProtocolSpec

__all__ = ["NAMED_TYPES", "PROTOCOLS", "Keys", "MessageType", "ProtocolSpec"]


def _declared(protocol: Protocol) -> ProtocolSpec:
    match protocol:
        case "segment":
            return SEGMENT
        case "mixpanel":
            return MIXPANEL
        case "appsmith":
            return APPSMITH
        case _:
            assert_never(protocol)


def _registry() -> Mapping[Protocol, ProtocolSpec]:
    specs: dict[Protocol, ProtocolSpec] = {name: _declared(name) for name in get_args(Protocol)}
    if wrong := [name for name, spec in specs.items() if spec.protocol != name]:
        raise ValueError(f"declared as another protocol: {', '.join(wrong)}")
    return specs


PROTOCOLS = _registry()
NAMED_TYPES = frozenset[str]().union(*(spec.named_types for spec in PROTOCOLS.values()))
"""The message types whose messages have names, of all protocols."""
