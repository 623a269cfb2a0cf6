"""What becomes of each event of a Mixpanel request: whose it is, who sent it, which id it bears."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import Limits, Source
from gateway.config.values import Bytes
from gateway.errors import RequestError
from gateway.event import RawEvent
from gateway.ingest import Sources
from gateway.ingest.client_info import Sender
from gateway.ingest.mixpanel import parse as mixpanel
from gateway.ingest.mixpanel.insert_id import LEGAL_ID
from gateway.ingest.mixpanel.unpack import open_call
from tests.clean import inside
from tests.ingest.backend import NOW

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
OTHER = "ffffffffffffffffffffffffffffffff"
SHOP = Source(name="shop", write_keys=(TOKEN, "4242"))
PHONES = Source(name="phones", write_keys=(OTHER,), kind="mobile")
SITE = Source(name="site", write_keys=("site",), kind="browser", origins=("https://*.example",))
SEAL = b"a seal that only this test knows"
UPDATE: dict[str, Any] = {"$token": TOKEN, "$distinct_id": "u", "$set": {"a": 1}}


def event(name: Any = "E", token: Any = TOKEN, **properties: Any) -> dict[str, Any]:
    own = {"token": token} if token is not None else {}
    return {"event": name, "properties": {**own, **properties}}


def read(
    body: Any,
    *,
    query: str = "",
    kind: mixpanel.Kind = "event",
    is_import: bool = False,
    sender: Sender | None = None,
    authorization: str | None = None,
    limits: Limits | None = None,
    accept_unknown: bool = False,
    seal: bytes = SEAL,
    now: float = NOW,
) -> mixpanel.Reading:
    return mixpanel.read(
        open_call(query, body if isinstance(body, bytes) else orjson.dumps(body)),
        mixpanel.MixpanelContext(
            kind=kind,
            is_import=is_import,
            sender=sender or Sender(address="203.0.113.7"),
            received_at=now,
            seal=seal,
            authorization=authorization,
        ),
        Sources([SHOP, PHONES, SITE], accept_unknown=accept_unknown),
        limits or Limits(),
    )


def only(reading: mixpanel.Reading) -> RawEvent:
    assert not reading.intake.refusals
    assert len(reading.intake.events) == 1
    return reading.intake.events[0]


def reasons(reading: mixpanel.Reading) -> list[tuple[str, str]]:
    return [(refusal.source, str(refusal.reason)) for refusal in reading.intake.refusals]


def basic(user: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TestShape:
    def test_an_event_stays_as_it_came(self) -> None:
        sent = event("Sent", **{"$insert_id": "a", "time": 1, "nested": {"x": [None, 2.5]}})
        sent |= {"$mp_metadata": {"$mp_session_id": "s"}, "meta": 1}
        raw = only(read(orjson.loads(orjson.dumps(sent))))
        assert raw.message == sent
        assert (raw.protocol, raw.type, raw.name) == ("mixpanel", "event", "Sent")
        assert (raw.source, raw.received_at) == ("shop", NOW)

    @pytest.mark.parametrize("kind", ["people", "groups"])
    def test_an_update_stays_as_it_came(self, kind: mixpanel.Kind) -> None:
        raw = only(read(UPDATE, kind=kind))
        assert raw.message == UPDATE
        assert (raw.type, raw.name, raw.source) == (kind, None, "shop")

    @pytest.mark.parametrize("name", [None, 5, ["E"], {"E": 1}])
    def test_a_name_that_is_no_text_names_nothing(self, name: Any) -> None:
        assert only(read({"event": name, "properties": {"token": TOKEN}})).name is None

    def test_properties_may_be_left_out(self) -> None:
        raw = only(read({"event": "E"}, authorization=basic(TOKEN)))
        assert inside(raw.message)["properties"]["time"] == NOW

    def test_who_opted_out_is_known(self) -> None:
        assert only(read(event(), sender=Sender(opted_out=True))).opted_out


class TestSource:
    def test_each_event_goes_to_its_own(self) -> None:
        intake = read([event(), event(token=OTHER), event(token="site")]).intake
        assert [raw.source for raw in intake.events] == ["shop", "phones", "site"]

    def test_each_update_goes_to_its_own(self) -> None:
        intake = read([UPDATE, UPDATE | {"$token": OTHER}], kind="people").intake
        assert [raw.source for raw in intake.events] == ["shop", "phones"]

    @pytest.mark.parametrize(
        ("query", "authorization"),
        [
            ("", basic(TOKEN)),
            ("", basic(TOKEN, "secret")),
            ("", "basic " + base64.b64encode(TOKEN.encode()).decode().rstrip("=")),
            (f"api_key={TOKEN}", None),
            (f"token={TOKEN}", None),
            ("project_id=4242", basic("account.f00.mp-service-account", "secret")),
        ],
    )
    @pytest.mark.parametrize("own", [None, "a token that no source has"])
    def test_the_request_may_name_it(
        self, query: str, authorization: str | None, own: str | None
    ) -> None:
        sent = event(token=own)
        raw = only(read(sent, query=query, authorization=authorization, is_import=True))
        assert raw.source == "shop"

    def test_the_key_may_stand_in_the_form(self) -> None:
        body = b"data=" + base64.b64encode(orjson.dumps(event(token=None))) + b"&api_key=" + b"4242"
        assert only(read(body)).source == "shop"

    def test_the_events_own_word_wins(self) -> None:
        assert only(read(event(token=OTHER), authorization=basic(TOKEN))).source == "phones"

    @pytest.mark.parametrize("token", [None, "", "nobody", 5, [TOKEN]])
    def test_a_token_of_no_source_costs_the_event(self, token: Any) -> None:
        reading = read([event(token=token), event()])
        assert reasons(reading) == [("unknown", "unknown_write_key")]
        assert [raw.source for raw in reading.intake.events] == ["shop"]
        assert [(f.index, str(f.reason)) for f in reading.failures] == [(0, "unknown_write_key")]

    def test_or_it_is_the_unknown_source(self) -> None:
        reading = read([event(token="nobody"), event(token=None)], accept_unknown=True)
        assert [raw.source for raw in reading.intake.events] == ["unknown"]
        assert reasons(reading) == [("unknown", "unknown_write_key")]

    @pytest.mark.parametrize(
        ("origin", "taken"), [("https://www.example", 1), ("https://evil.test", 0), (None, 1)]
    )
    def test_a_source_may_name_its_origins(self, origin: str | None, taken: int) -> None:
        reading = read(event(token="site"), sender=Sender(origin=origin))
        assert len(reading.intake.events) == taken

    @pytest.mark.parametrize("header", ["Bearer x", "Basic", "Basic ÿÿÿ", "Basic /w==", ""])
    def test_a_header_that_names_nobody(self, header: str) -> None:
        reading = read(event(token=None), authorization=header)
        assert reasons(reading) == [("unknown", "unknown_write_key")]


class TestRefusals:
    def test_each_costs_only_itself(self) -> None:
        deep: Any = []
        for _ in range(70):
            deep = [deep]
        large = "x" * 70_000
        sent = [
            event("first"),
            5,
            None,
            [event()],
            {"event": "E", "properties": [TOKEN]},
            event(deep=deep),
            event(large=large),
            event(**{"$ignore": True}),
            event("last"),
        ]
        reading = read(sent)
        assert [raw.name for raw in reading.intake.events] == ["first", "last"]
        assert reasons(reading) == [
            ("unknown", "not_an_object"),
            ("unknown", "not_an_object"),
            ("unknown", "not_an_object"),
            ("unknown", "not_an_object"),
            ("shop", "too_deep"),
            ("shop", "event_too_large"),
            ("shop", "ignored"),
        ]
        assert [failure.index for failure in reading.failures] == [1, 2, 3, 4, 5, 6]

    def test_what_is_behind_the_limit(self) -> None:
        reading = read([event()] * 3 + [5], limits=Limits(batch_events=2))
        assert len(reading.intake.events) == 2
        assert reasons(reading) == [("shop", "too_many_in_batch")]
        assert [refusal.count for refusal in reading.intake.refusals] == [2]

    def test_importers_can_send_less_at_once(self) -> None:
        with pytest.raises(RequestError) as refused:
            read([event()] * 3, limits=Limits(batch_events=2), is_import=True)
        assert refused.value.code == "too_many_events"

    @pytest.mark.parametrize("value", [False, 0, None, ""])
    def test_ignore_must_be_meant(self, value: Any) -> None:
        assert only(read(event(**{"$ignore": value}))).source == "shop"

    def test_the_limit_of_one_event_can_be_raised(self) -> None:
        limits = Limits(event_bytes=Bytes(1024 * 1024))
        assert only(read(event(large="x" * 70_000), limits=limits)).source == "shop"

    def test_a_failure_quotes_no_id_but_a_legal_one(self) -> None:
        ids = ["abc-1", "ann@example.com", "x" * 37, 5, None]
        sent = [event(token="nobody", **{"$insert_id": value}) for value in ids]
        assert [f.insert_id for f in read(sent).failures] == ["abc-1", "", "", "", ""]


class TestTime:
    @pytest.mark.parametrize(
        "time", [1795420264, 1795420264.317, 1795420264317, "1795420264", "2026-11-23T07:51:04Z", 0]
    )
    def test_it_keeps_its_unit(self, time: Any) -> None:
        assert inside(only(read(event(time=time))).message)["properties"]["time"] == time

    @pytest.mark.parametrize("time", [None, True, "soon", [], {}, "", 1e30])
    def test_without_one_it_happened_on_arrival(self, time: Any) -> None:
        raw = only(read(event(time=time), now=NOW + 1e-7))
        assert inside(raw.message)["properties"]["time"] == NOW


def insert_id(raw: RawEvent) -> Any:
    return inside(raw.message)["properties"]["$insert_id"]


FINE = [1795420264317, 1795420264.317]
COARSE = [1795420264, 1795420264.0, None, "2026-11-23T07:51:04.317Z"]


class TestInsertId:
    @pytest.mark.parametrize("given", ["1u1mdekr6kag2huv", "ann:5_é", 42])
    def test_the_clients_own_stays(self, given: Any) -> None:
        assert insert_id(only(read(event(**{"$insert_id": given})))) == given

    def test_a_phone_has_it_beside_the_properties(self) -> None:
        sent = event() | {"$mp_metadata": {"$mp_event_id": "6f1ed002ab5595f1"}}
        assert insert_id(only(read(sent))) == "6f1ed002ab5595f1"

    @pytest.mark.parametrize("given", ["", None, False, []])
    def test_what_is_none_is_replaced(self, given: Any) -> None:
        assert LEGAL_ID.fullmatch(insert_id(only(read(event(**{"$insert_id": given})))))

    @pytest.mark.parametrize("given", ["", None, False, [], "id with spaces", "x" * 37])
    def test_so_is_what_a_phone_could_not_mean(self, given: Any) -> None:
        sent = event() | {"$mp_metadata": {"$mp_event_id": given}}
        assert LEGAL_ID.fullmatch(insert_id(only(read(sent))))

    @pytest.mark.parametrize("time", FINE)
    def test_a_retry_gets_the_same(self, time: float) -> None:
        sent = [event(time=time), event(time=time), event("F", time=time)]
        first = [insert_id(raw) for raw in read(sent).intake.events]
        again = [insert_id(raw) for raw in read(sent, now=NOW + 60).intake.events]
        assert first == again
        assert len(set(first)) == 3
        assert all(map(LEGAL_ID.fullmatch, first))

    @pytest.mark.parametrize("time", COARSE)
    def test_events_that_only_look_alike_do_not(self, time: Any) -> None:
        """Two of one second or with no time at all may both have happened."""
        assert insert_id(only(read(event(time=time)))) != insert_id(only(read(event(time=time))))

    def test_nobody_without_the_seal_can_make_it(self) -> None:
        sent = event(time=FINE[0], email="ann@example.com")
        ids = {insert_id(only(read(sent, seal=bytes([n] * 32)))) for n in range(3)}
        assert len(ids) == 3

    @given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9) | st.booleans()))
    def test_another_event_has_another(self, properties: dict[str, Any]) -> None:
        here = event(time=FINE[0])
        there = event(**{**properties, "time": FINE[0], "token": TOKEN, "mark": 1})
        assert insert_id(only(read(here))) != insert_id(only(read(there)))

    def test_an_update_gets_none(self) -> None:
        """Mixpanel knows none there, and the update passes as it came."""
        assert only(read(dict(UPDATE), kind="people")).message == UPDATE


WEB, NODE = {"mp_lib": "web"}, {"mp_lib": "node"}
PAGE = Sender(address="203.0.113.7", origin="https://www.example", is_page=True)


class TestAddress:
    @pytest.mark.parametrize(
        ("query", "token", "properties", "known"),
        [
            ("ip=1", TOKEN, WEB, True),
            ("ip=1", TOKEN, {"mp_lib": "swift"}, True),
            ("ip=1", TOKEN, NODE, False),
            ("ip=1", TOKEN, {}, False),
            ("ip=0", TOKEN, WEB, False),
            ("", TOKEN, WEB, False),
            ("ip=1", OTHER, {}, True),
            ("ip=0", OTHER, {}, False),
            ("", OTHER, {}, False),
        ],
    )
    def test_of_an_event(
        self, query: str, token: str, properties: dict[str, Any], *, known: bool
    ) -> None:
        raw = only(read(event(token=token, **properties), query=query))
        assert raw.client_address == ("203.0.113.7" if known else None)

    @pytest.mark.parametrize(
        ("query", "update", "known"),
        [
            ("ip=1", UPDATE | {"$mp_metadata": {"$mp_event_id": "a"}}, True),
            ("", UPDATE | {"$mp_metadata": {"$mp_event_id": "a"}}, True),
            ("ip=0", UPDATE | {"$mp_metadata": {"$mp_event_id": "a"}}, False),
            ("", UPDATE | {"$token": OTHER}, True),
            ("ip=0", UPDATE | {"$token": OTHER}, False),
            ("", UPDATE, False),
        ],
    )
    def test_of_an_update(self, query: str, update: dict[str, Any], *, known: bool) -> None:
        raw = only(read(update, query=query, kind="people"))
        assert raw.client_address == ("203.0.113.7" if known else None)

    def test_of_a_page(self) -> None:
        assert only(read(event(), query="ip=1", sender=PAGE)).client_address == "203.0.113.7"
        assert only(read(event(), query="ip=0", sender=PAGE)).client_address is None
        assert only(read(UPDATE, kind="people", sender=PAGE)).client_address == "203.0.113.7"

    def test_the_form_may_say_it(self) -> None:
        data = base64.b64encode(orjson.dumps(event(token=OTHER)))
        assert only(read(b"data=" + data + b"&ip=1")).client_address == "203.0.113.7"
        assert only(read(b"data=" + data + b"&ip=0", query="ip=1")).client_address is None


def test_nothing_of_a_client_shows_in_a_repr() -> None:
    secret = "ann@example.com"
    body = orjson.dumps([event(secret, email=secret, **{"$insert_id": secret})])
    call = open_call(f"callback={secret}&api_key={secret}", body)
    reading = read(body)
    assert secret not in repr(call) + repr(reading)


class TestMisfits:
    """What can be no id or no time is left out, and told to the audit without its value."""

    @pytest.mark.parametrize("given", [{}, {"id": 1}, ["u"], True])
    @pytest.mark.parametrize("key", ["distinct_id", "$device_id", "$user_id", "$insert_id"])
    def test_an_id_of_an_event(self, key: str, given: Any) -> None:
        raw = only(read(event(**{key: given})))
        assert inside(raw.message)["properties"].get(key) != given
        assert [(one.path, one.rule) for one in raw.misfits] == [(("properties", key), "wire:id")]

    @pytest.mark.parametrize("key", ["$identified_id", "$anon_id"])
    def test_an_id_that_is_merged(self, key: str) -> None:
        raw = only(read(event("$identify", **{key: []})))
        assert [one.path for one in raw.misfits] == [("properties", key)]
        assert only(read(event("Chosen", **{key: []}))).misfits == ()

    def test_an_id_of_an_update(self) -> None:
        raw = only(read({**UPDATE, "$distinct_id": [1]}, kind="people"))
        assert "$distinct_id" not in raw.message
        assert [one.path for one in raw.misfits] == [("$distinct_id",)]
        group = {"$token": TOKEN, "$group_key": "k", "$group_id": {}, "$set": {}}
        assert only(read(group, kind="groups")).misfits[0].path == ("$group_id",)

    @pytest.mark.parametrize("given", ["u", 42, 1.5, "", None])
    def test_what_is_one_stays(self, given: Any) -> None:
        raw = only(read(event(distinct_id=given)))
        assert inside(raw.message)["properties"]["distinct_id"] == given
        assert raw.misfits == ()

    @pytest.mark.parametrize("given", ["soon", {}, [1], True, "11/12/2026"])
    def test_a_time(self, given: Any) -> None:
        raw = only(read(event(time=given)))
        assert inside(raw.message)["properties"]["time"] == pytest.approx(NOW, abs=0.001)
        [misfit] = raw.misfits
        assert (misfit.path, misfit.action) == (("properties", "time"), "replace")

    @pytest.mark.parametrize(
        "given",
        [1795420264317000, 1795420264317000000, "1795420264.317", "2026-11-23 07:51:04.317 +0000"],
    )
    def test_a_time_that_mixpanel_cannot_read_is_in_milliseconds(self, given: Any) -> None:
        raw = only(read(event(time=given)))
        assert inside(raw.message)["properties"]["time"] == 1795420264317
        assert raw.misfits == ()

    def test_phps_empty_array_is_an_empty_object(self) -> None:
        raw = only(read({"event": "E", "properties": []}, authorization=basic(TOKEN)))
        assert raw.name == "E"
        lists: dict[str, Any] = {"$set": [], "$add": [], "$union": [], "$unset": []}
        raw = only(read({**UPDATE, **lists}, kind="people"))
        assert inside(raw.message) == {**UPDATE, "$set": {}, "$add": {}, "$union": {}, "$unset": []}


@pytest.mark.parametrize(
    ("properties", "is_page", "expected"),
    [
        ({"mp_lib": "web"}, True, "Mozilla/5.0"),
        ({"mp_lib": "android"}, False, "Mozilla/5.0"),
        ({}, True, "Mozilla/5.0"),
        ({"mp_lib": "python"}, False, None),
        ({}, False, None),
    ],
)
def test_the_user_agent_is_a_device_s_only(
    properties: dict[str, Any], is_page: bool, expected: str | None
) -> None:
    sender = Sender(is_page=is_page, user_agent="Mozilla/5.0")
    (raw,) = read([event(**properties)], sender=sender).intake.events
    assert raw.user_agent == expected
    assert "$user_agent" not in raw.message
