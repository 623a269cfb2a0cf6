"""What must be known about a Mixpanel project to speak to it, and nothing about how to reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Identity = Literal["simplified", "original"]
"""Mixpanel's two ways of joining a device with a user; a project has one of them."""


@dataclass(frozen=True, slots=True)
class Project:
    """What translation must know about a Mixpanel project."""

    identity: Identity = "simplified"
    group_key: str = "$group_id"
    page_event: str = "Viewed {name}"
    screen_event: str = "Viewed {name}"
    expand_orders: bool = True
    increments: bool = False
