"""What a decision depends on is read whole: one mistake anywhere, and the old rules stay.

The server, `check`, `explain` and the doctor compile the same files in the same way.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from gateway.config import Configuration
from gateway.config.privacy import Policy
from gateway.config.sections import sections
from gateway.contract import Catalogue, load_catalogue
from gateway.errors import ConfigurationError, Mistake
from gateway.pipeline.decide import Rules
from gateway.pipeline.fields import FieldRules
from gateway.pipeline.routing import compile_routes
from gateway.pipeline.telemetry_switch import Order, switches
from gateway.privacy import CompiledPolicy, Pseudonymizer, Suppressed, compile_policy
from gateway.revisions import Revision, Revisions, digest


def compile_rules(
    configuration: Configuration,
    environment: Mapping[str, str],
    pseudonymizer: Pseudonymizer,
    orders: Iterable[Order] = (),
) -> Rules:
    """Everything a decision depends on. Raises ConfigurationError with every mistake.

    `orders`: what people said about the switches, oldest first.
    """
    mistakes: list[Mistake] = []
    catalogue: Catalogue | None = None
    policy: CompiledPolicy | None = None
    try:
        catalogue = load_catalogue(
            configuration.schemas_path,
            format_assertion=configuration.gateway.schemas.format_assertion,
        )
    except ConfigurationError as error:
        mistakes += error.mistakes
    try:
        policy = compile_policy(
            configuration.policy,
            configuration.policy_document,
            catalogue.annotations() if catalogue else {},
            pseudonymizer,
        )
    except ConfigurationError as error:
        mistakes += error.mistakes
    if catalogue is None or policy is None:
        raise ConfigurationError(mistakes)
    return Rules(
        policy=policy,
        catalogue=catalogue,
        schemas=configuration.gateway.schemas,
        routes=compile_routes(configuration.routing),
        switches=switches(configuration.gateway.telemetry, environment, orders),
        suppressed=Suppressed(pseudonymizer.ever).as_of(configuration.gateway.data_dir),
        budget=configuration.gateway.limits.budget,
        fields=FieldRules(configuration.policy.new_fields, configuration.gateway.fields.learn_for),
        built_in={place: of for each in sections() for place, of in each.classes.items()},
        revisions=Revisions(
            policy=Revision(digest=_meaning(configuration.policy)),
            schema=Revision(digest=catalogue.digest),
        ),
    )


def _meaning(policy: Policy) -> str:
    """Of all that the policy says beside its default; why a rule is there changes nothing."""
    written = policy.model_dump(
        mode="json", exclude_defaults=True, exclude={"rules": {"__all__": {"reason"}}}
    )
    return digest(written)


def pseudonymizer_for_a_look(configuration: Configuration) -> Pseudonymizer:
    """The installation's pseudonyms, or passing ones where no gateway has ever run.

    `check` and `explain` leave no file behind, so they do not make the key.
    """
    keys, settings = configuration.gateway.data_dir / "keys", configuration.policy.pseudonyms
    if keys.exists():
        return Pseudonymizer.open(keys, settings.form, settings.normalize)
    return Pseudonymizer(secrets.token_bytes(32), settings.form, settings.normalize)
