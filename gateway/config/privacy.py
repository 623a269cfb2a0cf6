"""privacy.yaml, typed: what may leave, and what becomes of the rest."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from gateway.config.values import Many, Settings

Action = Literal["drop", "mask", "pseudonymize", "truncate", "strip_query", "keep"]

_RULE_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


class RuleMatch(Settings):
    """What a rule applies to. All selectors given must hold."""

    path: Many[str] = ()
    """JSON Pointers; `*` stands for one key, `**` for any number."""
    key: Many[str] = ()
    """Globs on the last key, at any depth, whatever its case."""
    kind: Many[str] = ()
    """Detectors, on the value: the rule then applies to what they find in it."""
    parameter: Many[str] = ()
    """Globs on the name of a query, fragment or form parameter inside a text. Stands alone."""
    event: Many[str] = ()
    """Globs on the event name."""
    source: Many[str] = ()
    """Names of sources."""
    type: Many[str] = ()
    """Message types: track, page, screen, identify, group, alias; for Mixpanel event, people,
    groups."""


class PolicyRule(Settings):
    """One decision. The first rule that matches a value makes it."""

    id: str
    """What the audit calls it."""
    match: RuleMatch
    action: Action
    """What becomes of it."""
    reason: str = ""
    """Why, for the people who read the policy."""

    @field_validator("id")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not _RULE_ID.fullmatch(value):
            raise ValueError("write an id of small letters, digits, . - and _")
        return value


class Pseudonyms(Settings):
    """How identifiers are replaced."""

    form: Literal["hex", "uuid"] = "hex"
    """64 hexadecimal digits, or a UUIDv4 (Mixpanel's original identity merge wants one)."""


class Policy(Settings):
    """privacy.yaml."""

    client_ip: Literal["drop", "truncate", "pseudonymize", "keep"] = "drop"
    """The address of the person's device: the one thing it may be used for."""
    pseudonyms: Pseudonyms = Pseudonyms()
    rules: tuple[PolicyRule, ...] = ()
    new_fields: Literal["keep", "hold", "drop"] = "keep"
    """What becomes of a field that was never seen in its event, once `fields.learn_for` is over and
    if no schema describes it. `hold`: it leaves once somebody accepts it with `gateway fields`;
    until then it is taken out. `drop`: it is taken out. `keep`: it leaves, and is counted."""
    keep: tuple[str, ...] = Field(default=())
    """Named exceptions: JSON Pointers that leave as they came. `check` shows each one."""

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f"two rules have the id `{rule.id}`; each needs its own")
            seen.add(rule.id)
        return self
