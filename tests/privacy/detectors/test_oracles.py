"""Others' detectors as a second opinion: what they know of generated values, this gateway finds.

They are asked in tests alone. A kind of secret that a new version of theirs brings makes a test
fail until it is looked at here.
"""

from __future__ import annotations

import base64
import json
import random
import string
import warnings
from collections.abc import Callable
from typing import Any

import phonenumbers
import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import RegexBasedDetector
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from gateway.privacy import CompiledPolicy
from gateway.privacy.detectors import Scanner, context_of
from tests.privacy.conftest import MakeEvent

ALNUM = string.ascii_letters + string.digits
SMALL = string.ascii_lowercase + string.digits
GREAT = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
EACH = 25


def _some(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choices(alphabet, k=length))


def _base64(part: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


Make = Callable[[random.Random], str]
SECRETS: dict[str, Make] = {
    "AWS Access Key": lambda r: r.choice(["AKIA", "ASIA", "ABIA", "ACCA"]) + _some(r, GREAT, 16),
    "Azure Storage Account access key": lambda r: f"AccountKey={_some(r, ALNUM + '+/', 86)}==",
    "Basic Auth Credentials": lambda r: f"https://{_some(r, SMALL, 8)}:{_some(r, ALNUM, 12)}@a.dev",
    "Cloudant Credentials": lambda r: f"https://a:{_some(r, HEX, 64)}@b.cloudant.com",
    "Discord Bot Token": lambda r: (
        f"M{_some(r, ALNUM, 23)}.{_some(r, ALNUM, 6)}.{_some(r, ALNUM, 27)}"
    ),
    "GitHub Token": lambda r: f"gh{r.choice('pousr')}_{_some(r, ALNUM, 36)}",
    "GitLab Token": lambda r: (
        r.choice(["glpat-", "gldt-", "glft-", "glsoat-", "glrt-"]) + _some(r, ALNUM, 20)
    ),
    "IBM Cloud IAM Key": lambda r: f'ibm_cloud_iam_api_key = "{_some(r, ALNUM, 44)}"',
    "IBM COS HMAC Credentials": lambda r: f'cos_secret_key = "{_some(r, HEX, 48)}"',
    "JSON Web Token": lambda r: (
        f"{_base64({'alg': 'HS256'})}.{_base64({'sub': _some(r, ALNUM, 9)})}.{_some(r, ALNUM, 43)}"
    ),
    "Mailchimp Access Key": lambda r: f"{_some(r, HEX, 32)}-us{r.randint(1, 20)}",
    "NPM tokens": lambda r: f"//registry.a.dev/:_authToken=npm_{_some(r, ALNUM, 36)}",
    "OpenAI Token": lambda r: f"sk-{_some(r, ALNUM, 20)}T3BlbkFJ{_some(r, ALNUM, 20)}",
    "Private Key": lambda r: (
        f"-----BEGIN RSA PRIVATE KEY-----\n{_some(r, ALNUM, 64)}\n-----END RSA PRIVATE KEY-----"
    ),
    "PyPI Token": lambda r: f"pypi-AgEIcHlwaS5vcmc{_some(r, ALNUM, 80)}",
    "SendGrid API Key": lambda r: f"SG.{_some(r, ALNUM, 22)}.{_some(r, ALNUM, 43)}",
    "Slack Token": lambda r: f"xoxb-{_some(r, '123456789', 12)}-{_some(r, SMALL, 24)}",
    "SoftLayer Credentials": lambda r: f'softlayer_api_key = "{_some(r, HEX, 64)}"',
    "Square OAuth Secret": lambda r: f"sq0csp-{_some(r, ALNUM, 43)}",
    "Stripe Access Key": lambda r: f"{r.choice('sr')}k_live_{_some(r, ALNUM, 24)}",
    "Telegram Bot Token": lambda r: f"{_some(r, '123456789', 10)}:AA{_some(r, ALNUM, 33)}",
    "Twilio API Key": lambda r: f"{r.choice(['SK', 'AC'])}{_some(r, HEX, 32)}",
}
"""A value of each of their kinds, as the vendor makes it."""
NOT_OURS = {
    "Artifactory Credentials",  # AP and nine more characters: any word; AKCp… is in our table
    "Base64 High Entropy String",
    "Hex High Entropy String",
    "Public IP (ipv4)",  # has tests of its own
    "Secret Keyword",  # names of keys: the vocabulary
}
THEIRS: dict[str, Any] = get_mapping_from_secret_type_to_class()


def test_every_kind_of_theirs_is_looked_at() -> None:
    assert set(THEIRS) == set(SECRETS) | NOT_OURS


@pytest.mark.parametrize("kind", SECRETS)
def test_what_they_call_a_secret_does_not_stay(
    default: CompiledPolicy, event: MakeEvent, kind: str
) -> None:
    rng = random.Random(kind)
    plugin = THEIRS[kind]()
    assert isinstance(plugin, RegexBasedDetector)
    for _ in range(EACH):
        value = SECRETS[kind](rng)
        with warnings.catch_warnings(action="ignore"):  # of their patterns
            theirs = max(plugin.analyze_string(value), key=len, default="")
        assert theirs, value
        message = {"type": "track", "properties": {"note": f"the key {value} was used"}}
        left = json.dumps(default.scrub(event(message)).message)
        assert theirs not in left, value


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_a_number_of_each_country_is_found(region: str) -> None:
    scanner, key = Scanner(["phone"]), context_of("phone")
    for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
        national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
        plain = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for text, context in (
            (plain, 0),
            (international, 0),
            (f"or {international}, please", 0),
            (phonenumbers.format_number(number, PhoneNumberFormat.RFC3966), 0),
            (plain.replace("+", "00"), key),
            (national, key),
        ):
            if sum(map(str.isdecimal, text)) >= 7:  # fewer are as good as none: the key tells
                assert scanner.find(text, context), text
