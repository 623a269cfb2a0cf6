"""However an SDK packs its events, the same events come out, whatever the Content-Type says."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import Source
from gateway.errors import RequestError
from gateway.ingest.mixpanel.unpack import items, json_text, open_call
from gateway.ingest.salvage import LOST
from tests.ingest.backend import RecordingDoor

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
ROCKET = "żółć 🚀 > ? ~~ ÿÿÿ a+b&c=d%20"
"""Its base64 holds a `+` and a `/`."""
EVENT = {
    "event": "Sent",
    "properties": {"token": TOKEN, "text": ROCKET, "$insert_id": "a-1", "time": 1795420264},
}
JSON = orjson.dumps(EVENT)
BASE64 = base64.b64encode(JSON)
CESU = base64.b64encode(
    b'{"event":"Sent","properties":{"token":"%s","text":"%s","$insert_id":"a-1","time":1795420264}}'
    % (
        TOKEN.encode(),
        ROCKET.replace("🚀", "\ud83d\ude80").encode("utf-8", "surrogatepass"),
    )
)

BODIES = {
    "form, JSON": b"data=" + quote_plus(JSON).encode() + b"&verbose=0&ip=0",
    "form, base64": b"data=" + quote(BASE64, safe="").encode(),
    "form, raw base64": b"data=" + BASE64,
    "form, raw base64 behind others": b"ip=0&verbose=0&data=" + BASE64,
    "form, base64 without padding": b"data=" + BASE64.rstrip(b"="),
    "form, base64 for URLs": b"data=" + base64.urlsafe_b64encode(JSON).rstrip(b"="),
    "form, base64 in lines": b"data=" + quote(base64.encodebytes(JSON), safe="").encode(),
    "form, base64 of CESU-8": b"data=" + quote(CESU, safe="").encode(),
    "form with blanks around": b"\r\ndata=" + BASE64 + b"\r\n",
    "JSON": JSON,
    "JSON array": b"[" + JSON + b"]",
    "JSON behind a mark and blanks": b"\xef\xbb\xbf\n " + JSON + b"\n",
    "a line of JSON": JSON + b"\n",
}
TYPES = ("application/x-www-form-urlencoded", "application/json", "text/plain;charset=UTF-8", "")
PATHS = {"track": "event", "import": "event", "engage": "people", "groups": "groups"}


@pytest.fixture
def door() -> RecordingDoor:
    return RecordingDoor(Source(name="shop", write_keys=(TOKEN,)), protocol="mixpanel")


def test_the_text_is_one_that_matters() -> None:
    assert b"+" in BASE64
    assert b"/" in BASE64


@pytest.mark.parametrize("squeezed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_every_form_of_a_body(
    http: ClientSession, door: RecordingDoor, body: bytes, content_type: str, *, squeezed: bool
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    if squeezed:
        body = gzip.compress(body)
        headers["Content-Encoding"] = "gzip"
    async with http.post(
        "/track", data=body, headers=headers, skip_auto_headers=("Content-Type",)
    ) as response:
        assert (response.status, await response.read()) == (200, b"1")
    assert door.messages == [EVENT]


@pytest.mark.parametrize("path", [*PATHS, *(f"{path}/" for path in PATHS)])
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    "data",
    [quote(BASE64, safe=""), BASE64.decode().replace("+", "%20"), quote_plus(JSON), quote(CESU)],
    ids=["base64", "base64 with blanks", "JSON", "CESU-8"],
)
async def test_every_path_takes_events_from_its_query(
    http: ClientSession, door: RecordingDoor, method: str, path: str, data: str
) -> None:
    update = {"$token": TOKEN, "$set": {"text": ROCKET}}
    expected, kind = EVENT, PATHS[path.rstrip("/")]
    if kind != "event":
        expected = update
        data = quote_plus(orjson.dumps(update))
    async with http.request(method, f"/{path}?ip=0&verbose=0&data={data}") as response:
        assert (response.status, await response.read()) == (200, b"1")
    assert door.messages == [expected]
    assert [event.type for event in door.events] == [kind]


async def test_a_long_line_of_a_get(http: ClientSession, door: RecordingDoor) -> None:
    event = {"event": "Long", "properties": {"token": TOKEN, "text": "x" * 45_000}}
    data = quote(base64.b64encode(orjson.dumps(event)), safe="")
    assert len(data) > 60_000
    async with http.get(f"/track?ip=0&data={data}") as response:
        assert await response.read() == b"1"
    assert len(door.messages[0]["properties"]["text"]) == 45_000


async def test_lines_of_json(http: ClientSession, door: RecordingDoor) -> None:
    """The form of /import that Mixpanel recommends for much. A bad line costs itself alone."""
    lines = [
        orjson.dumps({"event": f"E{n}", "properties": {"token": TOKEN, "time": 1795420264}})
        for n in range(3)
    ]
    body = b"\r\n".join([lines[0], lines[1], b'{"event": "torn', lines[2], b""])
    async with http.post("/import?strict=0", data=body) as response:
        assert (response.status, await response.read()) == (200, b"1")
    assert [event.name for event in door.events] == ["E0", "E1", "E2"]
    assert [str(refusal.reason) for refusal in door.refusals] == ["malformed"]


async def test_what_python_writes_and_json_does_not_know(
    http: ClientSession, door: RecordingDoor
) -> None:
    text = '{"event": "E", "properties": {"token": "%s", "nan": NaN, "big": %d, "half": "\\ud83d"}}'
    async with http.post("/track", data={"data": text % (TOKEN, 2**70)}) as response:
        assert await response.read() == b"1"
    properties = door.messages[0]["properties"]
    assert properties["nan"] is None
    assert properties["big"] == float(2**70)
    assert properties["half"] == "�"


async def test_half_a_character_in_cesu(http: ClientSession, door: RecordingDoor) -> None:
    """The browser cuts strings at 255 UTF-16 units, through the middle of an emoji too."""
    data = b'{"event":"E","properties":{"token":"%s","cut":"x\xed\xa0\xbd"}}' % TOKEN.encode()
    async with http.post("/track/", data=b"data=" + quote(base64.b64encode(data)).encode()) as _:
        assert door.messages[0]["properties"]["cut"] == "x�"


def _form(text: bytes) -> tuple[str, bytes]:
    return "", b"verbose=1&data=" + quote_plus(text).encode()


def _form_base64(text: bytes) -> tuple[str, bytes]:
    return "", b"data=" + quote_plus(base64.b64encode(text)).encode() + b"&ip=1"


def _raw_base64(text: bytes) -> tuple[str, bytes]:
    return "", b"data=" + base64.b64encode(text)


def _url_safe(text: bytes) -> tuple[str, bytes]:
    return "", b"data=" + base64.urlsafe_b64encode(text).rstrip(b"=")


def _query(text: bytes) -> tuple[str, bytes]:
    return "ip=1&data=" + quote(base64.b64encode(text)), b""


def _bare(text: bytes) -> tuple[str, bytes]:
    return "", text


_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(_TEXT, _VALUES, max_size=4)


@given(
    st.lists(_OBJECTS, max_size=4) | _OBJECTS,
    st.sampled_from([_form, _form_base64, _raw_base64, _url_safe, _query, _bare]),
)
def test_packing_and_unpacking_is_the_identity(
    value: Any, pack: Callable[[bytes], tuple[str, bytes]]
) -> None:
    query, body = pack(orjson.dumps(value))
    wanted = value if isinstance(value, list) else [value]
    assert items(json_text(open_call(query, body).data), 100) == wanted


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"], exclude_characters='"\\'))
)
def test_cesu_is_read_as_what_was_meant(text: str) -> None:
    units = text.encode("utf-16-be")
    halves = "".join(
        chr(int.from_bytes(units[at : at + 2], "big")) for at in range(0, len(units), 2)
    )
    cesu = '{"text":"%s"}' % halves  # noqa: UP031 (an f-string would need its braces doubled)
    packed = base64.b64encode(cesu.encode("utf-8", "surrogatepass"))
    assert items(json_text(packed), 1) == [{"text": text}]


def test_no_line_behind_the_limit_is_read() -> None:
    text = b'{"event": 1}\n' * 3 + b"{\n" * 100_000
    assert items(text, 2) == [{"event": 1}] * 2 + [LOST] * 100_001


@given(st.binary(max_size=200), st.text(st.characters(codec="ascii"), max_size=60))
def test_any_bytes_are_read_or_refused_in_known_words(body: bytes, query: str) -> None:
    codes = {"no_data", "invalid_encoding", "invalid_json", "too_deep", "not_an_object"}
    assert _outcome(query, body) in {"read", *codes}


def _outcome(query: str, body: bytes) -> str:
    try:
        items(json_text(open_call(query, body).data), 100)
    except RequestError as error:
        return error.code
    return "read"
