"""Events in the query of a GET: pixels in e-mails, and JSONP."""

from __future__ import annotations

import base64
from urllib.parse import quote

import orjson
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from gateway.errors import JournalError, RequestError
from gateway.ingest.segment import parse as segment
from gateway.ingest.segment.pixel import body_of
from tests.ingest.backend import KEY, RecordingDoor

EVENT = {"event": "Opened ø>?", "userId": "u~~~", "writeKey": KEY, "properties": {"s": "ÿÿÿ???"}}
JSON = orjson.dumps(EVENT)
STANDARD = base64.b64encode(JSON).decode()
URL_SAFE = base64.urlsafe_b64encode(JSON).decode()
GIF = b"GIF89a"


@pytest.mark.parametrize(
    "data",
    [
        quote(STANDARD, safe=""),
        STANDARD,
        STANDARD.rstrip("="),
        quote(STANDARD.rstrip("="), safe="/+"),
        URL_SAFE,
        URL_SAFE.rstrip("="),
        quote(base64.encodebytes(JSON).decode(), safe=""),
        quote(JSON, safe=""),
    ],
    ids=[
        "quoted",
        "raw",
        "unpadded",
        "half quoted",
        "url-safe",
        "url-safe unpadded",
        "lines",
        "plain",
    ],
)
@pytest.mark.parametrize("of", segment.TYPES)
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_pixel_carries_an_event(
    http: ClientSession, door: RecordingDoor, of: str, data: str, slash: str
) -> None:
    url = URL(f"/v1/pixel/{of}{slash}?data={data}", encoded=True)
    async with http.get(url) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "image/gif"
        assert response.headers["Cache-Control"] == "no-store"
        assert (await response.read()).startswith(GIF)
    (event,) = door.events
    assert event.type == of
    assert event.message["properties"] == EVENT["properties"]
    assert event.message["userId"] == EVENT["userId"]
    assert event.client_address == "127.0.0.1"


async def test_a_pixel_may_name_its_values_one_by_one(
    http: ClientSession, door: RecordingDoor
) -> None:
    query = (
        f"writeKey={KEY}&userId=025&event=Email%20Opened&properties.subject=a+b%2Bc"
        "&properties.a.b=1&properties.a=flat&properties.empty=&context.campaign.name=x"
    )
    async with http.get(URL(f"/v1/pixel/track?{query}", encoded=True)) as response:
        assert response.status == 200
    (message,) = door.messages
    assert message["event"] == "Email Opened"
    assert message["userId"] == "025"
    assert message["properties"] == {"subject": "a b+c", "a": "flat", "empty": ""}
    assert message["context"] == {"campaign": {"name": "x"}}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "data=",
        "data=%%%",
        "data=e30",
        "data=W10",
        f"writeKey={KEY}x",
        "data=" + "A" * 100_000,
        "=&=&&.",
    ],
)
async def test_whoever_opens_an_email_sees_no_error(
    http: ClientSession, door: RecordingDoor, query: str
) -> None:
    async with http.get(URL(f"/v1/pixel/track?{query}", encoded=True)) as response:
        assert response.status == 200
        assert (await response.read()).startswith(GIF)
    assert door.events == []
    assert len(door.codes) == 1


async def test_a_pixel_that_cannot_be_kept_is_counted(
    http: ClientSession, door: RecordingDoor
) -> None:
    door.fails = JournalError()
    async with http.get("/v1/pixel/track", params={"data": URL_SAFE}) as response:
        assert response.status == 200
    assert door.codes == ["unavailable"]


@pytest.mark.parametrize(
    ("callback", "answer"),
    [
        ("cb", b'/**/cb({"success": true});'),
        ("window.cb_1", b'/**/window.cb_1({"success": true});'),
        ("alert(1)//", b'{"success": true}'),
        ("", b'{"success": true}'),
        ("cb\n", b'{"success": true}'),
        ("é", b'{"success": true}'),
    ],
)
async def test_jsonp(
    http: ClientSession, door: RecordingDoor, callback: str, answer: bytes
) -> None:
    async with http.get("/v1/p", params={"data": URL_SAFE, "callback": callback}) as response:
        assert response.status == 200
        assert await response.read() == answer
        is_script = response.headers["Content-Type"].startswith("text/javascript")
        assert is_script == answer.startswith(b"/**/")
    assert [event.type for event in door.events] == ["page"]


@given(st.dictionaries(st.text(), st.text()))
def test_any_query_is_json_or_refused(query: dict[str, str]) -> None:
    try:
        body = body_of(query)
    except RequestError:
        assert "data" in query
    else:
        assert "data" in query or isinstance(orjson.loads(body), dict)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,2}(\.[a-z]{1,2}){0,20}", fullmatch=True), st.text()))
def test_dots_cannot_nest_without_end(query: dict[str, str]) -> None:
    text = body_of({key: value for key, value in query.items() if key != "data"})
    assert text.count(b"{") <= 1 + 9 * len(query)
