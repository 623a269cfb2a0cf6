"""The manifests are what their schemas ask for, and agree with each other and with the image."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from gateway.cli import registry
from gateway.config import load
from tests.wire.running import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
RELEASES = ["1.29", "1.37"]

Object = dict[str, Any]


def objects() -> Iterator[tuple[str, Object]]:
    for file in sorted(KUBERNETES.glob("*.yaml")):
        for one in yaml.safe_load_all(file.read_text()):
            yield f"{file.name}: {one['kind']}", one


OBJECTS = dict(objects())
CUSTOM = {"Kustomization", "ServiceMonitor"}


def of_kind(kind: str) -> Object:
    (found,) = (one for one in OBJECTS.values() if one["kind"] == kind)
    return found


def pod() -> Object:
    spec: Object = of_kind("Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    "manifest", [name for name, one in OBJECTS.items() if one["kind"] not in CUSTOM]
)
def test_kubernetes_takes_it(manifest: str, release: str) -> None:
    kubernetes_validate.validate(OBJECTS[manifest], release, strict=True)


def test_what_is_applied_is_all_that_there_is() -> None:
    listed = set(of_kind("Kustomization")["resources"])
    there = {file.name for file in KUBERNETES.glob("*.yaml")}
    assert there - listed == {"kustomization.yaml", "secret.example.yaml", "servicemonitor.yaml"}
    assert listed <= there


def test_the_objects_find_each_other() -> None:
    name = "telemetry-gateway"
    assert {one["metadata"]["name"] for one in OBJECTS.values() if "metadata" in one} == {name}
    deployment, service = of_kind("Deployment"), of_kind("Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]):
        assert selector.items() <= labels.items()
    (container,) = pod()["containers"]
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == ports
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] == "traffic"
    (endpoint,) = of_kind("ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    key = endpoint["authorization"]["credentials"]["key"]
    assert key in of_kind("Secret")["stringData"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert variables["GATEWAY_ADMIN_TOKEN_FILE"].endswith(f"/{key}")
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod()["volumes"]}


def test_the_journal_belongs_to_one_process() -> None:
    spec = of_kind("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_the_pod_has_no_rights() -> None:
    (container,) = pod()["containers"]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    users = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    context = pod()["securityContext"]
    assert users == [(str(context["runAsUser"]), str(context["runAsGroup"]))]


def test_its_configuration_loads_where_it_is_mounted(tmp_path: Path) -> None:
    (container,) = pod()["containers"]
    name, *options = container["args"]
    command = registry.commands()[name]
    given = registry.parser_of(command, registry.loaded(command)).parse_args(options)
    assert given.config == Path("/etc/gateway/cluster/gateway.yaml")
    for folder in ("config", "schemas"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "cluster").mkdir()
    for name, text in of_kind("ConfigMap")["data"].items():
        (tmp_path / "cluster" / name).write_text(text)
    (tmp_path / "token").write_text("a-token-of-your-own\n")
    environment = {one["name"]: one["value"] for one in container["env"]}
    environment["GATEWAY_ADMIN_TOKEN_FILE"] = str(tmp_path / "token")
    configuration = load(tmp_path / "cluster" / "gateway.yaml", environment)
    assert configuration.gateway.admin.token == "a-token-of-your-own"
    assert configuration.schemas_path.is_dir()
    ports = {port["containerPort"] for port in container["ports"]}
    assert ports == {configuration.gateway.listen.port, configuration.gateway.admin.listen.port}


def compose() -> Object:
    definition: Object = yaml.safe_load(COMPOSE.read_text())
    return definition


def test_the_compose_file_is_what_its_specification_asks_for() -> None:
    schema = json.loads((ROOT / "tests/deploy/data/compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(compose())


def test_what_the_compose_file_names_is_there() -> None:
    definition = compose()
    for service in definition["services"].values():
        for secret in service.get("secrets", ()):
            assert secret in definition["secrets"]
        for volume in service["volumes"]:
            here = volume.split(":")[0]
            if here.startswith("."):
                assert (COMPOSE.parent / here).exists(), here
            else:
                assert here in definition["volumes"]
    assert (COMPOSE.parent / definition["services"]["gateway"]["build"]).resolve() == ROOT


def test_the_gateway_of_the_compose_file_believes_its_caddy_and_nobody_else() -> None:
    services = compose()["services"]
    trusted = yaml.safe_load(services["gateway"]["environment"]["GATEWAY__trusted_proxies"])
    assert trusted == [services["caddy"]["networks"]["front"]["ipv4_address"]]


def test_the_admin_pages_are_published_to_this_machine_only() -> None:
    published = compose()["services"]["gateway"]["ports"]
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_no_manifest_holds_a_secret() -> None:
    text = "".join(file.read_text() for file in (ROOT / "deploy").rglob("*.yaml"))
    assert set(re.findall(r"admin-token: (\S+)", text)) == {"a-token-of-your-own"}
    assert re.findall(r"GATEWAY_ADMIN_TOKEN: ", text) == []
