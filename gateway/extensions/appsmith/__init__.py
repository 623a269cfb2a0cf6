"""The gateway in the place of Appsmith's cloud services: instances, their usage, and its reports.

What the gateway knows of Appsmith's instances comes from clean events alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.extensions.spec import Command, Extension

if TYPE_CHECKING:
    from gateway.config.sections import Section
    from gateway.extensions.hooks import Hooks


def _section() -> Section:
    from gateway.extensions.appsmith.settings import SECTION  # noqa: PLC0415 (loads pydantic)

    return SECTION


def _hooks() -> Hooks:
    from gateway.extensions.appsmith.hooks import HOOKS  # noqa: PLC0415 (loads the server)

    return HOOKS


EXTENSION = Extension(
    name="appsmith",
    section=_section,
    commands=(
        Command(
            "instances",
            "show Appsmith instances, their last ping and who is overdue",
            "gateway.extensions.appsmith.commands.instances",
        ),
        Command(
            "usage",
            "show how many people used Appsmith, and what was reported for billing",
            "gateway.extensions.appsmith.commands.usage",
        ),
    ),
    hooks=_hooks,
)
