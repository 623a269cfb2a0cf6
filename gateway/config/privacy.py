"""privacy.yaml, typed: what may leave, and what becomes of the rest."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, StrictBool, StrictFloat, StrictInt, field_validator, model_validator

from gateway.config.values import Many, Seconds, Settings

Action = Literal[
    "drop", "mask", "pseudonymize", "truncate", "strip_query", "generalize", "partial", "keep"
]
SchemaAction = Literal["drop", "mask", "pseudonymize", "truncate", "strip_query", "keep"]
"""What `x-privacy` may say. `keep` is refused by itself, with what to do instead."""
Scalar = StrictBool | StrictInt | StrictFloat | str | None

NOTHING = (
    "undefined", "null", "nil", "<nil>", "<null>", "(null)", "nan", "optional(nil)", "[object ]",
    "{{}}", "${}",
)  # fmt: skip
"""What languages and templates write for nothing. `[object ]` stands for `[object Object]` and its
like, `{{}}` and `${}` for a template that nobody filled in."""
PLACEHOLDERS = (
    *NOTHING,
    "none", "n/a", "na", "#n/a", "not set", "(not set)", "not_set", "not-set", "notset",
    "not available", "(none)", "(empty)", "empty", "missing", "unset", "blank", "void", "-", "--",
    "?", ".", "[]", "{}", "()", "0", "-1", "true", "false", "infinity", "-infinity", "\\n",
    "anon", "anonymous", "anonymous user", "anonymous_user", "anonymoususer", "guest", "guest user",
    "guest_user", "guestuser", "nobody", "unknown", "unknown user", "unknown_user", "unidentified",
    "unauthenticated", "not authenticated", "not_authenticated", "not logged in", "not_logged_in",
    "logged out", "logged_out", "loggedout", "signed out", "signed_out",
    "id", "user id", "user_id", "userid", "user-id", "distinct id", "distinct_id", "distinctid",
    "anonymous id", "anonymous_id", "anonymousid", "device id", "device_id", "deviceid",
    "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
)  # fmt: skip
"""Ids that stand for nobody: what vendors block, what code sends by mistake, hashes of nothing.
`0` stands for every id that is nothing but zeros."""

_RULE_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_DETECTOR_ID = re.compile(r"[a-z][a-z0-9_-]{0,62}")


class WhereMatch(Settings):
    """A condition on another field of the event as it came, before any rule changes it.

    A field that is not there matches nothing.
    """

    path: str
    """JSON Pointer to one field, without wildcards."""
    equals: Scalar = None
    """The field has this value."""
    one_of: tuple[Scalar, ...] = Field(default=(), alias="in")
    """The field has one of these values."""
    matches: Many[str] = ()
    """Globs on the whole text of the field."""

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        given = self.model_fields_set & {"equals", "one_of", "matches"}
        if len(given) != 1:
            raise ValueError("`where` needs one of equals, in and matches beside its path")
        if given != {"equals"} and not (self.one_of or self.matches):
            raise ValueError("`where` has an empty list, which no value is in")
        return self


class RuleMatch(Settings):
    """What a rule applies to. All selectors given must hold."""

    path: Many[str] = ()
    """JSON Pointers; `*` stands for one key, `**` for any number."""
    key: Many[str] = ()
    """Globs on the last key, at any depth, whatever its case."""
    meaning: Many[str] = ()
    """What the words of a key say its value is of a person: name, email, phone, address …"""
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
    where: WhereMatch | None = None
    """A condition on another field."""
    destination: Many[str] = ()
    """Names of destinations in routing.yaml: the rule holds for what is sent to them alone. What it
    lets out travels beside the event, and reaches nobody else."""


class PolicyRule(Settings):
    """One decision. The first rule that matches a value makes it."""

    id: str
    """What the audit calls it."""
    match: RuleMatch
    action: Action
    """What becomes of it."""
    to: str | int | None = None
    """With `generalize`: day, month, year, decade, country, domain, `3 digits`, `10 km`, `10 years`
    or a number such as 10. What has no such form is dropped."""
    keep: str | None = None
    """With `partial`: `last 4` or `first 2`; never more than half of the value."""
    reason: str = ""
    """Why, for the people who read the policy."""

    @field_validator("id")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not _RULE_ID.fullmatch(value):
            raise ValueError("write an id of small letters, digits, . - and _")
        return value


class OwnDetector(Settings):
    """A detector of this policy, for what only its people know: customer numbers, case ids."""

    id: str
    """What `kind` calls it; also its mask, `[id]`."""
    pattern: str
    """A regular expression. What it matches is found, wherever it stands in a text. It must be
    linear: `+` and `*` reach 64 characters, and a repetition within another must have a limit."""
    ignore_case: bool = False
    """Whether capitals and small letters are the same."""
    examples: Many[str]
    """Texts in which it must find something, or nothing starts."""
    counterexamples: Many[str] = ()
    """Texts in which it must find nothing."""

    @field_validator("id")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not _DETECTOR_ID.fullmatch(value):
            raise ValueError("write an id of small letters, digits, _ and -")
        return value

    @field_validator("examples")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("give one text at least in which the detector finds something")
        return value


class Pseudonyms(Settings):
    """How identifiers are replaced."""

    form: Literal["hex", "uuid"] = "hex"
    """64 hexadecimal digits, or a UUIDv4 (Mixpanel's original identity merge wants one)."""
    normalize: Many[Literal["email"]] = ("email",)
    """Ids that have several spellings and one before they are hashed. `email`: without blanks
    around, in small letters, in one Unicode form, the domain without punycode; dots and `+tag` of
    the name stay. `[]`: as they came. Changes at a restart."""
    join_after_rotation: Seconds = Field(default=0, ge=0, allow_inf_nan=False)
    """How long after `gateway keys rotate` an alias joins a person's new pseudonym to the one by
    the key before, counted from the end of the key's day (UTC): `30d`. Vendors cannot take it back.
    It ends sooner once the key before is forgotten. 0: nothing joins them."""


class PlaceholderIds(Settings):
    """Ids that stand for nobody. They count as absent in every protocol, whatever the rules say."""

    ids: tuple[str, ...] = PLACEHOLDERS
    """The list, whatever the case and with blanks or quotes around; your own replaces it."""
    more: tuple[str, ...] = ()
    """What else counts, beside the list."""


class Policy(Settings):
    """privacy.yaml."""

    client_ip: Literal["drop", "truncate", "pseudonymize", "keep"] = "drop"
    """The address of the person's device: the one thing it may be used for."""
    pseudonyms: Pseudonyms = Pseudonyms()
    placeholders: PlaceholderIds = PlaceholderIds()
    default: Literal["keep", "drop"] = "keep"
    """What becomes of a value that no rule takes. `drop` makes the rules an allow-list."""
    detectors: tuple[OwnDetector, ...] = ()
    """Detectors beside those of the gateway."""
    rules: tuple[PolicyRule, ...] = ()
    new_fields: Literal["keep", "hold", "drop"] = "keep"
    """What becomes of a field that was never seen in its event, once `fields.learn_for` is over and
    if no schema describes it. `hold`: it leaves once somebody accepts it with `gateway fields`;
    until then it is taken out. `drop`: it is taken out. `keep`: it leaves, and is counted."""
    keep: tuple[str, ...] = Field(default=())
    """Named exceptions: JSON Pointers that leave as they came. `check` shows each one."""

    def rules_for(self, destination: str | None = None) -> tuple[PolicyRule, ...]:
        """The rules that hold for a destination; without one, those that hold for all of them."""
        return tuple(
            rule
            for rule in self.rules
            if not rule.match.destination or destination in rule.match.destination
        )

    @property
    def named_destinations(self) -> frozenset[str]:
        """The destinations that have rules of their own."""
        return frozenset(name for rule in self.rules for name in rule.match.destination)

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f"two rules have the id `{rule.id}`; each needs its own")
            seen.add(rule.id)
        names: set[str] = set()
        for detector in self.detectors:
            if detector.id in names:
                raise ValueError(f"two detectors have the id `{detector.id}`; each needs its own")
            names.add(detector.id)
        return self
