"""The result of a run as JUnit XML, which CI services read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path as FilePath
from xml.etree.ElementTree import Element, ElementTree, SubElement

from gateway.cli.cases.judge import Difference
from gateway.config.cases import Placed
from gateway.errors import GatewayError

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(file: FilePath, results: Sequence[tuple[Placed, Sequence[Difference]]]) -> None:
    """Raises GatewayError where the file cannot be written."""
    failed = sum(bool(differences) for _, differences in results)
    suite = Element(
        "testsuite", name="gateway test", tests=str(len(results)), failures=str(failed), errors="0"
    )
    for placed, differences in results:
        case = SubElement(
            suite,
            "testcase",
            classname=_text(placed.file),
            name=_text(placed.case.name),
            file=_text(placed.file),
            line=str(placed.line),
        )
        if differences:
            lines = [f"{d.where}: expected {d.expected}, found {d.found}" for d in differences]
            failure = SubElement(case, "failure", message=_text(lines[0]))
            failure.text = _text("\n".join(lines))
    try:
        ElementTree(suite).write(file, "utf-8", xml_declaration=True)
    except OSError as error:
        raise GatewayError(f"{file}: {error.strerror}") from None


def _text(text: str) -> str:
    return _NOT_IN_XML.sub("�", text)
