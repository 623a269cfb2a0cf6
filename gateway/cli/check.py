"""`gateway check` finds every mistake that would stop the start, and shows what may leave."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import TextIO

from gateway.config import Configuration, load
from gateway.config.loops import loops
from gateway.config.outgoing import shown
from gateway.config.privacy import Policy
from gateway.contract import load_catalogue
from gateway.encryption import Keyring
from gateway.errors import ConfigurationError, Mistake
from gateway.extensions import registry
from gateway.pipeline.decide import Rules
from gateway.pipeline.rules import compile_rules, pseudonymizer_for_a_look
from gateway.privacy.policy.lint import Findings, Known, exempted, lint
from gateway.telemetry import switch_history

EXAMPLE = "gateway check --config my.yaml"
_MOST_RULES = 5


def options(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(given: argparse.Namespace, environment: Mapping[str, str], out: TextIO) -> int:
    """Print what is in force, or raise ConfigurationError with every mistake."""
    configuration, rules = _everything(given.config, environment)
    findings = lint(configuration.policy, configuration.policy_document, _known(rules))
    if findings.wrong:
        raise ConfigurationError([*findings.wrong, *findings.notes])
    ring = configuration.keyring(environment)
    print("\n".join(_summary(configuration, rules, findings, ring)), file=out)
    return 0


def _known(rules: Rules) -> Known:
    """What the schemas name."""
    plans = rules.catalogue.plans.values()
    return Known(
        events=frozenset(name for plan in plans for name in plan.match.names),
        globs=frozenset(glob for plan in plans for glob in plan.match.globs),
        words=frozenset(word for plan in plans for word in plan.names),
    )


def _everything(file: FilePath, environment: Mapping[str, str]) -> tuple[Configuration, Rules]:
    """Configuration and rules; where the files are wrong, the default schemas are tried as well."""
    mistakes: list[Mistake] = []
    try:
        configuration = load(file, environment)
    except ConfigurationError as error:
        mistakes += error.mistakes
        if (usual := file.parent / "../schemas").is_dir():
            try:
                load_catalogue(usual)
            except ConfigurationError as more:
                mistakes += more.mistakes
        raise ConfigurationError(mistakes) from None
    pseudonymizer = pseudonymizer_for_a_look(configuration)
    orders = switch_history.read(configuration.gateway.data_dir).orders
    rules = compile_rules(configuration, environment, pseudonymizer, orders)
    if found := list(loops(configuration)):
        raise ConfigurationError(found)
    return configuration, rules


def _classes(rules: Rules) -> Iterator[str]:
    """Where a schema says another class than the one that is built in, which holds."""
    for plan in rules.catalogue.plans.values():
        match = plan.match
        for kind in match.types:
            for name in match.names or (None,):
                own = rules.built_in.get((match.protocol, kind, name))
                if own and own != plan.telemetry_class:
                    yield (
                        f"the schema {plan.name} says `{plan.telemetry_class}`; these events are"
                        f" always `{own}`"
                    )


def _kept(policy: Policy, pointer: str) -> str:
    rules = exempted(policy, pointer)
    if not rules:
        return "sent unchanged; no rule takes it"
    more = f" and {len(rules) - _MOST_RULES} more" if len(rules) > _MOST_RULES else ""
    return f"sent unchanged, exempt from {', '.join(rules[:_MOST_RULES])}{more}"


def _summary(
    configuration: Configuration, rules: Rules, findings: Findings, ring: Keyring | None
) -> list[str]:
    gateway, policy, routing = configuration.gateway, configuration.policy, configuration.routing
    lines = [
        f"sources       {', '.join(source.name for source in gateway.sources) or 'any'}",
        f"schemas       {len(rules.catalogue.plans)}, every example valid",
        f"policy        {len(policy.rules)} rules, client_ip {policy.client_ip}",
        f"destinations  {', '.join(f'{n} ({d.type})' for n, d in routing.destinations.items())}",
        f"routes        {', '.join(route.name for route in routing.routes)}",
    ]
    if policy.default == "drop":
        lines.insert(3, "              an allow-list: what no rule lets out is dropped")
    if window := policy.pseudonyms.join_after_rotation:
        lines.append(
            f"pseudonyms    joined by an alias for {window / 86400:g} days after a rotation of keys"
        )
    if policy.new_fields != "keep":
        lines.append(
            f"new fields    {policy.new_fields}, until `gateway fields accept` lets them out"
        )
    lines += [
        f"retention     {part.replace('_', ' ')}: {age}"
        for part, age in gateway.retention.shown().items()
    ]
    lines += [f"outbound      {line}" for line in shown(configuration.outgoing)]
    if ring:
        lines.append(f"encryption    {_keys(ring)}")
    off = [name for name, on in rules.switches.enabled.items() if not on]
    if off:
        by = f" (by {rules.switches.locked_by})" if rules.switches.locked_by else ""
        lines.append(f"telemetry     off for {', '.join(off)}{by}")
    lines += [f"kept          {pointer}: {_kept(policy, pointer)}" for pointer in policy.keep]
    lines += [
        f"kept          {rule.id}: sent unchanged" for rule in policy.rules if rule.action == "keep"
    ]
    reached = {name for route in routing.routes for name in route.to}
    lines += [
        f"note          no route leads to {name}"
        for name in routing.destinations
        if name not in reached
    ]
    lines += [
        f"note          {note}" for hooks in registry.hooks() for note in hooks.notes(configuration)
    ]
    lines += [f"note          {note}" for note in (*rules.catalogue.notes, *findings.notes)]
    lines += [f"note          {note}" for note in _classes(rules)]
    return [*lines, "The configuration is good."]


def _keys(ring: Keyring) -> str:
    """The ids of the keys; nothing tells a key by its id."""
    previous = ", ".join(sorted(ring.ids - {ring.writes}))
    before = f"; previous {previous}" if previous else ""
    return f"{f'key {ring.writes}' if ring.current else 'off, decrypts'}{before}"
