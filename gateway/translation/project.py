"""What must be known about a Mixpanel project to speak to it, and nothing about how to reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Identity = Literal["simplified", "original"]
"""Mixpanel's two ways of joining a device with a user; a project has one of them."""


@dataclass(frozen=True, slots=True)
class Project:
    """What translation must know about a Mixpanel project; docs/mapping.md says what each does."""

    identity: Identity = "simplified"
    identify_event: str = "Identified"
    group_key: str = "$group_id"
    group_keys: tuple[str, ...] = ()  # beside `group_key`
    page_event: str = "Viewed {name}"
    screen_event: str = "Viewed {name}"
    expand_orders: bool = True
    increments: bool = False
    set_once: tuple[str, ...] = ()  # traits, as `union` and `append`
    union: tuple[str, ...] = ()
    append: tuple[str, ...] = ()
    super_properties: tuple[str, ...] = ()  # traits of the context that go onto events
    sdk_properties: bool = False
