"""Everything that a reload changes is one frozen object, and one assignment puts it in force.

It is made off the event loop, and the durable history of the switch is the last thing that can fail
on the way: whatever goes wrong, the snapshot before stays in force, whole.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

from gateway import revision_history, tls
from gateway.config import Configuration
from gateway.config.model import AnalyticsJs, GatewaySettings, Limits, Telemetry
from gateway.config.values import Network
from gateway.destinations.egress_guard import EgressGuards
from gateway.errors import ConfigurationError, Mistake
from gateway.ingest import Sources
from gateway.ingest.segment import browser_stop
from gateway.pipeline.decide import Rules
from gateway.pipeline.fields import FieldRules
from gateway.pipeline.rules import compile_rules
from gateway.pipeline.telemetry_switch import Order, Switches, switches
from gateway.privacy import Pseudonymizer
from gateway.revisions import Revisions
from gateway.telemetry import switch_history


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What requests are read with and events are decided under, all of one configuration."""

    rules: Rules
    guards: EgressGuards
    sources: Sources
    limits: Limits
    trusted_proxies: Sequence[Network]
    client_address_headers: Sequence[str]
    analytics_js: AnalyticsJs
    analytics_js_path: FilePath | None
    browser_stop: str | None
    settings: GatewaySettings
    """All of gateway.yaml; an extension reads its section."""
    telemetry: Telemetry
    certificates: Mapping[str, ssl.SSLContext]
    """What each listener that speaks https serves with, by its setting."""

    def with_keys(self, pseudonymizer: Pseudonymizer) -> Snapshot:
        """The same with the keys that pseudonyms are made with from now on."""
        rules = self.rules
        suppressed = rules.suppressed and replace(rules.suppressed, pseudonyms=pseudonymizer.ever)
        policy = rules.policy.with_keys(pseudonymizer)
        return replace(self, rules=replace(rules, policy=policy, suppressed=suppressed))

    def switched(self, entered: Switches, revisions: Revisions) -> Snapshot:
        """The same with other switches, and with the numbers of its policy and schemas."""
        script = browser_stop.script(self.rules.catalogue, entered)
        rules = replace(self.rules, switches=entered, revisions=revisions)
        return replace(self, rules=rules, browser_stop=script)

    def knowing(self, fields: FieldRules) -> Snapshot:
        """The same with what is known of fields."""
        under = fields.under(self.rules.fields)
        return replace(self, rules=replace(self.rules, fields=under))

    def refusing(self, data_dir: FilePath) -> Snapshot:
        """The same with the people who are suppressed now. Blocks. Raises ConfigurationError."""
        suppressed = self.rules.suppressed and self.rules.suppressed.as_of(data_dir)
        return replace(self, rules=replace(self.rules, suppressed=suppressed))


def compile_snapshot(
    configuration: Configuration, environment: Mapping[str, str], pseudonymizer: Pseudonymizer
) -> Snapshot:
    """Compile a configuration. Blocks; writes nothing. Raises ConfigurationError.

    Its switches hold once `entered` has put them into the history.
    """
    gateway = configuration.gateway
    rules = compile_rules(configuration, environment, pseudonymizer)
    return Snapshot(
        rules=rules,
        guards=EgressGuards(configuration.policy, rules.policy.detectors),
        sources=Sources(gateway.sources, accept_unknown=gateway.unknown_keys == "accept"),
        limits=gateway.limits,
        trusted_proxies=gateway.trusted_proxies,
        client_address_headers=gateway.client_address_headers,
        analytics_js=gateway.analytics_js,
        analytics_js_path=configuration.analytics_js_path,
        browser_stop=browser_stop.script(rules.catalogue, rules.switches),
        settings=gateway,
        telemetry=gateway.telemetry,
        certificates=_certificates(configuration),
    )


def entered(
    snapshot: Snapshot,
    data_dir: FilePath,
    environment: Mapping[str, str],
    now: float,
    *orders: Order,
) -> Snapshot:
    """The snapshot with its switches and revisions, which are durable when this returns.

    `orders` are new ones and enter the history, too. Blocks. Raises OSError or ConfigurationError,
    and then the history is as it was; a revision that was numbered keeps its number. People who
    were suppressed meanwhile are so in it, too.
    """
    revisions = revision_history.entered(data_dir, snapshot.rules.revisions, now)
    past = switch_history.read(data_dir)
    decided = switches(snapshot.telemetry, environment, (*past.orders, *orders))
    period, numbered = switch_history.entered(past, decided, now)
    following = snapshot.switched(numbered, revisions).refusing(data_dir)
    if entries := (*orders, *([period] if period else ())):
        switch_history.append(data_dir, *entries)
    return following


def check_reloadable(new: Configuration, old: Configuration) -> None:
    """Raises ConfigurationError for what is only read at a start."""
    mistakes: list[Mistake] = []
    if new.routing.destinations != old.routing.destinations:
        what = "destinations change at a restart only"
        mistakes.append(new.routing_document.mistake(("destinations",), what))
    if new.gateway.data_dir != old.gateway.data_dir:
        what = "data_dir changes at a restart only"
        mistakes.append(new.gateway_document.mistake(("data_dir",), what))
    if new.gateway.encryption != old.gateway.encryption:
        what = "encryption changes at a restart only"
        mistakes.append(new.gateway_document.mistake(("encryption",), what))
    for setting in ("form", "normalize"):
        if getattr(new.policy.pseudonyms, setting) != getattr(old.policy.pseudonyms, setting):
            what = f"pseudonyms.{setting} changes at a restart only"
            mistakes.append(new.policy_document.mistake(("pseudonyms", setting), what))
    if mistakes:
        raise ConfigurationError(mistakes)


def _certificates(configuration: Configuration) -> dict[str, ssl.SSLContext]:
    pairs = {
        "tls.listen": (("tls", "cert"), configuration.tls),
        "admin.listen": (("admin", "tls", "cert"), configuration.admin_tls),
    }
    made = {}
    for listener, (path, pair) in pairs.items():
        if pair is None:
            continue
        try:
            made[listener] = tls.context(pair)
        except OSError as error:  # it was usable when the configuration was read
            what = tls.problem(pair) or f"{pair.cert}: {error.strerror}"
            raise ConfigurationError([configuration.gateway_document.mistake(path, what)]) from None
    return made
