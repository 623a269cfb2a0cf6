"""What a fuzzer calls, and what must hold whatever bytes it makes.

    python tests/fuzz/run.py NAME|all [RUNS]

A target returns or raises RequestError; anything else is a finding.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextlib import suppress

import orjson

from gateway.budget import OverBudgetError
from gateway.config.model import Limits, Source
from gateway.errors import RequestError
from gateway.ingest import Sources
from gateway.ingest.client_info import Sender
from gateway.ingest.inflate import inflate
from gateway.ingest.json_decode import decode
from gateway.ingest.mixpanel.unpack import items, json_text, open_call
from gateway.ingest.salvage import LOST
from gateway.ingest.segment.parse import RequestContext, read
from gateway.ingest.segment.pixel import body_of
from gateway.privacy import client_address
from gateway.privacy.deobfuscate import undisguised
from gateway.privacy.detectors import KINDS, PERSONAL, Scanner
from gateway.privacy.log_safe_text import pointer, scrubbed_text
from gateway.privacy.nested_text import json_container, rewrite_pairs
from gateway.privacy.scrub.search import Needles
from gateway.privacy.scrub.truncate import shortened, without_query
from gateway.timestamps import read_time, write_time

LIMIT = 64 * 1024
KEY = "demo-write-key"
SOURCES = Sources([Source(name="demo", write_keys=(KEY,))], accept_unknown=True)
SCANNER = Scanner(KINDS)
LOOPBACK = [ipaddress.ip_network("127.0.0.1")]


def unpack(data: bytes) -> None:
    encoding = ("gzip", "deflate", "x-gzip")[data[0] % 3] if data else "gzip"
    assert len(inflate(data[1:], encoding, LIMIT)) <= LIMIT


def json(data: bytes) -> None:
    orjson.dumps(decode(data))
    orjson.dumps(decode(b"[NaN," + data + b"]"))


def segment(data: bytes) -> None:
    kind = ("track", None)[data[0] % 2] if data else None
    intake = read(data[1:], RequestContext(kind, Sender(), 1e9), SOURCES, Limits())
    for event in intake.events:
        orjson.dumps(event.message)


def mixpanel(data: bytes) -> None:
    query, _, body = data.partition(b"\0")
    found = items(json_text(open_call(query.decode("latin-1"), body).data), 100)
    orjson.dumps([item for item in found if item is not LOST])


def query(data: bytes) -> None:
    fields = [pair.partition("=") for pair in data.decode("latin-1").split("&")]
    body_of({name: value for name, _, value in fields})


def time(data: bytes) -> None:
    moment = read_time(data.decode("utf-8", "replace"))
    assert moment is None or write_time(moment) is not None


def address(data: bytes) -> None:
    text = data.decode("latin-1")
    for headers in ({"Forwarded": text}, {"X-Forwarded-For": text}):
        found = client_address("127.0.0.1", headers, LOOPBACK)
        if found is not None:
            ipaddress.ip_address(found)


def detectors(data: bytes) -> None:
    context, text = (data[0] % 16, _text(data[1:])) if data else (0, "")
    for start, end, kind in SCANNER.find(text, context):
        assert 0 <= start < end <= len(text)
        assert kind in KINDS


def plain(data: bytes) -> None:
    text = _text(data)
    shown, offsets = undisguised(text)
    if offsets is None:
        assert shown == text
        return
    assert len(offsets) == len(shown) + 1
    assert list(offsets) == sorted(offsets)
    assert offsets[-1] == len(text)


def nested(data: bytes) -> None:
    text = _text(data)
    assert rewrite_pairs(text, lambda *_: None) == text
    rewrite_pairs(text, lambda *_: "x")
    if (container := json_container(text)) is not None:
        orjson.dumps(container)


def shown(data: bytes) -> None:
    text = _text(data)
    clean = scrubbed_text(text)
    assert not {kind for _, _, kind in Scanner(PERSONAL).find(clean)} & {"jwt", "private_key"}
    pointer((text, 1))
    without_query(text)
    shortened(text)


def words(data: bytes) -> None:
    several, _, text = _text(data).partition("\n")
    wanted = {word for word in several.split(" ") if word}
    for start, end in Needles(wanted).occurrences(text):
        assert text[start:end] in wanted


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        *(unpack, json, segment, mixpanel, query, time, address),
        *(detectors, plain, nested, shown, words),
    )
}
SEEDS = (
    b"",
    b'{"writeKey": "k", "batch": [{"type": "track", "event": "E"}]}',
    b"data=eyJldmVudCI6IkUifQ==&verbose=1",
    b"2026-11-23T07:51:04.317+01:00",
    b'for="[2001:db8::1]:80";proto=https, for=10.0.0.1',
    b"jane@x.example call +49 30 1234567, 4111 1111 1111 1111, GB82 WEST 1234 5698 7654 32",
    b"https://a:b@c.example/?token=eyJhbGciOiJI.eyJzdWIi.sig#x",
    b"2001:db8::1 10.0.0.1 aa:bb:cc:dd:ee:ff",
    b"jane%2540x.example \xef\xbc\x94\xef\xbc\x91 &#64; sk_live_abcdef0123456789 Bearer abc.def",
    b'password="x" {"email": "a"} \\"a\\":\\"b\\" -----BEGIN PRIVATE KEY-----',
)


def run(target: Callable[[bytes], None], data: bytes) -> None:
    """One input. Raises what is a finding."""
    with suppress(RequestError, OverBudgetError):
        target(data)
