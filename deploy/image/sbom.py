"""What an image is made of, as a CycloneDX 1.5 document on standard output.

It lists what is installed, not what was asked for: every Python distribution of the interpreter
that runs this, and every Debian package of the system around it. It needs nothing but that
interpreter.

    /opt/gateway/bin/python sbom.py > sbom.cdx.json
"""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

MAIN = "telemetry-gateway"
_DPKG = Path("/var/lib/dpkg/status")
_REQUIRED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(.*)$")

Component = dict[str, Any]


def document(dpkg: Path = _DPKG) -> Component:
    """The whole bill of materials."""
    installed = {_normal(one.metadata["Name"]): one for one in distributions()}
    python = [_distribution(name, one) for name, one in sorted(installed.items())]
    main = [component for component in python if component["name"] == MAIN]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": main[0] | {"type": "application"}} if main else {},
        "components": [
            *(component for component in python if component["name"] != MAIN),
            _interpreter(),
            *(_packages(dpkg.read_text("utf-8")) if dpkg.exists() else ()),
        ],
        "dependencies": [
            {"ref": _purl(name, one.version), "dependsOn": _needs(one, installed)}
            for name, one in sorted(installed.items())
        ],
    }


def _distribution(name: str, one: Distribution) -> Component:
    component: Component = {
        "type": "library",
        "bom-ref": _purl(name, one.version),
        "name": name,
        "version": one.version,
        "purl": _purl(name, one.version),
    }
    if "License-Expression" in one.metadata:
        component["licenses"] = [{"expression": one.metadata["License-Expression"]}]
    return component


def _needs(one: Distribution, installed: dict[str, Distribution]) -> list[str]:
    """What it asks for and is there; extras and other platforms are what is not there."""
    names = {
        _normal(match[1])
        for line in one.requires or ()
        if (match := _REQUIRED.match(line)) and "extra ==" not in match[2]
    }
    return [_purl(name, installed[name].version) for name in sorted(names & installed.keys())]


def _interpreter() -> Component:
    version = platform.python_version()
    purl = f"pkg:generic/python@{version}"
    return {
        "type": "platform",
        "bom-ref": purl,
        "name": "python",
        "version": version,
        "purl": purl,
    }


def _packages(status: str) -> Iterator[Component]:
    """The installed packages of dpkg's status file."""
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.split("\n") if _is_field(line))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        name, version, kind = fields["Package"], fields["Version"], fields["Architecture"]
        purl = f"pkg:deb/debian/{quote(name, safe='')}@{quote(version, safe='')}?arch={kind}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _is_field(line: str) -> bool:
    return ": " in line and not line[:1].isspace()


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{quote(version, safe='')}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=1)
    sys.stdout.write("\n")
