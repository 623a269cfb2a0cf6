"""What the guard cannot read is not clean: every body is read as its destination declares it."""

from __future__ import annotations

import base64
import json
import zlib
from functools import partial
from gzip import compress
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations import BodyFormat, Request, bodies
from gateway.destinations.bodies import UnreadableError, decoded

JSON, LINES = BodyFormat.JSON, BodyFormat.JSON_LINES
FORM, FORM64 = BodyFormat.FORM_JSON, BodyFormat.FORM_BASE64
MAIL = "ada.byron@example.com"
VALUE: dict[str, Any] = {"a": [1, 2.5, None, {"ż": MAIL}]}
TEXT = orjson.dumps(VALUE)
BASE64 = base64.b64encode(TEXT).decode()
WHOLE = {
    JSON: TEXT,
    LINES: TEXT + b"\n" + TEXT + b"\n",
    FORM: urlencode({"data": TEXT, "verbose": 1}).encode(),
    FORM64: urlencode({"data": BASE64, "ip": "0"}).encode(),
}
packed = partial(compress, mtime=0)  # a name of a test must not change with the time
FORM_TYPE = "application/x-www-form-urlencoded"


def request(body: bytes, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", "https://vendor.example/", body, named)


def read(body: bytes, form: BodyFormat, **headers: str) -> Any:
    return decoded(request(body, **headers), form)


def test_every_format_is_read() -> None:
    assert set(WHOLE) == set(BodyFormat)
    assert read(WHOLE[JSON], JSON) == VALUE
    assert read(WHOLE[LINES], LINES) == [VALUE, VALUE]
    assert read(WHOLE[FORM], FORM) == [{"data": VALUE}, {"verbose": "1"}]
    assert read(WHOLE[FORM64], FORM64) == [{"data": VALUE}, {"ip": "0"}]


@pytest.mark.parametrize("form", BodyFormat)
def test_nothing_is_nothing(form: BodyFormat) -> None:
    assert read(b"", form) is None


@pytest.mark.parametrize("form", BodyFormat)
@pytest.mark.parametrize("name", ["Content-Encoding", "content-encoding", "CONTENT-ENCODING"])
def test_gzip_is_unpacked(form: BodyFormat, name: str) -> None:
    plain = read(WHOLE[form], form)
    for body in (packed(WHOLE[form]), packed(b"") + packed(WHOLE[form])):
        assert decoded(Request("POST", "", body, {name: " GZIP "}), form) == plain
    assert read(WHOLE[form], form, Content_Encoding="identity") == plain


@pytest.mark.parametrize("form", BodyFormat)
@pytest.mark.parametrize("of", BodyFormat)
def test_a_body_of_another_format_is_refused(form: BodyFormat, of: BodyFormat) -> None:
    if form is of or (form, of) == (LINES, JSON):  # one line of JSON is JSON
        assert read(WHOLE[of], form)
        return
    with pytest.raises(UnreadableError) as told:
        read(WHOLE[of], form)
    assert MAIL not in str(told.value)


@pytest.mark.parametrize(
    ("body", "form", "headers"),
    [
        (packed(TEXT), JSON, {}),  # packed, and nobody says so
        (TEXT, JSON, {"Content_Encoding": "gzip"}),  # said to be, and is not
        (zlib.compress(TEXT), JSON, {"Content_Encoding": "deflate"}),
        (TEXT, JSON, {"Content_Encoding": "br"}),
        (TEXT, JSON, {"Content_Encoding": "gzip, gzip"}),
        (TEXT, JSON, {"Content_Encoding": "identity, gzip"}),
        (packed(TEXT)[:-9], JSON, {"Content_Encoding": "gzip"}),
        (packed(TEXT) + TEXT, JSON, {"Content_Encoding": "gzip"}),
        (packed(packed(TEXT)), JSON, {"Content_Encoding": "gzip"}),
        (TEXT, JSON, {"Transfer_Encoding": "chunked"}),
        (TEXT[:-1], JSON, {}),
        (TEXT + TEXT, JSON, {}),
        (TEXT + b"\n" + MAIL.encode(), LINES, {}),
        (b'{"a": NaN}', JSON, {}),
        (b"\xef\xbb\xbf" + TEXT, JSON, {}),
        (json.dumps(VALUE).encode("utf-16"), JSON, {}),
        (b'"\xe9"', JSON, {}),
        (b"[" * 2000 + b"]" * 2000, JSON, {}),
        (TEXT, JSON, {"Content_Type": FORM_TYPE}),
        (TEXT, JSON, {"Content_Type": f"{FORM_TYPE}; charset=utf-8"}),
        (TEXT, JSON, {"Content_Type": "application/json; charset=utf-7"}),
        (TEXT, JSON, {"Content_Type": 'application/json; Charset="UTF-16"'}),
        (WHOLE[FORM], FORM, {"Content_Type": "application/json"}),
        (WHOLE[FORM], FORM, {"Content_Type": "multipart/form-data"}),
        (b"verbose=1", FORM, {}),
        (b"data=", FORM, {}),
        (b"data=%7B", FORM, {}),
        (WHOLE[FORM] + b"&data=" + MAIL.encode(), FORM, {}),
        (WHOLE[FORM] + b"&d%61ta=x", FORM, {}),
        (WHOLE[FORM] + b"&more=%ff", FORM, {}),
        (b"data=" + BASE64[:-3].encode(), FORM64, {}),
        (b"data=!" + BASE64.encode(), FORM64, {}),
        (b"data=" + base64.b64encode(packed(TEXT)), FORM64, {}),
    ],
)
def test_what_cannot_be_read_wholly_is_refused(
    body: bytes, form: BodyFormat, headers: dict[str, str]
) -> None:
    with pytest.raises(UnreadableError) as told:
        read(body, form, **headers)
    assert "its" in str(told.value)
    assert MAIL not in str(told.value)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/vnd.x+json", "text/plain"],
)
def test_the_usual_types_are_read(content_type: str) -> None:
    assert read(TEXT, JSON, Content_Type=content_type) == VALUE
    assert read(WHOLE[FORM], FORM, Content_Type=FORM_TYPE)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BYTES", 1000)
    small, large = orjson.dumps("x" * 900), orjson.dumps("x" * 100_000)
    assert read(packed(small), JSON, Content_Encoding="gzip")
    for body in (packed(large), packed(small) * 50):
        with pytest.raises(UnreadableError, match="more than the guard reads"):
            read(body, JSON, Content_Encoding="gzip")


@given(st.recursive(st.text() | st.integers(-(2**53), 2**53) | st.none(), st.lists, max_leaves=9))
def test_a_form_is_read_as_it_is_written(value: Any) -> None:
    try:
        text = orjson.dumps(value)
    except TypeError:  # half a surrogate pair is no text
        return
    assert read(f"data={quote_plus(text)}".encode(), FORM) == [{"data": value}]
    encoded = quote_plus(base64.b64encode(text))
    assert read(f"data={encoded}".encode(), FORM64) == [{"data": value}]
