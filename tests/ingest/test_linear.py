"""Reading what a client sends takes time linear in it, before and after its source is known."""

from __future__ import annotations

import gzip
import ipaddress
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from gateway.config.model import Limits, Source
from gateway.errors import RequestError
from gateway.globs import compile_globs
from gateway.ingest import Sources
from gateway.ingest.client_info import Sender
from gateway.ingest.inflate import inflate
from gateway.ingest.json_decode import decode, is_deeper
from gateway.ingest.mixpanel.unpack import items, json_text, open_call
from gateway.ingest.salvage import salvage_envelopes, salvage_items
from gateway.ingest.segment.parse import RequestContext, read
from gateway.ingest.segment.pixel import body_of
from gateway.privacy import client_address
from gateway.timestamps import read_time
from tests.linear import is_linear, texts

pytestmark = pytest.mark.slow

SIZE = 512 * 1024
OF_A_HEADER = 64 * 1024
KEY = "demo-write-key"
SOURCES = Sources([Source(name="demo", write_keys=(KEY,))], accept_unknown=True)
PROXY = ipaddress.ip_network("127.0.0.1")
GLOBS = compile_globs(["*a*b*c*d", "https://*.*.*.example", "*?x?*"])
LIMITS = Limits()


def _segment(body: bytes) -> None:
    read(b'{"writeKey": "%s", "batch": [%s{}]}' % (KEY.encode(), body), FACTS, SOURCES, LIMITS)


def _shared(body: bytes) -> None:
    """The context of a batch is given to each of its events."""
    half = len(body) // 2
    context = b'{"t": "%s"}' % (b"x" * half)
    batch = b",".join([b'{"type": "track"}'] * (half // 18))
    whole = b'{"writeKey": "%s", "context": %s, "batch": [%s]}' % (KEY.encode(), context, batch)
    read(whole, FACTS, SOURCES, LIMITS)


def _mixpanel(query: str, body: bytes) -> None:
    items(json_text(open_call(query, body).data), LIMITS.batch_events)


FACTS = RequestContext(None, Sender(), 1_795_420_264.0)
DECODERS: dict[str, Callable[[bytes], object]] = {
    "gzip": lambda body: inflate(body, "gzip", LIMITS.body_bytes),
    "deflate": lambda body: inflate(body, "deflate", LIMITS.body_bytes),
    "json": decode,
    "odd json": lambda body: decode(b"[NaN," + body + b"]"),
    "text of odd json": lambda body: decode(b'[NaN,"' + body + b'"]'),
    "salvage": lambda body: salvage_envelopes(b'{"batch":[,' + body, bool),
    "salvage of a broken item": lambda body: salvage_envelopes(
        b'{"batch":[{"a":[{"b":' + body, lambda _: False
    ),
    "salvage of a list": lambda body: salvage_items(b"[," + body, bool),
    "depth": lambda body: is_deeper(decode(b"[" + body + b"1]"), 64),
    "segment": _segment,
    "shared context": _shared,
    "query": lambda body: body_of({"data": body.decode("latin-1")}),
    "names of a query": lambda body: body_of(dict.fromkeys(body.decode("latin-1").split("&"), "x")),
    "mixpanel json": partial(_mixpanel, ""),
    "mixpanel form": lambda body: _mixpanel("", b"data=" + body),
    "mixpanel query": lambda body: _mixpanel("data=" + body.decode("latin-1"), b""),
    "mixpanel lines": lambda body: _mixpanel("", b"{}\n" + body),
    "time": lambda body: read_time(body.decode("latin-1")),
    "forwarded": lambda body: client_address(
        "127.0.0.1", {"Forwarded": body.decode("latin-1")}, [PROXY]
    ),
    "forwarded for": lambda body: client_address(
        "127.0.0.1", {"X-Forwarded-For": body.decode("latin-1")}, [PROXY]
    ),
    "globs": lambda body: GLOBS and GLOBS.fullmatch(body.decode("latin-1")),
}
PIECES = (
    *("{", "[", "]", "}", '"', "\\", "\\\\", ",", ":", " ", "\n", "\0", "+", "=", "&", "%", ";"),
    *("[]", "{},", '{"a":', '"a",', "1,", "-", "1e9,", "1.5,", "1" * 400 + ",", "NaN,", "null,"),
    *("\\n", "\\u0041", "\\ud800", "\\ud83d\\ude00", "\xed\xa0\x80", "\xff", "\xef\xbb\xbf"),
    *("{}\n", "{\n", "}\n", "} \n", "data=", "a=b&", "a.", "%7B", "%25", "QUJD", "==", "-_"),
    *("2026-01-01T00:00:00", "Z", "for=", 'for="', "::1,", "10.0.0.1, ", "x", "abc", ".example"),
    '{"type":"track","event":"E"},',
    *('{"batch":[', '"batch":[', '{"type":"track","event":"', '{"a":[{', '"a":1,', "}]}"),
    '{"type":"track","writeKey":"other","context":{}},',
)
PACKED: dict[str, bytes] = {
    "empty": gzip.compress(b""),
    "small": gzip.compress(b"a" * 99),
    "raw": b"\x03\x00",
    "stored": b"\0\0\0\xff\xff",
    "zlib": zlib.compress(b""),
    "padded": gzip.compress(b"") + b"\0" * 4096,
}


def _bodies() -> Iterable[tuple[str, Callable[[int], bytes]]]:
    for name, make in texts([PIECES], mixtures=20, seed=6):
        yield name, lambda size, make=make: make(size).encode("latin-1")  # type: ignore[misc]


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_body_is_read_in_linear_time(decoder: str) -> None:
    reads = DECODERS[decoder]
    bodies = list(_bodies())
    if decoder in ("gzip", "deflate"):
        bodies = [(name, partial(_packed, piece)) for name, piece in PACKED.items()]
    for name, make in bodies:
        size = OF_A_HEADER if decoder.startswith("forwarded") else SIZE
        assert is_linear(partial(_read, reads), make, size), name


def _packed(piece: bytes, size: int) -> bytes:
    return piece * (size // len(piece))


def _read(reads: Callable[[bytes], Any], body: bytes) -> None:
    with suppress(RequestError):
        reads(body)
