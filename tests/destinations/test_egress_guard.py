"""The guard finds in finished requests what should not be there, and tells kinds only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations import BodyFormat, Request
from gateway.destinations.bodies import UnreadableError
from gateway.destinations.egress_guard import EgressGuard, texts_in
from gateway.destinations.mixpanel.client import MixpanelDestination
from gateway.destinations.mixpanel.settings import MixpanelSettings
from gateway.destinations.segment.client import SegmentDestination
from gateway.destinations.segment.settings import SegmentSettings
from gateway.event import StoredEvent
from tests.destinations.events import Journal, made

HOST = "https://api.example.com"
KINDS = ("email", "ipv4", "ipv6", "credit_card", "jwt", "bearer", "url_credentials")
SECRETS = {
    "email": "ada.byron@example.com",
    "ipv4": "198.51.100.7",
    "ipv6": "2001:db8::7",
    "credit_card": "4111 1111 1111 1111",
    "url_credentials": "https://ada:secret@example.com/x",
}
MAIL = SECRETS["email"]
Render = Callable[[StoredEvent], Request]


def segment(event: StoredEvent) -> Request:
    settings = SegmentSettings(type="segment", write_key="w", host=HOST)
    return made(SegmentDestination("segment", settings), [event])[0]


def mixpanel(event: StoredEvent) -> Request:
    settings = MixpanelSettings(type="mixpanel", token="t", host=HOST)
    return made(MixpanelDestination("mixpanel", settings), [event])[0]


def file(event: StoredEvent) -> Request:
    return Request("APPEND", "file:events/", event.body + b"\n" + event.body + b"\n")


BODIES: dict[Render, BodyFormat] = {
    segment: BodyFormat.JSON,
    mixpanel: BodyFormat.FORM_JSON,
    file: BodyFormat.JSON_LINES,
}


def leaks(render: Render, event: StoredEvent, kinds: Iterable[str] = KINDS) -> Counter[str]:
    return EgressGuard(kinds).leaks(render(event), BODIES[render])


renders = pytest.mark.parametrize("render", [segment, mixpanel, file])

CLEAN: dict[str, Any] = {
    "anonymousId": "390627dc-5e08-4a2a-beb8-5dac29c3f2df",
    "properties": {
        "version": "1.2.3.4",
        "price": 19.99,
        "at": "2026-11-23T07:51:04.317Z",
        "mail": "[email]",
    },
    "context": {"page": {"url": "https://shop.example.com/a?b=c"}, "ip": "0.0.0.0"},
}


@renders
def test_a_clean_event_may_go(render: Render) -> None:
    assert not leaks(render, Journal().segment(**CLEAN))


@renders
@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize(
    "put",
    [
        lambda text: text,
        lambda text: {"deep": [{"er": text}]},
        lambda text: {text: 1},
        lambda text: f"call {text} now",
        lambda text: orjson.dumps({"inner": text}).decode(),
    ],
    ids=["value", "nested", "key", "in a sentence", "JSON in a text"],
)
def test_what_the_policy_promised_to_remove_is_found(
    render: Render, kind: str, put: Callable[[str], Any]
) -> None:
    event = Journal().segment(properties={"p": put(SECRETS[kind])})
    found = leaks(render, event)
    assert found[kind] >= 1
    assert SECRETS[kind] not in repr(found)


@renders
def test_only_the_given_kinds_are_looked_for(render: Render) -> None:
    event = Journal().segment(properties={"p": SECRETS["email"], "q": SECRETS["ipv4"]})
    assert set(leaks(render, event, ["ipv4"])) == {"ipv4"}


@renders
def test_a_number_under_a_telling_key_is_found(render: Render) -> None:
    event = Journal().segment(properties={"ip": 3325256711})
    assert leaks(render, event)["ipv4"] >= 1


texts = st.text(st.characters(codec="utf-8"), max_size=15)
places = st.recursive(
    texts | st.integers(-(2**40), 2**40) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(places, places, st.sampled_from([segment, mixpanel, file]))
def test_no_place_hides_an_address(before: Any, after: Any, render: Render) -> None:
    event = Journal().segment(properties={"a": [before, {"x": "198.51.100.7"}, after]})
    assert leaks(render, event)["ipv4"] >= 1


def test_whole_versions_are_no_addresses() -> None:
    agent = "Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/117.0.0.0 Safari/537.36"
    context = {"userAgent": agent, "app": {"build": "3.0.1.5"}, "os": {"version": "10.0.1.2"}}
    event = Journal().segment(context=context)
    assert b"117.0.0.0" in mixpanel(event).body
    assert not leaks(mixpanel, event)


AROUND: dict[str, Callable[[str], Request]] = {
    "query": lambda text: Request("POST", f"{HOST}/in?a=1&who={quote(text)}", b"{}"),
    "query key": lambda text: Request("POST", f"{HOST}/in?{quote(text)}=1", b"{}"),
    "plus for spaces": lambda text: Request("POST", f"{HOST}/?a=to+{quote(text)}+now", b"{}"),
    "path": lambda text: Request("POST", f"{HOST}/users/{quote(text, safe='')}/edit", b"{}"),
    "fragment": lambda text: Request("POST", f"{HOST}/#{quote(text)}", b"{}"),
    "host": lambda text: Request("POST", f"https://{text}/", b"{}"),
    "header": lambda text: Request("POST", HOST, b"{}", {"User-Agent": f"of {text}"}),
    "header of ours": lambda text: Request("POST", HOST, b"{}", {"x-user": text}),
    "no body": lambda text: Request("GET", f"{HOST}/pixel?u={quote(text)}", b""),
}


@pytest.mark.parametrize("place", AROUND)
def test_address_and_headers_are_read_too(place: str) -> None:
    made = AROUND[place]
    for kind, text in (("email", SECRETS["email"]), ("ipv4", SECRETS["ipv4"])):
        found = EgressGuard(KINDS).leaks(made(text), BodyFormat.JSON)
        assert found[kind] >= 1, kind
        configured = texts_in(
            {"host": HOST, "more": [{"deep": f"{text}, of {text}, to {text} now"}]}
        )
        assert not EgressGuard(KINDS).leaks(made(text), BodyFormat.JSON, configured)[kind]
    assert not EgressGuard(KINDS).leaks(made("somebody"), BodyFormat.JSON)


def test_what_opens_a_door_is_not_event_data() -> None:
    headers = {
        "Authorization": f"Basic {MAIL}",
        "X-Key": MAIL,
        "Content-Length": "4111111111111111",
    }
    known = Request("POST", HOST, b"{}", headers, frozenset({"authorization", "x-key"}))
    assert not EgressGuard(KINDS).leaks(known, BodyFormat.JSON)


def test_what_is_configured_may_not_stand_in_a_body() -> None:
    request = Request("POST", HOST, orjson.dumps({"a": MAIL}))
    assert EgressGuard(KINDS).leaks(request, BodyFormat.JSON, [MAIL])["email"] == 1


@pytest.mark.parametrize("body", [b"<x>", b"a=1", b"\x00"])
def test_what_cannot_be_read_is_never_clean(body: bytes) -> None:
    for form in BodyFormat:
        with pytest.raises(UnreadableError):
            EgressGuard(KINDS).leaks(Request("POST", HOST, body), form)
