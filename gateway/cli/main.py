"""The `gateway` command. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 configuration."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from gateway import __version__
from gateway.cli import config_file, registry
from gateway.errors import ConfigurationError, GatewayError, UsageError
from gateway.extensions.spec import Command

DONE, FAILED, USAGE, CONFIGURATION, INTERRUPTED = 0, 1, 2, 78, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point of the `gateway` command."""
    try:
        command, given = _chosen(sys.argv[1:] if arguments is None else arguments)
        module = registry.loaded(command)
        # Ids may stand before, behind and between options.
        options = registry.parser_of(command, module).parse_intermixed_args(given)
        if command.name not in config_file.READS_NONE:
            options.config = config_file.chosen(options.config, sys.stderr)
        return module.run(options, os.environ, sys.stdout)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return CONFIGURATION
    except UsageError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return USAGE
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return INTERRUPTED


def _chosen(given: Sequence[str]) -> tuple[Command, Sequence[str]]:
    """The command and what it is given. Raises UsageError; exits where only the top is asked."""
    known = registry.commands()
    name = given[0] if given else ""
    if command := known.get(name):
        return command, given[1:]
    if name and not name.startswith("-"):
        from gateway.config.sentences import did_you_mean  # noqa: PLC0415 (a right name needs no model)

        raise UsageError(f"`{name}` is not a command{did_you_mean(name, known)}")
    overview(known).parse_args(given)
    raise UsageError("name the command first, then its options: gateway COMMAND …")


def overview(known: Mapping[str, Command]) -> argparse.ArgumentParser:
    """What `gateway --help` shows."""
    top = argparse.ArgumentParser(
        prog="gateway", description="A gateway between your apps and your analytics vendors."
    )
    top.add_argument("--version", action="version", version=f"gateway {__version__}")
    listed = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in known.values():
        listed.add_parser(command.name, help=command.help)
    return top


if __name__ == "__main__":
    sys.exit(main())
