"""The commands there are: the gateway's own, and those of extensions. Nothing else lists them.

What one needs is loaded when it is called, so that `gateway --help` and each command start fast.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path as FilePath
from typing import Protocol, TextIO, cast

from gateway.extensions import registry
from gateway.extensions.spec import Command
from gateway.plugins import PluginError

OWN = (
    Command("run", "start the gateway", "gateway.cli.run"),
    Command(
        "init",
        "write a configuration and schemas that run as they are; overwrites nothing",
        "gateway.cli.init",
    ),
    Command(
        "check",
        "find every mistake in configuration, policy, routes and schemas",
        "gateway.cli.check",
    ),
    Command(
        "explain", "show what would happen to an event; nothing is sent", "gateway.cli.explain"
    ),
    Command(
        "test",
        "try the cases of *.test.yaml against schemas, policy and routes",
        "gateway.cli.test",
    ),
    Command(
        "policy",
        "show what another privacy.yaml would change, over kept or given events",
        "gateway.cli.policy.command",
    ),
    Command("audit", "show what was removed, by rule, event and path", "gateway.cli.audit"),
    Command(
        "fields",
        "show which fields events have, and accept or drop new ones",
        "gateway.cli.fields",
    ),
    Command(
        "dead-letters",
        "show what destinations refused; replay or discard it",
        "gateway.cli.dead_letters",
    ),
    Command(
        "erase",
        "take a person out of everything that is kept, and have vendors delete them",
        "gateway.cli.erase",
    ),
    Command(
        "destinations",
        "show how each destination is doing; try one now",
        "gateway.cli.destinations",
    ),
    Command(
        "health",
        "ask the gateway that runs here whether it is alive; for health checks",
        "gateway.cli.health",
    ),
    Command(
        "doctor",
        "check everything that a gateway needs, and say what to fix; also while one runs",
        "gateway.cli.doctor.command",
    ),
    Command(
        "telemetry",
        "show the switch and its proof, change it, or write the page for your users",
        "gateway.cli.telemetry",
    ),
    Command(
        "keys",
        "list the keys of pseudonyms, make the next one, destroy old ones",
        "gateway.cli.keys",
    ),
    Command("certificate", "make a certificate for trying out https", "gateway.cli.certificate"),
)


class CommandModule(Protocol):
    """What the module of a command holds."""

    EXAMPLE: str
    """A call of it, as a person types it."""

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Add what it takes beside `--config`."""
        ...

    def run(self, given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
        """Do it, and return the exit code. Raises GatewayError."""
        ...


def commands() -> Mapping[str, Command]:
    """Every command by its name. Raises PluginError."""
    found = {command.name: command for command in OWN}
    for command in registry.commands():
        if found.setdefault(command.name, command) is not command:
            raise PluginError(
                f"two commands are called `{command.name}`; uninstall what brings {command.module}"
            )
    return found


def loaded(command: Command) -> CommandModule:
    """Its module."""
    return cast(CommandModule, import_module(command.module))


def parser_of(command: Command, module: CommandModule) -> argparse.ArgumentParser:
    """What reads its options."""
    parser = argparse.ArgumentParser(
        prog=f"gateway {command.name}",
        description=f"{command.help[0].upper()}{command.help[1:]}.",
        epilog=f"example: {module.EXAMPLE}",
    )
    parser.add_argument(
        "--config",
        metavar="PATH",
        type=FilePath,
        help="gateway.yaml (default: config/gateway.yaml)",
    )
    module.options(parser)
    return parser
