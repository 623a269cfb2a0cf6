"""The commands a person types. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 configuration."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path as FilePath

from gateway import __version__
from gateway.config import did_you_mean, load
from gateway.errors import ConfigurationError, GatewayError
from gateway.event import Reason, Stage
from gateway.pipeline.telemetry_switch import CLASSES
from gateway.timestamps import parse_since

DONE, FAILED, USAGE, CONFIGURATION = 0, 1, 2, 78


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point of the `gateway` command."""
    given = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return CONFIGURATION
    except GatewayError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Every command and option; the reference is generated from it."""
    top = argparse.ArgumentParser(
        prog="gateway", description="A gateway between your apps and your analytics vendors."
    )
    top.add_argument("--version", action="version", version=f"gateway {__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = _command(commands, "run", _run, "start the gateway", "gateway run --config my.yaml")
    run.add_argument(
        "--processes", metavar="N", choices=["auto", "1"], help="this version runs one process"
    )

    _command(
        commands,
        "check",
        _check,
        "find every mistake in configuration, policy, routes and schemas",
        "gateway check --config my.yaml",
    )

    explain = _command(
        commands,
        "explain",
        _explain,
        "show what becomes of an event; nothing is sent",
        "gateway explain event.json --source demo",
    )
    explain.add_argument(
        "file",
        nargs="?",
        type=FilePath,
        help="a message or batch of Segment's or Mixpanel's, or an Appsmith usage pulse or report;"
        " standard input if none",
    )
    explain.add_argument("--source", metavar="NAME", help="the source it comes from")
    explain.add_argument("--json", action="store_true", help="print JSON")

    audit = _command(
        commands,
        "audit",
        _audit,
        "show what was removed, by rule, event and path",
        "gateway audit --since 7d --event 'Order *'",
    )
    audit.add_argument("--since", metavar="WHEN", help="7d, 12h, 30m, a date or a time; UTC")
    audit.add_argument("--event", metavar="GLOB", help="only events of this name")
    audit.add_argument("--json", action="store_true", help="print JSON")
    audit.add_argument("--follow", action="store_true", help="print each line as it comes")

    letters = _command(
        commands,
        "dead-letters",
        _dead_letters,
        "show what destinations refused; send it again or delete it",
        "gateway dead-letters replay --destination segment --since 2d",
    )
    letters.add_argument(
        "verb",
        choices=["list", "show", "replay", "discard"],
        help="replay: send again through today's policy; discard: delete for good",
    )
    letters.add_argument("ids", nargs="*", type=int, metavar="ID", help="only these")
    letters.add_argument("--destination", metavar="NAME", help="only of this destination")
    letters.add_argument(
        "--reason",
        choices=[str(reason) for reason in Reason if reason.stage is Stage.DEAD],
        help="only those that died of this",
    )
    letters.add_argument("--event", metavar="GLOB", help="only events of this name")
    letters.add_argument("--since", metavar="WHEN", help="7d, 12h, 30m, a date or a time; UTC")
    letters.add_argument("--all", action="store_true", help="replay or discard every one")
    letters.add_argument("--json", action="store_true", help="print JSON")

    destinations = _command(
        commands,
        "destinations",
        _destinations,
        "show how each destination is doing; try one now",
        "gateway destinations try segment",
    )
    destinations.add_argument(
        "verb",
        nargs="?",
        choices=["list", "try"],
        default="list",
        help="try: end its waits, also one that the vendor asked for (default: list)",
    )
    destinations.add_argument("name", nargs="?", metavar="NAME", help="the destination to try")
    destinations.add_argument("--json", action="store_true", help="print JSON")

    _command(
        commands,
        "health",
        _health,
        "ask the gateway that runs here whether it is alive; for health checks",
        "gateway health --config my.yaml",
    )

    instances = _command(
        commands,
        "instances",
        _instances,
        "show Appsmith instances, their last ping and who is overdue",
        "gateway instances --overdue",
    )
    instances.add_argument("--overdue", action="store_true", help="only those")
    instances.add_argument("--json", action="store_true", help="print JSON")

    usage = _command(
        commands,
        "usage",
        _usage,
        "show how many people used Appsmith, and what was reported for billing",
        "gateway usage --since 31d --csv",
    )
    usage.add_argument(
        "--since", metavar="WHEN", default="31d", help="7d, 12h, a date or a time; UTC"
    )
    usage.add_argument("--hourly", action="store_true", help="by hour instead of day")
    usage_form = usage.add_mutually_exclusive_group()
    usage_form.add_argument("--csv", action="store_const", dest="form", const="csv")
    usage_form.add_argument("--json", action="store_const", dest="form", const="json")

    doctor = _command(
        commands,
        "doctor",
        _doctor,
        "look at all a gateway stands on, and say what to fix; beside a running one, too",
        "gateway doctor --json",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument(
        "--repair",
        action="store_true",
        help="copy a damaged journal, then save what can be read of it; while no gateway runs",
    )

    telemetry = _command(
        commands,
        "telemetry",
        _telemetry,
        "show the switch with its proof, turn it, or write the page that tells users of it",
        "gateway telemetry off",
    )
    telemetry.add_argument(
        "verb",
        choices=["status", "on", "off", "reset", "docs"],
        help="reset: as configured; docs: the page, in Markdown",
    )
    telemetry.add_argument(
        "telemetry_class",
        nargs="?",
        choices=CLASSES,
        default="optional",
        metavar="CLASS",
        help="essential, billing or optional (default: optional)",
    )
    telemetry.add_argument("--schemas", metavar="GLOB", help="docs: only of these schemas")
    telemetry.add_argument("--json", action="store_true", help="print JSON")

    certificate = _command(
        commands,
        "certificate",
        _certificate,
        "make a certificate for trying out https",
        "gateway certificate config/tls --host gateway.example",
    )
    certificate.add_argument("folder", type=FilePath, metavar="DIR", help="where to write it")
    certificate.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or address that clients use, beside localhost; may be repeated",
    )
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Callable[[argparse.Namespace], int],
    what: str,
    example: str,
) -> argparse.ArgumentParser:
    made = commands.add_parser(
        name, help=what, description=f"{what[0].upper()}{what[1:]}.", epilog=f"example: {example}"
    )
    made.set_defaults(command=command)
    made.add_argument(
        "--config",
        metavar="PATH",
        type=FilePath,
        default=FilePath("config/gateway.yaml"),
        help="gateway.yaml (default: config/gateway.yaml)",
    )
    return made


def _run(given: argparse.Namespace) -> int:
    from gateway.process.run import run  # noqa: PLC0415 (the other commands start without a server)

    return run(given.config, os.environ)


def _check(given: argparse.Namespace) -> int:
    from gateway.cli import check  # noqa: PLC0415

    return check.run(given.config, os.environ, sys.stdout)


def _explain(given: argparse.Namespace) -> int:
    from gateway.cli import explain  # noqa: PLC0415

    is_piped = given.file is None or str(given.file) == "-"
    try:
        body = sys.stdin.buffer.read() if is_piped else given.file.read_bytes()
    except OSError as error:
        raise GatewayError(f"{given.file}: {error.strerror}") from None
    return explain.run(
        body, given.config, os.environ, source=given.source, as_json=given.json, out=sys.stdout
    )


def _audit(given: argparse.Namespace) -> int:
    from gateway.cli import audit  # noqa: PLC0415

    try:
        since = parse_since(given.since, datetime.now(UTC)) if given.since else ""
    except ValueError:
        print("gateway: --since takes 7d, 12h, 30m, a date or a time", file=sys.stderr)
        return USAGE
    folder = load(given.config, os.environ).gateway.data_dir / "audit"
    chosen = audit.AuditFilter(since, audit.event_filter(given.event))
    return audit.run(folder, chosen, as_json=given.json, follow=given.follow, out=sys.stdout)


def _dead_letters(given: argparse.Namespace) -> int:
    from gateway.cli import dead_letters  # noqa: PLC0415

    try:
        since = parse_since(given.since, datetime.now(UTC)) if given.since else None
    except ValueError:
        print("gateway: --since takes 7d, 12h, 30m, a date or a time", file=sys.stderr)
        return USAGE
    which = dead_letters.chosen(given.ids, given.destination, given.reason, given.event, since)
    configuration = load(given.config, os.environ)
    if given.verb in ("list", "show"):
        folder = configuration.gateway.data_dir / "journal"
        is_whole = given.verb == "show"
        return dead_letters.show(folder, which, whole=is_whole, as_json=given.json, out=sys.stdout)
    if which.is_open and not given.all:
        print(f"gateway: say which to {given.verb}, or --all", file=sys.stderr)
        return USAGE
    return dead_letters.decide(given.verb, configuration, which, as_json=given.json, out=sys.stdout)


def _destinations(given: argparse.Namespace) -> int:
    from gateway.cli import destinations  # noqa: PLC0415

    if given.verb == "list":
        return destinations.show(given.config, os.environ, as_json=given.json, out=sys.stdout)
    known = load(given.config, os.environ).routing.destinations
    if given.name not in known:
        named = f"`{given.name}` is not a destination" if given.name else "say which to try"
        suggestion = did_you_mean(given.name or "", known)
        print(f"gateway: {named}{suggestion}", file=sys.stderr)
        return USAGE
    return destinations.try_now(
        given.config, os.environ, given.name, as_json=given.json, out=sys.stdout
    )


def _health(given: argparse.Namespace) -> int:
    from gateway.cli import health  # noqa: PLC0415

    return health.run(given.config, os.environ, sys.stdout)


def _instances(given: argparse.Namespace) -> int:
    from gateway.cli import instances  # noqa: PLC0415

    gateway = load(given.config, os.environ).gateway
    return instances.run(
        gateway.data_dir,
        gateway.appsmith.ping_interval,
        overdue_only=given.overdue,
        as_json=given.json,
        out=sys.stdout,
    )


def _usage(given: argparse.Namespace) -> int:
    from gateway.cli import usage  # noqa: PLC0415

    try:
        since = parse_since(given.since, datetime.now(UTC))
    except ValueError:
        print("gateway: --since takes 7d, 12h, 30m, a date or a time", file=sys.stderr)
        return USAGE
    data_dir = load(given.config, os.environ).gateway.data_dir
    start = datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp()
    form: usage.Form = given.form or "text"
    return usage.run(data_dir, start, hourly=given.hourly, form=form, out=sys.stdout)


def _doctor(given: argparse.Namespace) -> int:
    from gateway.cli import doctor, repair  # noqa: PLC0415

    if given.repair:
        return repair.run(given.config, os.environ, as_json=given.json, out=sys.stdout)
    return doctor.run(given.config, os.environ, as_json=given.json, out=sys.stdout)


def _telemetry(given: argparse.Namespace) -> int:
    from gateway.cli import telemetry, telemetry_docs  # noqa: PLC0415

    if given.verb == "docs":
        return telemetry_docs.run(given.config, os.environ, schemas=given.schemas, out=sys.stdout)
    if given.verb == "status":
        return telemetry.status(given.config, os.environ, as_json=given.json, out=sys.stdout)
    wanted = {"on": True, "off": False, "reset": None}[given.verb]
    return telemetry.order(
        given.config,
        os.environ,
        given.telemetry_class,
        wanted,
        as_json=given.json,
        out=sys.stdout,
    )


def _certificate(given: argparse.Namespace) -> int:
    from gateway.cli import certificate  # noqa: PLC0415

    return certificate.run(given.folder, given.host, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
