"""The image is built and run: without rights, on a read-only root, losing nothing at a stop."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config.source import load
from tests.image.engine import Buildah, Container
from tests.wire.running import ROOT

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "telemetry-gateway"
COMPOSE = ROOT / "deploy" / "compose"
TOKEN = "a-token-of-twenty-characters"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and namespaces take root: sudo -E")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("image"),
    AS_ROOT,
    *(
        pytest.mark.needs(program, f"apt-get install {package}")
        for program, package in {
            "buildah": "buildah",
            "mmdebstrap": "mmdebstrap",
            "ip": "iproute2",
            "setpriv": "util-linux",
            "curl": "curl",
        }.items()
    ),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    """With the image of this tree in its store."""
    base = CACHE / "base.tar"
    if not base.exists():
        subprocess.run([ROOT / "deploy/image/base.sh", base], check=True, timeout=400)
    engine = Buildah(tmp_path_factory.mktemp("buildah"))
    engine.import_base(base)
    engine.build(ROOT)
    return engine


@pytest.fixture(scope="module")
def image(engine: Buildah) -> dict[str, Any]:
    return engine.configuration()


@pytest.fixture(scope="module")
def root(engine: Buildah) -> Path:
    return engine.root()


@pytest.fixture
def container(root: Path, image: dict[str, Any], tmp_path: Path) -> Iterator[Container]:
    container = Container(root, image, tmp_path)
    yield container
    container.end()


def send(container: Container, name: str) -> None:
    event = {"event": name, "userId": "42", "writeKey": "demo-write-key"}
    assert container.http("POST", ":8080/v1/track", "--data", json.dumps(event)) == 200


def events(container: Container) -> list[str]:
    """The names of the events in the volume."""
    files = sorted((container.data / "events").glob("*.jsonl"))
    return [json.loads(line)["event"] for file in files for line in file.read_text().splitlines()]


def test_an_event_goes_through_and_survives_the_container(container: Container) -> None:
    container.start()
    status = Path(f"/proc/{container.pid}/status").read_text()
    assert "Uid:\t10001\t10001\t10001\t10001" in status
    assert "Gid:\t10001\t10001\t10001\t10001" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status

    assert container.run("touch", "/opt/gateway/x").stderr.endswith("Read-only file system\n")
    assert container.run("touch", "/tmp/x").stderr.endswith("Read-only file system\n")
    assert container.health() == 0
    send(container, "First")
    assert container.stop() == 0, container.log
    assert container.health() != 0
    assert events(container) == ["First"]

    container.start()
    send(container, "Second")
    assert container.stop() == 0, container.log
    assert events(container) == ["First", "Second"]
    assert {path.stat().st_uid for path in container.data.rglob("*")} == {10001}


def test_the_image_says_what_it_is_and_what_it_is_made_of(
    root: Path, image: dict[str, Any]
) -> None:
    labels = image["Labels"]
    assert labels["org.opencontainers.image.title"] == "telemetry-gateway"
    assert labels["org.opencontainers.image.revision"] == "test"

    bill = json.loads((root / "opt/gateway/sbom.cdx.json").read_text())
    assert bill["metadata"]["component"]["name"] == "telemetry-gateway"
    held = {(one["name"], one["version"]) for one in bill["components"]}
    site = next((root / "opt/gateway/lib").glob("python3*/site-packages"))
    listed = ["python3", "-m", "pip", "list", "--format=json", "--path", str(site)]
    found = {
        (line["name"].lower().replace("_", "-"), line["version"])
        for line in json.loads(subprocess.check_output(listed))
    }
    assert {one for one in found if one[0] != "telemetry-gateway"} <= held
    assert {"libc6", "openssl", "python"} <= {name for name, _ in held}


def test_the_image_holds_no_build_tools_and_no_sources(root: Path) -> None:
    site = next((root / "opt/gateway/lib").glob("python3*/site-packages"))
    assert not {"pip", "setuptools", "hatchling"} & {path.name for path in site.iterdir()}
    assert not (root / "build").exists()


def test_the_service_of_the_compose_file_starts_from_its_definition(
    container: Container, tmp_path: Path
) -> None:
    definition = load(COMPOSE / "compose.yaml", {"GATEWAY_SITE": "localhost"}).value
    container.service = definition["services"]["gateway"]
    assert container.service["read_only"] is True
    assert container.service["cap_drop"] == ["ALL"]
    (tmp_path / "compose").symlink_to(COMPOSE)
    (tmp_path / "secrets").mkdir()
    for name in container.service["secrets"]:
        (tmp_path / "secrets" / name).write_text(f"{TOKEN}\n")
        (tmp_path / "secrets" / name).chmod(0o444)

    container.start()
    assert container.health() == 0  # it follows GATEWAY_ADMIN_LISTEN
    assert container.http("GET", ":8081/metrics") == 401
    token = f"Authorization: Bearer {TOKEN}"
    assert container.http("GET", ":8081/metrics", "--header", token) == 200
    send(container, "Composed")
    assert container.stop() == 0, container.log
    assert events(container) == ["Composed"]
