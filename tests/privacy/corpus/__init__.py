"""Personal values and look-alikes in the events that hold them, made before any detector was tuned.

`personal.jsonl` says what must not stay (`hidden`), `lookalikes.jsonl` what must. Half of the
cases, by a hash of their line, are for tuning; the other half are looked at when the work is done.
Numbers are invented, with right check digits; secrets are made when they are read (⟦a20⟧ is twenty
random characters, ⟦⟧ nothing), so that no file holds one.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import random
import re
import string
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.event import RawEvent

FOLDER = Path(__file__).parent
_RANDOM = re.compile("⟦([a-zA-Z0-9]*)⟧")
_ALPHABETS = {
    "a": string.ascii_letters + string.digits,
    "A": string.ascii_letters,
    "l": string.ascii_lowercase + string.digits,
    "u": string.ascii_uppercase + string.digits,
    "k": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "q": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_-",
    "b": string.ascii_letters + string.digits + "+/",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A value under a key, and what of it must not stay: nothing of a look-alike may change."""

    sort: str
    key: str
    value: Any
    hidden: tuple[str, ...]
    protocol: str
    is_unseen: bool
    line: str

    def event(self) -> RawEvent:
        value = json.loads(json.dumps(self.value))
        if self.protocol == "mixpanel":
            people = {"$distinct_id": "u-1", "$token": "t", self.key: value}
            return RawEvent("demo", "mixpanel", "people", None, people, 0.0, None)
        message: dict[str, Any] = {
            "type": "track",
            "event": "Corpus Event",
            "messageId": "2cadec71-f0ca-499e-b020-135507c5bd17",
            "timestamp": "2026-11-23T08:08:53.813Z",
            "anonymousId": "2cadec71-f0ca-499e-b020-135507c5bd18",
            "properties": {"plan": "pro", "count": 3},
            "context": {"library": {"name": "lib.js", "version": "4.1.0"}},
        }
        holder: dict[str, Any] = message["properties"]
        *above, last = self.key.split(".") if self.key.startswith("context.") else [self.key]
        if above:
            holder = message["context"]
        holder[last] = value
        return RawEvent("demo", "segment", "track", "Corpus Event", message, 0.0, None)

    def is_hidden(self, message: Any) -> bool:
        left = json.dumps(message, ensure_ascii=False)
        return not any(
            piece in left or json.dumps(piece, ensure_ascii=False)[1:-1] in left
            for piece in self.hidden
        )

    def is_untouched(self, message: Any) -> bool:
        before = self.event().message
        return bool(message["properties"] == before["properties"])


def personal() -> Iterator[Case]:
    for line in (FOLDER / "personal.jsonl").read_text().splitlines():
        row = json.loads(line)
        rng = random.Random(line)  # the same secret for the same line
        made: list[str] = []
        value = _filled(row["value"], rng, made)
        encoded = ""
        if "layers" in row:
            encoded = _encoded(value, row["layers"])
            value = row.get("before", "") + encoded + row.get("after", "")
        longest = max(made, key=len, default="")
        whole = value if isinstance(value, str) else json.dumps(value)
        hidden = tuple(
            longest if piece == "⟦longest⟧" else encoded if piece == "⟦encoded⟧" else str(piece)
            for piece in row.get("hidden", [whole])
        )
        yield _case(row, line, value, hidden)


def lookalikes() -> Iterator[Case]:
    for line in (FOLDER / "lookalikes.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield _case(row, line, row["value"], ())


def _case(row: dict[str, Any], line: str, value: Any, hidden: tuple[str, ...]) -> Case:
    is_unseen = hashlib.sha256(line.encode()).digest()[0] % 2 == 1
    protocol = row.get("protocol", "segment")
    return Case(row["class"], row["key"], value, hidden, protocol, is_unseen, line)


def _filled(value: Any, rng: random.Random, made: list[str]) -> Any:
    def random_text(match: re.Match[str]) -> str:
        code = match[1]
        if not code:
            return ""
        new = _random(code, rng)
        made.append(new)
        return new

    return _RANDOM.sub(random_text, value) if isinstance(value, str) else value


def _random(code: str, rng: random.Random) -> str:
    match code:
        case "U":
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        case "n":
            return rng.choice(["Quillonez", "Vexley", "Anquist", "Karavey", "Velpuri", "Dolnik"])
        case "b64":
            return base64.b64encode(rng.randbytes(96)).decode()
        case "basic":
            return base64.b64encode(b"deploy:" + rng.randbytes(9).hex().encode()).decode()
        case "jwtbody":
            return (
                base64.urlsafe_b64encode(b'{"sub":"' + rng.randbytes(6).hex().encode() + b'"}')
                .decode()
                .rstrip("=")
            )
    alphabet = _ALPHABETS[code[0]]
    text = "".join(rng.choices(alphabet, k=int(code[1:])))
    if code[0] in "aw" and len(text) > 5:  # as random text has: a digit, a small and a great letter
        text = f"{text[:2]}7{text[3]}Kq{text[6:]}"
    return text


def _escaped(text: str, form: Callable[[str], str]) -> str:
    return "".join(letter if letter.isalnum() else form(letter) for letter in text)


_ENTITIES = str.maketrans({"@": "&commat;", ".": "&period;"})
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_MATHEMATICAL = {ord(str(digit)): 0x1D7CE + digit for digit in range(10)}
_LAYERS: dict[str, Callable[[bytes], bytes]] = {
    "percent": lambda data: quote(data, safe="").encode(),
    "percentu": lambda data: _escaped(data.decode(), lambda c: f"%u{ord(c):04x}").encode(),
    "html": lambda data: _escaped(data.decode(), lambda c: f"&#{ord(c)};").encode(),
    "htmlhex": lambda data: _escaped(data.decode(), lambda c: f"&#x{ord(c):X};").encode(),
    "htmlname": lambda data: html.escape(data.decode()).translate(_ENTITIES).encode(),
    "unicode": lambda data: _escaped(data.decode(), lambda c: f"\\u{ord(c):04x}").encode(),
    "backx": lambda data: _escaped(data.decode(), lambda c: f"\\x{ord(c):02x}").encode(),
    "octal": lambda data: _escaped(data.decode(), lambda c: f"\\{ord(c):03o}").encode(),
    "css": lambda data: _escaped(data.decode(), lambda c: f"\\{ord(c):06x}").encode(),
    "qp": lambda data: _escaped(data.decode(), lambda c: f"={ord(c):02X}").encode(),
    "utf7": lambda data: data.decode().encode("utf-7").replace(b"@", b"+AEA-"),
    "fullwidth": lambda data: data.decode().translate(_FULL_WIDTH).encode(),
    "zerowidth": lambda data: "\u200b".join(data.decode()).encode(),
    "mathdigits": lambda data: data.decode().translate(_MATHEMATICAL).encode(),
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base64nopad": lambda data: base64.b64encode(data).rstrip(b"="),
    "base32": base64.b32encode,
    "hex": lambda data: data.hex().encode(),
    "hexupper": lambda data: data.hex().upper().encode(),
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zlib": zlib.compress,
    "deflate": lambda data: zlib.compress(data, wbits=-15),
    "json": lambda data: json.dumps({"body": data.decode()}).encode(),
    "jwt": lambda data: b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=")
        for part in (b'{"typ":"x"}', json.dumps({"m": data.decode()}).encode(), b"signature-of-it")
    ),
}  # fmt: skip


def _encoded(text: str, layers: list[str]) -> str:
    data = text.encode()
    for layer in layers:
        data = _LAYERS[layer](data)
    return data.decode()
