"""The configuration is whole and typed, or the gateway does not start with it.

`load` reads gateway.yaml and the two files it names. Every mistake of all three is collected, each
with its file, its line and what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.config import destination_types
from gateway.config.encryption import keyring
from gateway.config.environment import Override, overrides
from gateway.config.model import Admin, Certificate, GatewaySettings
from gateway.config.outgoing import Outgoing
from gateway.config.privacy import Policy
from gateway.config.routing import Common, Routing
from gateway.config.sections import sections, settings_model
from gateway.config.sentences import did_you_mean, keys_at, near, path_in, sentence
from gateway.config.source import Document, overridden
from gateway.config.source import load as load_yaml
from gateway.config.values import Settings
from gateway.encryption import Keyring
from gateway.errors import ConfigurationError, Mistake
from gateway.event import JsonPath
from gateway.plugins import PluginError
from gateway.tls import Pair, problem, stands_for

Model = TypeVar("Model", bound=Settings)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All three files, with where everything in them stands."""

    gateway: GatewaySettings
    policy: Policy
    routing: Routing
    gateway_document: Document
    policy_document: Document
    routing_document: Document
    outgoing: Outgoing
    """How requests leave, without this installation's mark."""

    @property
    def schemas_path(self) -> FilePath:
        return FilePath(self.gateway_document.file).parent / self.gateway.schemas.path

    def keyring(self, environment: Mapping[str, str]) -> Keyring | None:
        """The keys of `encryption`; None without that section. Blocks while a command runs.

        Raises ConfigurationError.
        """
        return keyring(self.gateway.encryption, self.gateway_document, environment)

    @property
    def tls(self) -> Pair | None:
        """The files of `tls`."""
        return pair_of(self.gateway_document, self.gateway.tls)

    @property
    def admin_tls(self) -> Pair | None:
        """The files of `admin.tls`."""
        return pair_of(self.gateway_document, self.gateway.admin.tls)

    @property
    def analytics_js_path(self) -> FilePath | None:
        path = self.gateway.analytics_js.path
        return None if path is None else FilePath(self.gateway_document.file).parent / path


def load(file: FilePath, environment: Mapping[str, str]) -> Configuration:
    """Read and check the configuration. Raises ConfigurationError with every mistake found."""
    mistakes: list[Mistake] = []
    settings = overrides(environment, mistakes)
    mistakes += _unknown_settings(settings)
    gateway_document = overridden(
        load_yaml(file, environment), _of(settings_model(), settings), mistakes
    )
    gateway = typed(settings_model(), gateway_document, mistakes)
    policy_file, routing_file = _neighbours(file, gateway_document.value)
    policy, policy_document = _load(Policy, policy_file, environment, settings, mistakes)
    routing, routing_document = _load_routing(routing_file, environment, settings, mistakes)
    if routing and routing_document:
        mistakes += _unknown_names(gateway, routing, routing_document)
    if gateway:
        mistakes += list(_unusable_certificates(gateway, gateway_document)) or list(
            _unbelievable_hosts(gateway, gateway_document)
        )
        mistakes += _unreadable_authorities(gateway, gateway_document, environment)
    if policy and policy_document and gateway:
        mistakes += _unknown_sources(gateway, policy, policy_document)
    if policy and policy_document and routing:
        mistakes += _unknown_destinations(routing, policy, policy_document)
    if mistakes or not (gateway and policy and routing and policy_document and routing_document):
        raise ConfigurationError(mistakes)
    return Configuration(
        gateway,
        policy,
        routing,
        gateway_document,
        policy_document,
        routing_document,
        Outgoing.of(gateway.outbound, environment, FilePath(gateway_document.file).parent),
    )


def with_policy(
    configuration: Configuration, file: FilePath, environment: Mapping[str, str]
) -> Configuration:
    """The same with the policy of another file. Raises ConfigurationError."""
    mistakes: list[Mistake] = []
    settings = overrides(environment, mistakes)
    policy, document = _load(Policy, file, environment, settings, mistakes)
    if policy and document:
        mistakes += _unknown_sources(configuration.gateway, policy, document)
    if mistakes or not (policy and document):
        raise ConfigurationError(mistakes)
    return replace(configuration, policy=policy, policy_document=document)


def pair_of(document: Document, certificate: Certificate | None) -> Pair | None:
    """The files of a certificate, found from the file that names them."""
    if certificate is None:
        return None
    folder = FilePath(document.file).parent
    return Pair(folder / certificate.cert, folder / certificate.key)


def _unusable_certificates(gateway: GatewaySettings, document: Document) -> Iterable[Mistake]:
    places: dict[JsonPath, Certificate | None] = {
        ("tls",): gateway.tls,
        ("admin", "tls"): gateway.admin.tls,
    }
    for path, certificate in places.items():
        if (pair := pair_of(document, certificate)) and (what := problem(pair)):
            yield document.mistake((*path, "cert"), what)


def _unbelievable_hosts(gateway: GatewaySettings, document: Document) -> Iterable[Mistake]:
    """Hosts that the forward proxy would answer for with a certificate of others."""
    pair = pair_of(document, gateway.tls)
    for i, host in enumerate(gateway.forward_proxy.here if gateway.forward_proxy else ()):
        if pair and not {"*", "?"} & set(host) and not stands_for(pair, host):
            yield document.mistake(
                ("forward_proxy", "here", i),
                f"the certificate of `tls` is not for {host}; make one with"
                f" `gateway certificate FOLDER --host {host}`",
            )


def _unreadable_authorities(
    gateway: GatewaySettings, document: Document, environment: Mapping[str, str]
) -> Iterable[Mistake]:
    """Only what is configured: a variable may be meant for other programs."""
    if gateway.outbound.ca_bundle is None:
        return
    folder = FilePath(document.file).parent
    try:
        Outgoing.of(gateway.outbound, environment, folder).context()
    except (OSError, ValueError):
        yield document.mistake(
            ("outbound", "ca_bundle"), "it cannot be read, or holds no PEM certificate"
        )


def keys(model: type[BaseModel]) -> set[str]:
    """The settings that stand at the beginning of a line."""
    return {field.alias or name for name, field in model.model_fields.items()}


class _AdminOnly(Settings):
    admin: Admin = Admin()


def admin_alone(file: FilePath, environment: Mapping[str, str]) -> tuple[Admin, Document]:
    """The admin listener, however wrong the rest may be. Raises ConfigurationError."""
    document = overridden(
        load_yaml(file, environment), _of(GatewaySettings, overrides(environment, [])), []
    )
    given = document.value.get("admin") if isinstance(document.value, dict) else None
    try:
        alone = _validated(_AdminOnly, {"admin": given or {}}, document)
    except ValidationError:
        mistake = document.mistake(("admin",), "it cannot be read; `gateway check` says why")
        raise ConfigurationError([mistake]) from None
    return alone.admin, document


def _of(model: type[BaseModel], settings: list[Override]) -> list[Override]:
    """The overrides of one file: no two files have a first key in common."""
    return [one for one in settings if one.path[0] in keys(model)]


def _unknown_settings(settings: list[Override]) -> Iterable[Mistake]:
    known = keys(settings_model()) | keys(Policy) | keys(Routing)
    for one in settings:
        if one.path[0] not in known:
            near = did_you_mean(str(one.path[0]), known)
            yield Mistake(one.variable, 0, f"`{one.path[0]}` is not a setting{near}")


def _neighbours(file: FilePath, value: Any) -> tuple[FilePath, FilePath]:
    """privacy.yaml and routing.yaml, found even when the rest of gateway.yaml is wrong."""
    given = value if isinstance(value, dict) else {}
    policy, routing = given.get("policy"), given.get("routing")
    return (
        file.parent / (policy if isinstance(policy, str) else "privacy.yaml"),
        file.parent / (routing if isinstance(routing, str) else "routing.yaml"),
    )


def _load(
    model: type[Model],
    file: FilePath,
    environment: Mapping[str, str],
    settings: list[Override],
    mistakes: list[Mistake],
) -> tuple[Model | None, Document | None]:
    try:
        document = load_yaml(file, environment)
    except ConfigurationError as error:
        mistakes += error.mistakes
        return None, None
    document = overridden(document, _of(model, settings), mistakes)
    return typed(model, document, mistakes), document


def _load_routing(
    file: FilePath,
    environment: Mapping[str, str],
    settings: list[Override],
    mistakes: list[Mistake],
) -> tuple[Routing | None, Document | None]:
    """Each destination by itself first, since its type says what may stand there."""
    try:
        document = load_yaml(file, environment)
    except ConfigurationError as error:
        mistakes += error.mistakes
        return None, None
    document = overridden(document, _of(Routing, settings), mistakes)
    value = document.value
    given = value.get("destinations") if isinstance(value, dict) else None
    if isinstance(given, dict):
        each = {name: _destination(name, one, document, mistakes) for name, one in given.items()}
        document_of_types = replace(document, value={**value, "destinations": each})
        return typed(Routing, document_of_types, mistakes), document
    return typed(Routing, document, mistakes), document


def _destination(name: str, given: Any, document: Document, mistakes: list[Mistake]) -> Common:
    """The settings of a destination; where they are wrong, something that stands for them."""
    path: JsonPath = ("destinations", name)
    where = f"`destinations.{name}.type`"
    if not isinstance(given, dict):
        mistakes.append(document.mistake(path, f"`destinations.{name}` must hold keys and values"))
    elif "type" not in given:
        mistakes.append(document.mistake(path, f"{where} is missing"))
    elif (kind := str(given["type"])) not in (known := destination_types.names()):
        wrong = f"{where} must be one of {', '.join(known)}{near(kind, known)}"
        mistakes.append(document.mistake((*path, "type"), wrong))
    else:
        try:
            model: type[Common] = destination_types.declared(kind).settings
        except PluginError as error:
            mistakes.append(document.mistake((*path, "type"), str(error)))
        else:
            return _valid(model, given, document, mistakes, path) or Common(type=kind)
    return Common(type="")


def typed(model: type[Model], document: Document, mistakes: list[Mistake]) -> Model | None:
    """What a file holds, or None, and then its mistakes are among `mistakes`."""
    if not isinstance(document.value, dict):
        mistakes.append(document.mistake((), "the file must hold keys and values"))
        return None
    return _valid(model, document.value, document, mistakes)


def _valid(
    model: type[Model],
    value: Any,
    document: Document,
    mistakes: list[Mistake],
    below: JsonPath = (),
) -> Model | None:
    """`value` as the model has it; `below`: where it stands in the document."""
    try:
        return _validated(model, value, document, below)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            path = path_in(document, (*below, *detail["loc"]))
            known = keys_at(model, path[len(below) : -1])
            mistakes.append(document.mistake(path, sentence(path, known, detail)))
        return None


def _validated(model: type[Model], value: Any, document: Document, below: JsonPath = ()) -> Model:
    """Where a text is wanted, what the environment says is one, also 0012, true and 2026-01-01."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        wanted = [
            path_in(document, (*below, *detail["loc"]))
            for detail in error.errors(include_url=False)
            if detail["type"] in ("string_type", "path_type")
        ]
    for path in wanted:
        # One value may stand for a list of one; then the path has a step more.
        given = path if path in document.texts else path[:-1]
        if given in document.texts:
            value = _replaced(value, given[len(below) :], document.texts[given])
    return model.model_validate(value)


def _replaced(value: Any, path: JsonPath, text: str) -> Any:
    if not path:
        return text
    head, rest = path[0], path[1:]
    if isinstance(value, list):
        return [_replaced(one, rest, text) if i == head else one for i, one in enumerate(value)]
    return {**value, str(head): _replaced(value[head], rest, text)}


def _unknown_names(
    gateway: GatewaySettings | None, routing: Routing, document: Document
) -> Iterable[Mistake]:
    for i, route in enumerate(routing.routes):
        for j, name in enumerate(route.to):
            if name not in routing.destinations:
                yield document.mistake(
                    ("routes", i, "to", j),
                    f"`{name}` is not a destination{did_you_mean(name, routing.destinations)}",
                )
        if gateway:
            path: JsonPath = ("routes", i, "match", "source")
            yield from _not_sources(gateway, route.match.source, document, path)


def _unknown_sources(
    gateway: GatewaySettings, policy: Policy, document: Document
) -> Iterable[Mistake]:
    for i, rule in enumerate(policy.rules):
        yield from _not_sources(
            gateway, rule.match.source, document, ("rules", i, "match", "source")
        )


def _unknown_destinations(
    routing: Routing, policy: Policy, document: Document
) -> Iterable[Mistake]:
    for i, rule in enumerate(policy.rules):
        for j, name in enumerate(rule.match.destination):
            if name not in routing.destinations:
                yield document.mistake(
                    ("rules", i, "match", "destination", j),
                    f"`{name}` is not a destination{did_you_mean(name, routing.destinations)}",
                )


def _not_sources(
    gateway: GatewaySettings, names: tuple[str, ...], document: Document, path: JsonPath
) -> Iterable[Mistake]:
    known = {source.name for source in gateway.sources}
    known.update(*(section.sources(gateway) for section in sections()))
    if gateway.unknown_keys == "accept":
        known.add("unknown")
    for i, name in enumerate(names):
        if name not in known:
            yield document.mistake(
                (*path, i), f"`{name}` is not a source{did_you_mean(name, known)}"
            )
