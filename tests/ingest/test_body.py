"""A compressed body is read whole or refused, and costs what its size says."""

from __future__ import annotations

import gzip
import random
import threading
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.ingest.body import THREAD_BYTES, parsed
from gateway.ingest.inflate import MOST_MEMBERS, inflate, inflated, packing

LIMIT = 10_000


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@given(st.binary(max_size=500), st.binary(max_size=500), st.integers(0, 9))
def test_a_compressed_body_comes_back(one: bytes, two: bytes, level: int) -> None:
    assert inflate(gzip.compress(one, level), "gzip", LIMIT) == one
    assert inflate(zlib.compress(one, level), "deflate", LIMIT) == one
    assert inflate(gzip.compress(one) + gzip.compress(two), "gzip", LIMIT) == one + two
    assert inflate(gzip.compress(one) + b"\0" * 9, "gzip", LIMIT) == one


PLAIN = b'{"event": "Sent"}'
GZIP, ZLIB, RAW = gzip.compress(PLAIN), zlib.compress(PLAIN), raw_deflate(PLAIN)


@pytest.mark.parametrize("level", range(10))
@pytest.mark.parametrize("named", [[], ["gzip"], ["x-gzip"], ["deflate"], ["br"], ["a", "b"]])
def test_the_bytes_decide_whatever_the_header_says(named: list[str], level: int) -> None:
    for text in (
        PLAIN,
        b"[" + PLAIN + b"]",
        b"data=e30",
        b"[,{}]",
        b" \n{}",
        b"\xef\xbb\xbf{}",
        b"",
    ):
        assert packing(text, named) is None
        assert packing(gzip.compress(text, level), named) == "gzip"
        if named or zlib.compress(text, level)[1:2] != b"^":
            assert packing(zlib.compress(text, level), named) == "deflate"


def test_raw_deflate_has_no_mark_so_its_header_decides() -> None:
    assert packing(RAW, ["deflate"]) == "deflate"
    assert packing(RAW, []) is None


@given(st.binary(max_size=40))
def test_no_bytes_are_taken_for_what_they_cannot_be(body: bytes) -> None:
    assert packing(body, []) in (None, "gzip", "deflate")
    with suppress(RequestError):
        assert packing(body, ["gzip"]) != "deflate" or body[:1] != b"{"


@pytest.mark.parametrize(
    ("named", "code"), [(["gzip"], "invalid_encoding"), (["br"], "unsupported_encoding")]
)
@pytest.mark.parametrize(
    "body", [b"\x1b\x10\x00\xf8", b"\x28\xb5\x2f\xfd\x04", b"\x5b\x10\x80\x01"]
)
def test_what_is_neither_packed_in_a_known_way_nor_plain_is_refused(
    named: list[str], code: str, body: bytes
) -> None:
    with pytest.raises(RequestError) as refused:
        packing(body, named)
    assert refused.value.code == code


def test_deflate_without_its_header_is_read_too() -> None:
    assert inflate(raw_deflate(b'{"event": "Sent"}'), "deflate", LIMIT) == b'{"event": "Sent"}'


@pytest.mark.parametrize("size", [LIMIT + 1, 50_000_000])
@pytest.mark.parametrize(("pack", "encoding"), [(gzip.compress, "gzip"), (raw_deflate, "deflate")])
def test_a_bomb_is_too_large(pack: type[bytes], encoding: str, size: int) -> None:
    with pytest.raises(RequestError) as refused:
        inflate(pack(b"0" * size), encoding, LIMIT)
    assert refused.value.code == "payload_too_large"


def test_a_bomb_in_many_members_is_too_large() -> None:
    with pytest.raises(RequestError) as refused:
        inflate(gzip.compress(b"0" * 1000) * 11, "gzip", LIMIT)
    assert refused.value.code == "payload_too_large"


def test_a_body_may_be_exactly_as_large_as_the_limit() -> None:
    assert len(inflate(gzip.compress(b"0" * LIMIT), "gzip", LIMIT)) == LIMIT
    assert len(inflate(gzip.compress(b"0" * (LIMIT // 2)) * 2, "gzip", LIMIT)) == LIMIT


@given(st.binary(min_size=1), st.sampled_from(["gzip", "deflate"]))
def test_other_bytes_are_refused_or_read(body: bytes, encoding: str) -> None:
    with suppress(RequestError):
        assert len(inflate(body, encoding, LIMIT)) <= LIMIT


@given(st.data(), st.binary(min_size=1))
def test_a_truncated_body_is_refused(data: st.DataObject, body: bytes) -> None:
    packed = gzip.compress(body)
    cut = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(RequestError) as refused:
        inflate(packed[:cut], "gzip", LIMIT)
    assert refused.value.code == "invalid_encoding"


def test_deflate_is_one_stream_and_gzip_as_many_as_a_client_could_mean() -> None:
    for body, encoding in (
        (zlib.compress(b"a") * 2, "deflate"),
        (raw_deflate(b"") * 100_000, "deflate"),
        (gzip.compress(b"") * (MOST_MEMBERS + 1), "gzip"),
        (gzip.compress(b"a") + b"\0" * 100_000 + b"x", "gzip"),
    ):
        with pytest.raises(RequestError) as refused:
            inflate(body, encoding, LIMIT)
        assert refused.value.code == "invalid_encoding"
    packed = gzip.compress(b"a") * MOST_MEMBERS + b"\0" * 100_000
    assert inflate(packed, "gzip", LIMIT) == b"a" * MOST_MEMBERS


@given(st.binary(max_size=200), st.integers(1, 40), st.integers(1, 300))
def test_members_may_begin_anywhere(one: bytes, members: int, padding: int) -> None:
    packed = (gzip.compress(one, 0) + b"\0" * padding) * members
    assert inflate(packed, "gzip", LIMIT) == one * members


@pytest.mark.parametrize("size", [1_000, 300_000, 1_000_000])
async def test_a_large_body_is_the_same_from_a_thread(size: int) -> None:
    text = random.Random(size).randbytes(size)
    for encoding, packed in (("gzip", gzip.compress(text, 1)), ("deflate", zlib.compress(text, 1))):
        assert await inflated(packed, encoding, size) == text
        with pytest.raises(RequestError) as refused:
            await inflated(packed, encoding, size - 1)
        assert refused.value.code == "payload_too_large"
    assert await inflated(gzip.compress(b" " * size), "gzip", size) == b" " * size


async def test_a_large_body_is_parsed_off_the_event_loop() -> None:
    here = threading.get_ident()
    assert await parsed(THREAD_BYTES, threading.get_ident) == here
    assert await parsed(THREAD_BYTES + 1, threading.get_ident) != here
