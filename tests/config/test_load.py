"""The configuration is whole and typed, or every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Configuration, load
from gateway.errors import ConfigurationError

GATEWAY = """\
sources:
  - name: demo
    write_keys: [demo-write-key]
"""
POLICY = "client_ip: drop\n"
ROUTING = """\
destinations:
  local: {type: file, path: events}
routes:
  - name: everything
    to: local
"""


def write(
    folder: Path, gateway: str = GATEWAY, policy: str = POLICY, routing: str = ROUTING
) -> Path:
    (folder / "gateway.yaml").write_text(gateway)
    (folder / "privacy.yaml").write_text(policy)
    (folder / "routing.yaml").write_text(routing)
    return folder / "gateway.yaml"


def mistakes(file: Path, **environment: str) -> list[str]:
    """Every mistake as `file:line: message`, the folder left out."""
    with pytest.raises(ConfigurationError) as caught:
        load(file, environment)
    return [str(mistake).removeprefix(f"{file.parent}/") for mistake in caught.value.mistakes]


def loaded(file: Path, **environment: str) -> Configuration:
    return load(file, environment)


def test_the_shipped_configuration_loads_without_any_environment() -> None:
    configuration = load(Path("config/gateway.yaml"), {})
    assert str(configuration.gateway.listen) == "127.0.0.1:8080"
    assert [source.name for source in configuration.gateway.sources] == ["demo"]
    assert configuration.routing.routes[0].to == ("local",)


def test_defaults_are_those_the_interface_names(tmp_path: Path) -> None:
    gateway = loaded(write(tmp_path)).gateway
    assert str(gateway.admin.listen) == "127.0.0.1:8081"
    assert gateway.unknown_keys == "reject"
    assert gateway.schemas.unplanned_properties == "omit"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, f"listen: 127.0.0.1:1\n{GATEWAY}")
    gateway = loaded(
        file,
        GATEWAY_LISTEN="[::1]:9000",
        GATEWAY_ADMIN_LISTEN="127.0.0.1:9001",
        GATEWAY_DATA_DIR="/elsewhere",
    ).gateway
    assert gateway.listen == ("::1", 9000)
    assert gateway.admin.listen == ("127.0.0.1", 9001)
    assert gateway.data_dir == Path("/elsewhere")


def test_one_value_stands_for_a_list_of_one(tmp_path: Path) -> None:
    routing = ROUTING.replace("to: local", "match: {class: essential, event: [A*]}\n    to: local")
    match = loaded(write(tmp_path, routing=routing)).routing.routes[0].match
    assert match.telemetry_class == ("essential",)
    assert match.event == ("A*",)


def test_every_mistake_of_every_file_is_told(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "listen: nowhere\nunkown_keys: reject\nsources:\n  - name: demo\n    kind: brwser\n"
        "    write_keys: [k]\n",
        "client_ip: dorp\nrules:\n  - id: a\n    match: {kye: [x]}\n    action: drop\n",
        "destinations:\n  local: {type: file, path: events}\nroutes:\n  - name: all\n"
        "    to: [locl]\n",
    )
    assert mistakes(file) == [
        "gateway.yaml:1: `listen`: write HOST:PORT, for example 127.0.0.1:8080",
        "gateway.yaml:2: `unkown_keys` is not a setting here (did you mean `unknown_keys`?)",
        (
            "gateway.yaml:5: `sources.0.kind` must be one of 'browser', 'mobile', 'server' or 'any'"
            " (did you mean `browser`?)"
        ),
        (
            "privacy.yaml:1: `client_ip` must be one of 'drop', 'truncate', 'pseudonymize' or "
            "'keep' (did you mean `drop`?)"
        ),
        "privacy.yaml:4: `kye` is not a setting here (did you mean `key`?)",
        "routing.yaml:5: `locl` is not a destination (did you mean `local`?)",
    ]


@pytest.mark.parametrize(
    ("gateway", "expected"),
    [
        (
            "sources:\n- name: a\n  write_keys: [k]\n- name: b\n  write_keys: [k]\n",
            "`b` and `a` have a write key in common",
        ),
        (
            "sources:\n- name: a\n  write_keys: [k]\n- name: a\n  write_keys: [l]\n",
            "the source name `a` is taken; choose another",
        ),
        ("sources:\n- name: a\n  write_keys: ['']\n", "a write key is empty"),
        ("unknown_keys: reject\n", "no source may send; add one under `sources`"),
        (
            f"{GATEWAY}admin: {{listen: '0.0.0.0:8081'}}\n",
            "admin.token is required when admin.listen is not a loopback address",
        ),
        (
            f"{GATEWAY}admin: {{token: short}}\n",
            "a token under 16 characters can be guessed",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, gateway: str, expected: str) -> None:
    found = mistakes(write(tmp_path, gateway))
    assert len(found) == 1
    assert expected in found[0]


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, f"unknown_keys: reject\nunknown_keys: accept\n{GATEWAY}")
    assert mistakes(file) == [
        "gateway.yaml:2: `unknown_keys` is given twice, first on line 1; keep one"
    ]


def test_variables_are_filled_or_asked_for(tmp_path: Path) -> None:
    text = "sources:\n  - name: demo\n    write_keys: ['${KEY}', '${OTHER:-fallback}', 'a$$b']\n"
    file = write(tmp_path, text)
    assert loaded(file, KEY="given").gateway.sources[0].write_keys == ("given", "fallback", "a$b")
    assert mistakes(file) == ["gateway.yaml:3: ${KEY} is not set; set it, or write ${KEY:-default}"]


def test_an_unquoted_variable_keeps_the_type_it_would_have_had(tmp_path: Path) -> None:
    file = write(tmp_path, f"{GATEWAY}limits:\n  batch_events: ${{N:-12}}\n  body_bytes: 2MiB\n")
    limits = loaded(file).gateway.limits
    assert limits.batch_events == 12
    assert limits.body_bytes == 2 * 1024 * 1024


def test_what_is_not_yaml_or_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, policy="rules: [\n")
    (tmp_path / "routing.yaml").unlink()
    found = mistakes(file)
    assert found[0].startswith("privacy.yaml:2: not YAML: ")
    assert found[1].startswith("routing.yaml:1: cannot be read: ")


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("1h30m", 5400), ("2", 2)]
)
def test_durations(tmp_path: Path, text: str, seconds: float) -> None:
    file = write(tmp_path, f"{GATEWAY}limits: {{body_seconds: {text}}}\n")
    assert loaded(file).gateway.limits.body_seconds == seconds


@pytest.mark.parametrize(
    "written",
    [
        "https://api.segment.io",
        "https://api.segment.io/",
        "https://api.segment.io/v1",
        "https://api.segment.io/v1/",
        "https://api.segment.io//v1//",
        "https://api.segment.io/v1/batch",
        "https://api.segment.io/V1/import/",
    ],
)
def test_the_host_of_a_segment_destination_may_name_its_path(tmp_path: Path, written: str) -> None:
    routing = f"""\
destinations:
  segment: {{type: segment, write_key: key, host: "{written}"}}
"""
    [segment] = load(write(tmp_path, routing=routing), {}).routing.destinations.values()
    assert getattr(segment, "host", None) == "https://api.segment.io"


def test_a_path_of_its_own_stays(tmp_path: Path) -> None:
    routing = """\
destinations:
  segment: {type: segment, write_key: key, host: "https://proxy.example/to/v12"}
"""
    [segment] = load(write(tmp_path, routing=routing), {}).routing.destinations.values()
    assert getattr(segment, "host", None) == "https://proxy.example/to/v12"


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("X-Real-IP", ("X-Real-IP",)),
        ("[CF-Connecting-IP, X-Forwarded-For]", ("CF-Connecting-IP", "X-Forwarded-For")),
    ],
)
def test_headers_that_name_the_client_are_a_list(
    tmp_path: Path, written: str, names: tuple[str, ...]
) -> None:
    file = write(tmp_path, f"{GATEWAY}client_address_headers: {written}\n")
    assert load(file, {}).gateway.client_address_headers == names


@pytest.mark.parametrize("written", ["[]", '["X Real IP"]', '["X-Real-IP:"]', '[""]'])
def test_what_is_no_header_is_refused(tmp_path: Path, written: str) -> None:
    file = write(tmp_path, f"{GATEWAY}client_address_headers: {written}\n")
    with pytest.raises(ConfigurationError, match=r"gateway\.yaml:4: `client_address_headers"):
        load(file, {})
