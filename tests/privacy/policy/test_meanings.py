"""A rule names a thing of a person once; the words of each key say where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.errors import ConfigurationError
from gateway.privacy import CompiledPolicy
from gateway.privacy.vocabulary import MEANINGS, Meaning
from tests.clean import inside
from tests.privacy.conftest import Compile, MakeEvent


def _after(policy: CompiledPolicy, event: MakeEvent, properties: dict[str, Any]) -> Any:
    message = {"type": "track", "properties": json.loads(json.dumps(properties))}
    return inside(policy.scrub(event(message)).message)["properties"]


@pytest.mark.parametrize(
    "container",
    ["contact", "patient", "recipient", "customer", "profile", "employee", "usuario", "kunde"],
)
def test_a_name_below_a_person_is_theirs(
    default: CompiledPolicy, event: MakeEvent, container: str
) -> None:
    person = {"name": "Marta Vexley", "title": "Dr", "plan": "pro", "company": {"name": "Vex Ltd"}}
    after = _after(default, event, {container: person, "passengers": [person, [person]]})
    kept = {"plan": "pro", "company": {"name": "Vex Ltd"}}
    assert after == {container: kept, "passengers": [kept, [kept]]}


def test_a_person_inside_a_text_is_one(default: CompiledPolicy, event: MakeEvent) -> None:
    text = json.dumps({"customer": {"name": "Marta Vexley", "tier": 2}})
    pairs = [["traits", {"name": "Marta Vexley"}]]
    after = _after(default, event, {"body": text, "pairs": pairs})
    assert "Vexley" not in json.dumps(after)
    assert '"tier":2' in after["body"]


def test_a_text_under_a_person_is_their_name_and_a_number_is_a_count(
    default: CompiledPolicy, event: MakeEvent
) -> None:
    before = {"patient": "Marta Vexley", "passengers": ["Marta Vexley"], "users": 42, "guests": 2}
    assert _after(default, event, before) == {"users": 42, "guests": 2}


@pytest.mark.parametrize(
    "operation", ["$set", "$set_once", "$append", "$prepend", "$union", "$remove", "$add"]
)
@pytest.mark.parametrize("of", [{"$distinct_id": "u"}, {"$group_key": "org", "$group_id": "o"}])
def test_operations_on_profiles_are_about_a_person(
    default: CompiledPolicy, event: MakeEvent, operation: str, of: dict[str, Any]
) -> None:
    things = {
        "$name": "Marta Vexley",
        "name": ["Marta Vexley"],
        "city": "Vextown",
        "$region": "Vexshire",
        "location": "Vextown",
        "home": {"street": "12 Nowhere Lane"},
        "plan": "pro",
    }
    message = {**of, operation: things}
    after = default.scrub(event(json.loads(json.dumps(message)), "mixpanel")).message
    left = json.dumps(after)
    assert not any(word in left for word in ("Vex", "Nowhere"))
    assert inside(after)[operation]["plan"] == "pro"


def test_what_is_nobodys_stays(default: CompiledPolicy, event: MakeEvent) -> None:
    stays = {
        "headphones": "Vex 300",
        "microphone": "USB",
        "smartphone_model": "Vex 12",
        "firstPluginName": "PostgreSQL",
        "emailsSent": 12,
        "secretary": "true",
        "product": {"name": "Blue mug", "id": "p-1", "title": "Mug"},
        "planName": "pro",
        "company": {"name": "Vex Ltd", "id": "c-1"},
        "next_page_token": "abc",
        "numUsers": 64,
        "screen_name": "Home",
    }
    assert _after(default, event, stays) == stays


def test_external_ids_are_joined_and_their_types_stay(
    default: CompiledPolicy, event: MakeEvent
) -> None:
    ids = [{"id": "p-88121", "type": "crm", "collection": "users"}]
    message = {"type": "track", "context": {"externalIds": ids}, "properties": {"uid": "p-88121"}}
    after = inside(default.scrub(event(message)).message)
    assert after["context"]["externalIds"] == [
        {"id": after["properties"]["uid"], "type": "crm", "collection": "users"}
    ]
    assert "p-88121" not in json.dumps(after)


def test_all_selectors_of_a_rule_hold(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled(
        "rules: [{id: a, match: {meaning: [email, phone], path: /properties/a/*}, action: drop},"
        " {id: b, match: {meaning: name, key: [full*]}, action: mask},"
        " {id: c, match: {meaning: secret, kind: email}, action: mask}]"
    )
    before = {
        "a": {"workEmail": "x", "tier": 1},
        "workEmail": "x",
        "fullName": "x",
        "lastName": "x",
        "token": "my a@b.example",
        "note": "my a@b.example",
    }
    after = _after(policy, event, before)
    assert after == {
        **before,
        "a": {"tier": 1},
        "fullName": "[masked]",
        "token": "my [email]",
    }


def test_a_mask_in_a_key_is_no_word_of_it(default: CompiledPolicy, event: MakeEvent) -> None:
    once = _after(default, event, {"jane@x.example": "pro"})
    assert once == {"[email]": "pro"}
    assert _after(default, event, once) == once


def test_an_unknown_meaning_is_refused_with_a_suggestion(compiled: Compile) -> None:
    with pytest.raises(ConfigurationError, match=r"`adress` is not a meaning of keys.*`address`"):
        compiled("rules: [{id: a, match: {meaning: adress}, action: drop}]")


def test_a_rule_behind_one_that_takes_its_meaning_is_refused(compiled: Compile) -> None:
    with pytest.raises(ConfigurationError, match="`b` can never match"):
        compiled(
            "rules: [{id: a, match: {meaning: [email, phone]}, action: drop},"
            " {id: b, match: {meaning: phone}, action: mask}]"
        )


def test_every_meaning_is_described() -> None:
    assert set(MEANINGS) == set(Meaning)


ALWAYS_NAMED = """
email userEmail user_email emailAddress e_mail e-mail EMAIL contact-email work.email emails email2
email_hash phone phoneNumber phone_number homePhone mobile mobile_number mobileNumber fax msisdn
whatsapp phone-number userPhone cellPhone phones firstName first_name first-name FirstName firstname
$first_name lastName last_name lastname middleName middle_name fullName full_name displayName
display_name givenName given_name familyName family_name surname maidenName maiden_name customerName
userDisplayName customer_name accountHolder account_holder_name cardHolder cardholderName ssn SSN
socialSecurityNumber social_security passport passportNumber passport_no nationalId national_id
taxId tax_id iban IBAN cardNumber card_number creditCard credit_card creditCardNumber accountNumber
account_number cvv cvc birthday birthdate birth_date dateOfBirth date_of_birth dob street zip
zipCode
streetAddress street_address postalCode postal_code zip_code advertisingId advertising_id idfa idfv
gaid password userPassword passwd password_hash db_passwd passphrase pwd secret clientSecret token
client_secret secretKey accessToken refresh_token idToken csrfToken apiKey api_key x-api-key
stripe_api_key accessKey access_key_id privateKey private_key authorization proxyAuthorization
cookie set-cookie cookies credential credentials aws_credentials sessionId session_id sid jsessionid
csrf connectionString connection_string db_connection_string
"""


@pytest.mark.parametrize("key", ALWAYS_NAMED.split())
def test_keys_that_globs_named_are_named(
    default: CompiledPolicy, event: MakeEvent, key: str
) -> None:
    assert "Vexley" not in json.dumps(_after(default, event, {key: "Vexley zq", "a": 1}))
