"""Forms that name no person by themselves. `keep` rules use them; nothing masks them by default."""

from __future__ import annotations

import re

from gateway.privacy.detectors.declaration import Certainty, Detector, Span
from gateway.privacy.detectors.triggers import characters

PATTERNS = {
    "uuid": "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}",
    "object_id": "[0-9a-f]{24}",
    "sha256": "[0-9A-Fa-f]{64}",
    "hex_digest": "[0-9A-Fa-f]{32,128}",
    "timestamp": "[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
}
_WHOLE = {
    name: re.compile(rf"(?<![0-9A-Za-z]){shape}(?![0-9A-Za-z])") for name, shape in PATTERNS.items()
}


def shapes(text: str, context: int) -> list[Span]:  # noqa: ARG001 (the shape of every finder)
    return [
        (*match.span(), name) for name, shape in _WHOLE.items() for match in shape.finditer(text)
    ]


DETECTORS = (
    Detector(
        name="uuid",
        meaning="a UUID",
        certainty=Certainty.SHAPE,
        triggers=(characters("-", after="[0-9A-Fa-f]{4}-"),),
        find=shapes,
        examples=(
            "0b62ab60-02ad-4f69-a181-d9c5eb2f97fa",
            "x-«2CADEC71-F0CA-499E-B020-135507C5BD17»",
        ),
        counterexamples=("0b62ab60-02ad-4f69-a181-d9c5eb2f97f", "0b62ab60-02ad-4f69-a181"),
    ),
    Detector(
        name="object_id",
        meaning="24 hexadecimal digits",
        certainty=Certainty.SHAPE,
        triggers=(characters("0-9a-f", after="[0-9a-f]{23}"),),
        find=shapes,
        examples=("65a1b2c3d4e5f60718293a4b", "page1-«65a1b2c3d4e5f60718293a80»"),
        counterexamples=("65a1b2c3d4e5f60718293a4", "65a1b2c3d4e5f60718293a4bc"),
    ),
    Detector(
        name="sha256",
        meaning="64 hexadecimal digits",
        certainty=Certainty.SHAPE,
        triggers=(characters("0-9A-Fa-f", after="[0-9A-Fa-f]{63}"),),
        find=shapes,
        examples=("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",),
        counterexamples=("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",),
    ),
    Detector(
        name="hex_digest",
        meaning="32 to 128 hexadecimal digits",
        certainty=Certainty.SHAPE,
        triggers=(characters("0-9A-Fa-f", after="[0-9A-Fa-f]{31}"),),
        find=shapes,
        examples=("d41d8cd98f00b204e9800998ecf8427e", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"),
        counterexamples=("d41d8cd98f00b204e9800998ecf8427", "d41d8cd98f00b204e9800998ecf8427g"),
    ),
    Detector(
        name="timestamp",
        meaning="an ISO 8601 date or time",
        certainty=Certainty.SHAPE,
        triggers=(characters("-", after="[0-9]{2}-[0-9]{2}"),),
        find=shapes,
        examples=("2026-03-05", "2026-03-05T10:00:01.123Z", "at «2020-11-04T10:52:14.616+02:00»"),
        counterexamples=("05.03.2026", "10:52:14", "2026-3-5"),
    ),
)
