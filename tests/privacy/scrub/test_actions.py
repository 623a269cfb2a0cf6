"""What each rule, action and selector does to an event."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gateway.event import Change, CleanText, RawEvent
from gateway.privacy import CompiledPolicy, Omission, Pseudonymizer, ScrubError
from tests.clean import inside

Compile = Callable[..., CompiledPolicy]
MakeEvent = Callable[..., RawEvent]


def track(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "E", "properties": properties, **more}


def rules(*lines: str, more: str = "") -> str:
    return (
        "rules:\n"
        + "".join(
            f"  - {{id: r{i}, match: {line}}}\n".replace("} ->", "}, action:")
            for i, line in enumerate(lines)
        )
        + more
    )


@pytest.fixture
def scrub(compiled: Compile, event: MakeEvent) -> Callable[..., dict[str, Any]]:
    def scrubbed(properties: dict[str, Any], *lines: str, more: str = "") -> dict[str, Any]:
        policy = compiled(rules(*lines, more=more))
        properties_after: dict[str, Any] = inside(
            policy.scrub(event(track(properties))).message
        ).get("properties", {})
        return properties_after

    return scrubbed


Scrub = Callable[..., dict[str, Any]]


def test_the_first_rule_that_matches_decides(scrub: Scrub) -> None:
    before = {"a": "x", "b": "x"}
    assert scrub(before, "{path: /properties/a} -> mask", "{key: [a, b]} -> drop") == {
        "a": "[masked]"
    }
    assert scrub({"a": 1}, "{key: a} -> keep", "{path: /properties} -> drop") == {"a": 1}


def test_a_container_stands_for_all_in_it(scrub: Scrub) -> None:
    inside = {"a": {"b": ["x", 7, {"c": "y"}], "t": True, "n": None, "e": ""}}
    assert scrub(copy.deepcopy(inside), "{path: /properties/a} -> mask") == {
        "a": {
            "b": ["[masked]", "[masked]", {"c": "[masked]"}],
            "t": "[masked]",
            "n": None,
            "e": "",
        }
    }
    assert scrub(copy.deepcopy(inside), "{path: /properties/a} -> drop") == {}
    assert scrub(copy.deepcopy(inside), "{key: a} -> drop") == {
        "a": {"t": True, "n": None, "e": ""}
    }


def test_what_is_kept_in_a_dropped_object_stays(scrub: Scrub) -> None:
    inside = {"a": {"b": {"c": 1, "d": 2}, "e": [1, 2, 3]}}
    drop = "{path: /properties/a} -> drop"
    assert scrub(copy.deepcopy(inside), drop, more="keep: [/properties/a/b/c]\n") == {
        "a": {"b": {"c": 1}}
    }
    assert scrub(copy.deepcopy(inside), drop, more="keep: [/properties/a/e/1]\n") == {
        "a": {"e": [2]}
    }
    assert scrub(copy.deepcopy(inside), "{key: d} -> keep", drop) == {"a": {"b": {"d": 2}}}


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        ("/properties/*/id", ["a", "b"]),
        ("/properties/**/id", ["", "a", "b", "b/c"]),
        ("/**/c/id", ["b/c"]),
        ("/properties/a/**", ["a"]),
        ("/properties/b/c", ["b/c"]),
        ("/properties/b/c/id/more", []),
    ],
)
def test_paths(scrub: Scrub, path: str, gone: list[str]) -> None:
    before = {"id": 1, "a": {"id": 1, "x": 1}, "b": {"id": 1, "x": 1, "c": {"id": 1, "x": 1}}}
    after = scrub(before, f"{{path: {path}}} -> drop")
    places = {"": after, "a": after.get("a", {}), "b": after["b"], "b/c": after["b"].get("c", {})}
    assert [place for place, value in places.items() if "id" not in value] == gone


def test_paths_with_odd_keys_and_indices(scrub: Scrub) -> None:
    before = {"a/b": "1", "m~n": "2", "l": ["3", "4"], "k": {"0": "5"}}
    paths = "{path: [/properties/a~1b, /properties/m~0n, /properties/l/1, /properties/k/0]} -> drop"
    assert scrub(before, paths) == {"l": ["3"], "k": {}}


def test_keys_ignore_case_and_know_globs(scrub: Scrub) -> None:
    before = {"Email": "a", "user_eMail_2": "b", "mailing": "c", "x": {"EMAIL": "d"}}
    assert scrub(before, "{key: ['*email*']} -> drop") == {"mailing": "c", "x": {}}
    assert scrub({"a1": 1, "a12": 2}, "{key: ['a?']} -> drop") == {"a12": 2}


def test_path_and_key_together_need_both(scrub: Scrub) -> None:
    before = {"user": {"name": "Jane", "x": {"name": "n"}}, "name": "page"}
    assert scrub(before, "{path: /properties/user/*, key: name} -> drop") == {
        "user": {"x": {"name": "n"}},
        "name": "page",
    }


def test_kind_with_key_decides_over_what_the_detector_finds(scrub: Scrub) -> None:
    before = {"note": "to a@b.example", "other": "to a@b.example", "text": "plain"}
    assert scrub(before, "{key: [note, text], kind: email} -> mask") == {
        "note": "to [email]",
        "other": "to a@b.example",
        "text": "plain",
    }


def test_a_keep_of_a_kind_comes_before_a_glob(scrub: Scrub) -> None:
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    lines = ("{key: emailDomainHash, kind: sha256} -> keep", "{key: ['*email*']} -> drop")
    assert scrub({"emailDomainHash": digest}, *lines) == {"emailDomainHash": digest}
    assert scrub({"emailDomainHash": "jane@x.example"}, *lines) == {}
    assert scrub({"emailHash": digest}, *lines) == {}


def test_each_piece_of_a_text_meets_the_rules_in_order(scrub: Scrub) -> None:
    before = {"t": "a@b.example from 203.0.113.7 or 4111111111111111 then 2001:db8::1"}
    lines = (
        "{kind: email} -> drop",
        "{kind: ipv4} -> truncate",
        "{kind: ipv6} -> keep",
        "{kind: [ipv6, credit_card]} -> mask",
    )
    assert scrub(before, *lines) == {"t": " from 203.0.113.0 or [credit_card] then 2001:db8::1"}
    assert scrub({"t": "a@b.example"}, *lines) == {}


def test_shortened_values_go_on_to_later_rules(scrub: Scrub) -> None:
    mask = "{kind: [email, ipv4, ipv6]} -> mask"
    urls = "{key: url} -> strip_query"
    assert scrub({"url": "https://u:p@h.example/a@b.example/x?q=1#f"}, urls, mask) == {
        "url": "https://h.example/[email]/x"
    }
    assert scrub({"url": "/a?b"}, urls) == {"url": "/a"}
    assert scrub({"url": "?b=c"}, urls) == {"url": ""}
    assert scrub({"url": "#t=1"}, urls) == {"url": ""}
    assert scrub({"url": ["/a?b"]}, urls) == {"url": ["/a"]}
    cut = "{key: t} -> truncate"
    assert scrub({"t": "a@b.example " + "x" * 99}, cut, mask) == {"t": "[email] " + "x" * 20}
    assert scrub({"t": "203.0.113.7"}, cut, mask) == {"t": "203.0.113.0"}
    assert scrub({"t": "2001:db8:1:2::7"}, cut, mask) == {"t": "2001:db8:1::"}


def test_booleans_and_structure_stay_unless_their_path_is_named(
    compiled: Compile, event: MakeEvent
) -> None:
    message = track(
        {"emailVerified": True, "email": None, "emails": ""},
        messageId="m-email",
        context={"library": {"name": "email.js", "email": "x"}},
        integrations={"Email": True, "All": False},
    )
    globs = compiled(rules("{key: ['*e*', type, messageId]} -> drop"))
    assert globs.scrub(event(copy.deepcopy(message))).message == message
    paths = compiled(rules("{path: [/messageId, /context/library/email, /integrations]} -> drop"))
    after = paths.scrub(event(message)).message
    assert "messageId" not in after
    assert "integrations" not in after
    assert after["context"] == {"library": {"name": "email.js"}}


def test_structural_fields_are_read_by_detectors_all_the_same(
    default: CompiledPolicy, event: MakeEvent
) -> None:
    message = {
        "type": "track",
        "event": "Mail to jane@x.example",
        "messageId": "order-jane@x.example",
        "originalTimestamp": "yesterday, +49 30 1234567",
        "context": {"library": {"name": "jane@x.example"}},
        "integrations": {"jane@x.example": True},
    }
    after = default.scrub(event(message)).message
    assert after == {
        "type": "track",
        "event": "Mail to [email]",
        "messageId": "[email]",
        "originalTimestamp": "yesterday, [phone]",
        "context": {"library": {"name": "[email]"}},
        "integrations": {"[email]": True},
    }


def test_event_source_and_type_narrow_a_rule(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled(
        rules(
            "{key: a, event: ['Order *']} -> drop",
            "{key: b, source: web} -> drop",
            "{key: c, type: page} -> drop",
        )
    )

    def left(kind: str, name: str, source: str) -> str:
        message = {"type": kind, "event": name, "properties": {"a": 1, "b": 1, "c": 1}}
        return "".join(inside(policy.scrub(event(message, source=source)).message)["properties"])

    assert left("track", "Order Done", "demo") == "bc"
    assert left("track", "order done", "demo") == "abc"
    assert left("track", "Done", "web") == "ac"
    assert left("page", "Order x", "web") == ""
    for i in range(5000):
        assert left("track", f"Order {i}", "demo") == "bc"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://h/p?token=abc&x=1", "https://h/p?token=[masked]&x=1"),
        ("https://h/p?x=1#access_token=abc", "https://h/p?x=1#access_token=[masked]"),
        ("https://h/p?user%5Fpassword=abc", "https://h/p?user%5Fpassword=[masked]"),
        ("code=abc&x=1", "code=[masked]&x=1"),
        ("see /a?code=abc.", "see /a?code=[masked]"),
        ("secret = 'two words'; x = 1", "secret = '[masked]'; x = 1"),
        ("barcode=abc&x=1", "barcode=abc&x=1"),
        ("utm_source=a&utm_medium=email", "utm_source=a&utm_medium=email"),
        ("?token=", "?token="),
        ("?token=[masked]", "?token=[masked]"),
        ("?d=%7B%22password%22%3A%22x%22%7D", "?d={%22password%22:%22[masked]%22}"),
        ('failed: {"password": "p w", "n": 1}', 'failed: {"password": "[masked]", "n": 1}'),
        ("{'password': 'p w', 'n': 1}", "{'password': '[masked]', 'n': 1}"),
        ('{"a": {"password": "cut of', '{"a": {"password": "[masked]'),
        (r"log {\"password\":\"p\",\"b\":2}", r"log {\"password\":\"[masked]\",\"b\":2}"),
        ('x {"password": 12345, "n": 1}', 'x {"password": [masked], "n": 1}'),
    ],
)
def test_names_inside_texts_meet_the_rules_on_names(scrub: Scrub, before: str, after: str) -> None:
    lines = ("{parameter: [code]} -> drop", "{key: ['*token', '*password*', secret]} -> mask")
    assert scrub({"t": before}, *lines) == {"t": after}


def test_json_in_a_string_is_scrubbed_as_json(scrub: Scrub) -> None:
    lines = ("{key: ['*password*']} -> drop", "{kind: [email, credit_card]} -> mask")
    untouched = '{ "a" : [1, 2.50] }'
    assert scrub({"t": untouched}, *lines) == {"t": untouched}
    inner = r'{"x":"{\"password\":1,\"y\":[\"a@b.example\"]}","n":4111111111111111}'
    assert scrub({"t": inner}, *lines) == {
        "t": r'{"x":"{\"y\":[\"[email]\"]}","n":"[credit_card]"}'
    }
    twice = '{"password":"one","password":"two","a":1}'
    assert scrub({"t": twice}, *lines) == {"t": '{"a":1}'}
    hidden = '{"a":"x@b.example","a":1}'
    assert scrub({"t": hidden}, *lines) == {"t": '{"a":"[email]","a":1}'}


def test_identities_are_hidden_wherever_they_stand(
    compiled: Compile, event: MakeEvent, pseudonymizer: Pseudonymizer
) -> None:
    policy = compiled(rules("{path: /userId} -> pseudonymize", "{kind: email} -> mask"))
    token = pseudonymizer.pseudonym("jane@x.example")
    message = track(
        {
            "owner": "jane@x.example",
            "text": "by jane@x.example and joe@x.example",
            "url": "/users/jane%40x.example/profile",
            "jane@x.example": 1,
            "json": '{"u":"jane@x.example"}',
        },
        messageId="jane@x.example-1",
        userId="jane@x.example",
    )
    scrubbed = policy.scrub(event(message))
    assert scrubbed.message == {
        "type": "track",
        "event": "E",
        "userId": token,
        "messageId": f"{token}-1",
        "properties": {
            "owner": token,
            "text": f"by {token} and [email]",
            "url": f"/users/{token}/profile",
            token: 1,
            "json": f'{{"u":"{token}"}}',
        },
    }
    assert scrubbed.pseudonyms == (token,)


def test_an_identity_inside_another_word_is_none(
    compiled: Compile, event: MakeEvent, pseudonymizer: Pseudonymizer
) -> None:
    policy = compiled(rules("{path: [/userId, /anonymousId]} -> pseudonymize"))
    token = pseudonymizer.pseudonym("user-42")
    properties = {
        "a": "user-42",
        "b": "/u/user-42/x",
        "c": "user-420",
        "d": ["user-42"],
        "n": 987654,
    }
    message = track(properties, userId="user-42", anonymousId=987654)
    number = pseudonymizer.pseudonym("987654")
    scrubbed = policy.scrub(event(message))
    assert scrubbed.message["properties"] == {
        "a": token,
        "b": f"/u/{token}/x",
        "c": "user-420",
        "d": [token],
        "n": number,
    }
    assert scrubbed.message["anonymousId"] == number
    assert scrubbed.message["type"] == "track"
    short = policy.scrub(event(track({"step": "7", "t": "a 7 b", "n": 7, "userId": 7}, userId="7")))
    assert short.message["properties"] == {
        "step": "7",
        "t": "a 7 b",
        "n": 7,
        "userId": pseudonymizer.pseudonym("7"),
    }


def test_what_is_kept_is_not_taken_as_an_identity(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled(
        rules("{path: /userId} -> pseudonymize", "{key: instanceId} -> keep")
        + "keep: [/properties/raw]\n"
    )
    properties = {"instanceId": "user-42", "raw": {"x": "user-42", "ip": "203.0.113.7"}}
    message = track(copy.deepcopy(properties), userId="user-42", context={"ip": "203.0.113.7"})
    after = policy.scrub(event(message, address="203.0.113.7")).message
    assert after["properties"] == properties
    assert after["userId"] != "user-42"


def test_shapes_can_be_masked_too(scrub: Scrub) -> None:
    before = {"a": "0b62ab60-02ad-4f69-a181-d9c5eb2f97fa", "b": ["2026-03-05", "plain"], "c": "x"}
    assert scrub(before, "{kind: [uuid, timestamp]} -> mask") == {
        "a": "[uuid]",
        "b": ["[timestamp]", "plain"],
        "c": "x",
    }


def test_an_address_that_has_no_network_is_masked(scrub: Scrub) -> None:
    assert scrub({"ip": 3405803783}, "{kind: ipv4} -> truncate") == {"ip": "[ipv4]"}


def test_no_value_is_lost_where_two_keys_become_one(
    compiled: Compile, event: MakeEvent, pseudonymizer: Pseudonymizer
) -> None:
    policy = compiled(rules("{path: /userId} -> pseudonymize"))
    token = pseudonymizer.pseudonym("a b-1234")
    message = track({"a b-1234": 1, "a%20b-1234": 2}, userId="a b-1234")
    assert policy.scrub(event(message)).message["properties"] == {token: 1, f"{token}_2": 2}


def test_numbers_and_texts_have_one_pseudonym(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled(rules("{path: /userId} -> pseudonymize"))
    users = {
        policy.scrub(event(track({}, userId=value))).message["userId"] for value in (12, 12.0, "12")
    }
    assert len(users) == 1
    for nobody in (None, True, ""):
        assert policy.scrub(event(track({}, userId=nobody))).message["userId"] is nobody


def test_mixpanel_devices_stay_devices(
    default: CompiledPolicy, event: MakeEvent, pseudonymizer: Pseudonymizer
) -> None:
    properties = {
        "token": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "time": 1795421256.5,
        "$insert_id": "1u1mdekr6kag2huv",
        "mp_lib": "web",
        "distinct_id": "$device:0b7d5bda-3626-4c66-9e10-1c23ff14e09a",
        "$device_id": "0b7d5bda-3626-4c66-9e10-1c23ff14e09a",
    }
    token = pseudonymizer.pseudonym("0b7d5bda-3626-4c66-9e10-1c23ff14e09a")
    after = default.scrub(event({"event": "E", "properties": dict(properties)}, "mixpanel"))
    assert after.message["properties"] == {
        **properties,
        "distinct_id": f"$device:{token}",
        "$device_id": token,
    }
    assert after.pseudonyms == (token,)


def test_a_schema_tightens_and_never_loosens(compiled: Compile, event: MakeEvent) -> None:
    lines = (
        "{path: /properties/kept} -> keep",
        "{path: /properties/gone} -> drop",
        "{path: /properties/url} -> strip_query",
    )
    annotations = {
        "E": [
            ("/properties/kept", "drop"),
            ("/properties/gone", "pseudonymize"),
            ("/properties/url", "mask"),
            ("/properties/plain/*", "drop"),
            ("/properties/sure", "drop"),
        ]
    }
    policy = compiled(rules(*lines, more="keep: [/properties/sure]\n"), annotations)
    before = {"kept": "a", "gone": "b", "url": "/c?d", "plain": {"x": 1}, "sure": "s"}
    named = policy.scrub(event(track(copy.deepcopy(before))), "E")
    assert named.message["properties"] == {"url": "[masked]", "plain": {}, "sure": "s"}
    assert {change.rule for change in named.changes} == {"r1", "r2", "schema:E"}
    other = policy.scrub(event(track(copy.deepcopy(before))), "F").message["properties"]
    assert other == {"kept": "a", "url": "/c", "plain": {"x": 1}, "sure": "s"}


def test_changes_tell_what_and_never_the_value(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled(
        rules(
            "{path: /userId} -> pseudonymize",
            "{key: [name, o, l]} -> drop",
            "{key: url} -> strip_query",
            "{kind: [email, credit_card]} -> mask",
        )
    )
    message = track(
        {
            "name": "Jane",
            "o": {"a": 1, "b": {}},
            "l": [1, 2, 3],
            "url": "/a?bc",
            "t": "a@b.example, cc@b.example",
            "n": 4111111111111111,
            "a/b~c": {"name": 12345},
        },
        userId=77,
    )
    scrubbed = policy.scrub(
        event(message), omissions=[Omission(("properties", "a/b~c", "name"), "contract")]
    )
    assert set(scrubbed.changes) == {
        Change(CleanText("/properties/a~1b~0c/name"), "omit", "contract", "number", 5),
        Change(CleanText("/userId"), "pseudonymize", "r0", "number", 2),
        Change(CleanText("/properties/name"), "drop", "r1", "string", 4),
        Change(CleanText("/properties/o/*"), "drop", "r1", "number", 1),
        Change(CleanText("/properties/l/0"), "drop", "r1", "number", 1),
        Change(CleanText("/properties/l/1"), "drop", "r1", "number", 1),
        Change(CleanText("/properties/l/2"), "drop", "r1", "number", 1),
        Change(CleanText("/properties/url"), "strip_query", "r2", "string", 3),
        Change(CleanText("/properties/t"), "mask", "r3", "email", 23),
        Change(CleanText("/properties/n"), "mask", "r3", "credit_card", 16),
    }


def test_omissions_leave_first_and_deepest_first(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled("keep: [/properties/l]\n")
    message = track({"l": ["a", "b", {"x": 1, "y": 2}, "d"], "o": {"p": 1}})
    paths: list[tuple[str | int, ...]] = [
        ("properties", "l", 0),
        ("properties", "l", 2, "x"),
        ("properties", "o", "p"),
        ("properties", "l", 3),
        ("properties", "o"),
    ]
    scrubbed = policy.scrub(
        event(message), omissions=[Omission(path, "contract") for path in paths]
    )
    assert scrubbed.message["properties"] == {"l": ["b", {"y": 2}]}
    assert {change.pointer for change in scrubbed.changes} == {policy.pointer(p) for p in paths}


@pytest.mark.parametrize("path", [("properties", "secret@x.example"), ("type", "x"), ("a", 0, "b")])
def test_an_omission_of_nothing_fails_without_telling_the_path(
    compiled: Compile, event: MakeEvent, path: tuple[str | int, ...]
) -> None:
    policy = compiled("client_ip: drop\n")
    with pytest.raises(ScrubError) as caught:
        policy.scrub(event(track({})), omissions=[Omission(path, "contract")])
    assert "secret" not in str(caught.value)


def test_a_value_that_is_no_json_fails(compiled: Compile, event: MakeEvent) -> None:
    with pytest.raises(ScrubError):
        compiled("client_ip: drop\n").scrub(event(track({"a": {1, 2}})))


ADDRESSES: list[tuple[str, str | None, str | None, str | None]] = [
    # mode, context.ip as given, the address of the connection, context.ip afterwards
    ("drop", "203.0.113.7", None, None),
    ("drop", None, "203.0.113.7", None),
    ("drop", "0.0.0.0", "203.0.113.7", "0.0.0.0"),
    ("keep", "203.0.113.7", "198.51.100.1", "203.0.113.7"),
    ("keep", None, "203.0.113.7", "203.0.113.7"),
    ("keep", "0.0.0.0", "203.0.113.7", "0.0.0.0"),
    ("truncate", "203.0.113.7", None, "203.0.113.0"),
    ("truncate", None, "203.0.113.7", "203.0.113.0"),
    ("truncate", "2001:db8:1:2::7", None, "2001:db8:1::"),
    ("truncate", "::ffff:203.0.113.7", None, "203.0.113.0"),
    ("truncate", "fe80::1%eth0", None, "fe80::"),
    ("truncate", "jane", "203.0.113.7", None),
    ("drop", "jane", None, None),
]


@pytest.mark.parametrize("case", ADDRESSES, ids=str)
def test_client_ip(
    compiled: Compile, event: MakeEvent, case: tuple[str, str | None, str | None, str | None]
) -> None:
    mode, given, peer, expected = case
    policy = compiled(f"client_ip: {mode}\n")
    context = {} if given is None else {"ip": given}
    properties = {"a": given, "b": peer, "c": f"x {given or peer}, y", "d": [given]}
    scrubbed = policy.scrub(event(track(properties, context=context), address=peer))
    assert inside(scrubbed.message)["context"].get("ip") == expected
    text = repr(scrubbed.message["properties"]) + repr(scrubbed.changes)
    for address in (given, peer):
        if address not in {None, "0.0.0.0", "jane"}:
            assert str(address) not in text


def test_client_ip_as_a_pseudonym(
    compiled: Compile, event: MakeEvent, pseudonymizer: Pseudonymizer
) -> None:
    policy = compiled("client_ip: pseudonymize\n")
    token = pseudonymizer.pseudonym("203.0.113.7")
    given = policy.scrub(event(track({}, context={"ip": "203.0.113.7"})))
    assert given.message["context"] == {"ip": token}
    assert given.pseudonyms == (token,)
    filled = policy.scrub(event(track({}), address="203.0.113.7"))
    assert filled.message["context"] == {"ip": token}
    assert filled.pseudonyms == (token,)


@pytest.mark.parametrize("nobody", [0, "0", ""])
@pytest.mark.parametrize("mode", ["drop", "truncate", "pseudonymize", "keep"])
def test_mixpanel_without_an_address_stays_without(
    compiled: Compile, event: MakeEvent, mode: str, nobody: Any
) -> None:
    policy = compiled(f"client_ip: {mode}\n")
    message = {"event": "E", "properties": {"ip": nobody}}
    after = policy.scrub(event(message, "mixpanel", address="203.0.113.7"))
    assert after.message == {"event": "E", "properties": {"ip": nobody}}
    assert after.changes == ()


def test_mixpanel_addresses(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled("client_ip: truncate\n")
    message: dict[str, Any] = {"event": "E", "properties": {"ip": "203.0.113.7"}}
    assert policy.scrub(event(message, "mixpanel")).message["properties"] == {"ip": "203.0.113.0"}
    profile: dict[str, Any] = {"$distinct_id": "u", "$ip": "203.0.113.7", "$set": {}}
    assert policy.scrub(event(profile, "mixpanel")).message["$ip"] == "203.0.113.0"
    update: dict[str, Any] = {"$distinct_id": "u", "$set": {"a": "203.0.113.7"}}
    after = policy.scrub(event(update, "mixpanel", address="203.0.113.7")).message
    assert after == {"$distinct_id": "u", "$set": {"a": "[ipv4]"}, "$ip": "203.0.113.0"}


def test_an_address_that_is_no_address_meets_the_rules(compiled: Compile, event: MakeEvent) -> None:
    policy = compiled("client_ip: keep\n" + rules("{kind: email} -> mask"))
    after = policy.scrub(event(track({}, context={"ip": "jane@x.example"})))
    assert after.message["context"] == {"ip": "[email]"}


def test_text_and_pointer_for_logs(compiled: Compile) -> None:
    policy = compiled("client_ip: keep\n")
    told = policy.text("jane@x.example paid 12.50 from 203.0.113.7")
    assert told == "[email] paid 12.50 from [ipv4]"
    assert policy.pointer(("a/b", 3, "jane@x.example", "m~n")) == "/a~1b/3/[email]/m~0n"
    assert policy.pointer(()) == ""
