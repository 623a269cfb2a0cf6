"""The image is built and run: without rights, on a read-only root, losing nothing at a stop."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config.source import load
from tests.image.engine import Buildah, Container
from tests.wire.running import ROOT

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "telemetry-gateway"
COMPOSE = ROOT / "deploy" / "compose"
_SHM = Path("/dev/shm")
_MEMORY = _SHM if _SHM.is_dir() and shutil.disk_usage(_SHM).free > 3 * 1024**3 else None
"""Tens of thousands of small files are written once and thrown away."""
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
def engine() -> Iterator[Buildah]:
    """With the image of this tree in its store."""
    base = CACHE / "base.tar"
    if not base.exists():
        subprocess.run([ROOT / "deploy/image/base.sh", base], check=True, timeout=400)
    engine = Buildah(Path(tempfile.mkdtemp(prefix="image-", dir=_MEMORY)))
    try:
        engine.import_base(base)
        engine.build(ROOT)
        yield engine
    finally:
        engine.remove()


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


@pytest.mark.needs("caddy", "apt-get install caddy")
def test_the_services_of_the_compose_file_start_from_their_definitions(
    container: Container, tmp_path: Path
) -> None:
    services = load(COMPOSE / "compose.yaml", {"GATEWAY_SITE": "localhost"}).value["services"]
    container.service = services["gateway"]
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
    with caddy(container, services["caddy"], tmp_path):
        send_by_https(container, "Composed")
    assert container.stop() == 0, container.log
    assert events(container) == ["Composed"]


@contextmanager
def caddy(container: Container, service: dict[str, Any], folder: Path) -> Iterator[None]:
    """The machine's Caddy in the gateway's network, with its service's file and variables."""
    (file,) = (here for here in service["volumes"] if "Caddyfile" in here)
    environment = service["environment"] | {
        "GATEWAY_UPSTREAM": service["environment"]["GATEWAY_UPSTREAM"].replace(
            "gateway:", "127.0.0.1:"
        ),
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "caddy"),
        "XDG_CONFIG_HOME": str(folder / "caddy"),
    }
    command = ["caddy", "run", "--config", str(COMPOSE / file.split(":")[0])]
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            ["nsenter", "-t", str(container.pid), "-n", *command, "--adapter", "caddyfile"],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait(30)


def send_by_https(container: Container, name: str) -> None:
    """As soon as Caddy has made its certificate and found the gateway healthy."""
    event = json.dumps({"event": name, "userId": "42", "writeKey": "demo-write-key"})
    curl = ("curl", "--silent", "--insecure", "--fail", "--data", event)
    deadline = time.monotonic() + 60
    while container.inside("-n", *curl, "https://localhost/v1/track").returncode:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_pod_of_the_manifests_starts_from_its_definition(
    container: Container, tmp_path: Path
) -> None:
    folder = ROOT / "deploy" / "kubernetes"
    pod = yaml.safe_load((folder / "deployment.yaml").read_text())["spec"]["template"]["spec"]
    files = yaml.safe_load((folder / "configuration.yaml").read_text())["data"]
    files["admin-token"] = f"{TOKEN}\n"
    (gateway,) = pod["containers"]
    places = {mount["name"]: mount["mountPath"] for mount in gateway["volumeMounts"]}
    laid = {"configuration": tmp_path / "configuration", "secrets": tmp_path / "secrets"}
    for name, place in laid.items():
        place.mkdir()
        for file in files:
            if (file == "admin-token") == (name == "secrets"):
                (place / file).write_text(files[file])
    container.mounts = {place: places[name] for name, place in laid.items()}
    container.service = {
        "command": gateway["args"],
        "environment": {one["name"]: one["value"] for one in gateway["env"]},
    }

    container.start()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container.http("GET", f":8080{gateway[probe]['httpGet']['path']}") == 200
    assert container.http("GET", ":8081/metrics") == 401
    send(container, "Orchestrated")
    assert container.stop() == 0, container.log
    assert events(container) == ["Orchestrated"]
