from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.ingest.json_decode import decode, is_deeper

WRITTEN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b'{"a": NaN, "b": [Infinity, -Infinity]}', {"a": None, "b": [None, None]}),
        (b'{"a": 1e400, "b": -1e400}', {"a": None, "b": None}),
        (b"[9007199254740993, -9223372036854775808, 18446744073709551615]", None),
        (b"1180591620717411303424", 1180591620717411303424.0),
        (b"[NaN, 1180591620717411303424]", [None, 1180591620717411303424.0]),
        (b"[NaN, 9007199254740993]", [None, 9007199254740993]),
        (b"[NaN, " + b"9" * 5000 + b"]", [None, None]),
        (rb'"half \ud83d of a pair"', "half \ufffd of a pair"),
        (rb'"\ude80\ud83d\ude80\ud83d"', "\ufffd\U0001f680\ufffd"),
        (rb'{"\ud800": "\\ud800 \\\ud800"}', {"\ufffd": "\\ud800 \\\ufffd"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'[NaN, {"a": 1, "a": 2}]', [None, {"a": 2}]),
        (b'{"": {"a.b": null, "NaN": "Infinity"}}', {"": {"a.b": None, "NaN": "Infinity"}}),
    ],
)
def test_what_clients_write_is_read_as_they_mean_it(written: bytes, meant: Any) -> None:
    assert decode(written) == (json.loads(written) if meant is None else meant)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b'{"a": nan}', "invalid_json"),
        (b'{"a": 1}{"a": 1}', "invalid_json"),
        (b'{"a": "\xff"}', "invalid_json"),
        (b'{"a": "\xed\xa0\x80"}', "invalid_json"),
        (b"\xff\xfe{\x00}\x00", "invalid_json"),
        (b"\x00", "invalid_json"),
        (b"[" * 100_000, "too_deep"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    ],
)
def test_what_is_not_json_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(RequestError) as refused:
        decode(body)
    assert refused.value.code == code


@given(WRITTEN)
def test_what_python_writes_can_be_read_and_written_again(value: Any) -> None:
    read = decode(json.dumps(value).encode())
    assert orjson.loads(orjson.dumps(read)) == read
    assert orjson.dumps(read) == orjson.dumps(_as_meant(value))


@given(st.binary())
def test_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(RequestError):
        read = decode(body)
        assert orjson.loads(orjson.dumps(read)) == read


@given(WRITTEN, st.integers(1, 6))
def test_depth_counts_objects_and_arrays(value: Any, levels: int) -> None:
    assert is_deeper([value], levels) == (_depth([value]) > levels)


def _as_meant(value: Any) -> Any:
    if isinstance(value, dict):
        return {_as_meant(key): _as_meant(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_meant(inner) for inner in value]
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    return value


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
