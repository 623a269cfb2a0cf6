"""What the environment says of the configuration is taken as it is said, or refused by its name."""

from __future__ import annotations

import itertools
import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.cli import health
from gateway.config import keys
from gateway.config.environment import variable
from gateway.config.privacy import Policy
from gateway.config.routing import Routing
from gateway.config.sections import settings_model
from gateway.destinations.segment.settings import SegmentSettings
from gateway.errors import ConfigurationError
from tests.config.test_load import GATEWAY, ROUTING, loaded, mistakes, write

SEGMENT = """\
destinations:
  segment:
    type: segment
    write_key: ${KEY}
routes: []
"""
ODD = [
    "12345678901234567890",
    "0012",
    "0x1F",
    "1_000",
    "1e5",
    "true",
    "off",
    "~",
    "null",
    "2026-01-01",
    "2026-99-99",
    "@abc",
    "*abc",
    "&abc",
    "%abc",
    "!abc",
    "abc #def",
    "abc: def",
    "- abc",
    "[abc",
    "{abc",
    "'abc",
    '"abc"',
    " abc ",
    "a${KEY}b",
    "a$$b",
    "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
]


def write_key(file: Path, **environment: str) -> str:
    segment = loaded(file, **environment).routing.destinations["segment"]
    assert isinstance(segment, SegmentSettings)
    return segment.write_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path, routing=SEGMENT)


@pytest.mark.parametrize("secret", ODD)
def test_a_secret_is_taken_letter_by_letter(file: Path, tmp_path: Path, secret: str) -> None:
    """Whatever YAML would make of it, and whichever way it comes."""
    (tmp_path / "secret").write_text(secret + "\n")
    assert write_key(file, KEY=secret) == secret
    assert write_key(file, KEY_FILE=str(tmp_path / "secret")) == secret
    named = "GATEWAY__destinations__segment__write_key"
    assert write_key(file, KEY="x", **{named: secret}) == secret
    assert write_key(file, KEY="x", **{f"{named}_FILE": str(tmp_path / "secret")}) == secret


@pytest.mark.parametrize("secret", [one for one in ODD if len(one.strip()) > 3])
def test_in_a_list_it_is_taken_letter_by_letter(tmp_path: Path, secret: str) -> None:
    file = write(tmp_path, "sources:\n  - name: demo\n    write_keys:\n      - ${KEY}\n")
    assert loaded(file, KEY=secret).gateway.sources[0].write_keys == (secret,)


def test_numbers_and_switches_are_still_what_they_look_like(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(GATEWAY + "limits:\n  batch_events: ${N}\n  nesting: ${M:-32}\n")
    limits_ = loaded(file, N="7").gateway.limits
    assert (limits_.batch_events, limits_.nesting) == (7, 32)


def test_a_file_is_asked_where_the_variable_is_unset_or_empty(file: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    for content, value in [("abc", "abc"), ("abc\r\n", "abc"), ("abc\n\n", "abc\n")]:
        secret.write_bytes(content.encode())
        assert write_key(file, KEY_FILE=str(secret)) == value
        assert write_key(file, KEY="", KEY_FILE=str(secret)) == value
    assert write_key(file, KEY="own", KEY_FILE="") == "own"


def test_a_file_that_cannot_be_the_value_is_a_mistake_of_the_line(
    file: Path, tmp_path: Path
) -> None:
    secret, large, binary = (tmp_path / name for name in ("secret", "large", "binary"))
    secret.write_text("TOP-SECRET")
    large.write_text("TOP-SECRET" * 7000)
    binary.write_bytes(b"TOP-SECRET\xff")
    line = "routing.yaml:4: "
    for environment, said in [
        ({"KEY_FILE": str(tmp_path / "none")}, "cannot be read: No such file or directory"),
        ({"KEY_FILE": str(tmp_path)}, "cannot be read: Is a directory"),
        ({"KEY_FILE": str(large)}, "is too large for a setting"),
        ({"KEY_FILE": "/dev/zero"}, "is too large for a setting"),
        ({"KEY_FILE": str(binary)}, "is not UTF-8 text"),
    ]:
        assert mistakes(file, **environment) == [f"{line}the file that KEY_FILE names {said}"]
    both = mistakes(file, KEY="TOP-SECRET", KEY_FILE=str(secret))
    assert both == [f"{line}KEY and KEY_FILE are both set; keep one of them"]


def test_every_file_s_settings_have_a_variable(file: Path) -> None:
    configuration = loaded(
        file,
        KEY="k",
        GATEWAY__client_ip="keep",
        GATEWAY__keep='["/properties/ip"]',
        GATEWAY__limits__nesting="16",
        GATEWAY__journal__max_bytes="1GiB",
        GATEWAY__trusted_proxies="[10.0.0.0/8, 192.0.2.1]",
        GATEWAY__TELEMETRY__ENABLED="false",
        GATEWAY__routes="[{name: all, to: segment}]",
        GATEWAY__sources="- name: shop\n  write_keys: [shop-write-key]\n",
    )
    assert configuration.policy.client_ip == "keep"
    assert configuration.policy.keep == ("/properties/ip",)
    assert configuration.gateway.limits.nesting == 16
    assert configuration.gateway.journal.max_bytes == 1024**3
    assert list(map(str, configuration.gateway.trusted_proxies)) == ["10.0.0.0/8", "192.0.2.1/32"]
    assert configuration.gateway.telemetry.enabled is False
    assert configuration.routing.routes[0].to == ("segment",)
    assert [source.name for source in configuration.gateway.sources] == ["shop"]


def test_a_destination_can_be_added(tmp_path: Path) -> None:
    file = write(tmp_path, routing=ROUTING)
    configuration = loaded(
        file,
        GATEWAY__destinations__segment="{type: segment, host: https://segment.example}",
        GATEWAY__destinations__segment__write_key="k",
    )
    assert set(configuration.routing.destinations) == {"local", "segment"}


def test_the_files_that_gateway_yaml_names_can_be_named(tmp_path: Path) -> None:
    file = write(tmp_path)
    (tmp_path / "strict.yaml").write_text("client_ip: truncate\n")
    assert loaded(file, GATEWAY__policy="strict.yaml").policy.client_ip == "truncate"


def test_the_long_name_wins_over_the_short_one(file: Path) -> None:
    environment = {"KEY": "k", "GATEWAY_LISTEN": "0.0.0.0:1", "GATEWAY__listen": "127.0.0.1:2"}
    assert str(loaded(file, **environment).gateway.listen) == "127.0.0.1:2"


def test_an_empty_one_counts_as_unset(file: Path) -> None:
    assert str(loaded(file, KEY="k", GATEWAY__listen="").gateway.listen) == "127.0.0.1:8080"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GATEWAY__lisen", "x", "`lisen` is not a setting (did you mean `listen`?)"),
        ("GATEWAY__admin__tokn", "x", "`tokn` is not a setting here (did you mean `token`?)"),
        ("GATEWAY__limits__nesting", "many", "`limits.nesting`: input should be a valid integer"),
        ("GATEWAY__client_ip", "kep", "`client_ip` must be one of 'drop', 'truncate',"),
        ("GATEWAY__sources__0__name", "x", "`sources` is no map that leads there; set it whole"),
        ("GATEWAY__destinations__segment__hst", "x", "`hst` is not a setting here"),
        ("GATEWAY__destinations__other", "{type: sgment}", "`destinations.other.type` must be one"),
        ("GATEWAY__admin__token_FILE", "/none", "the file that GATEWAY__admin__token_FILE names"),
        ("GATEWAY__admin__token", "TOP-SECRET", "`admin.token`: a token under 16 characters"),
        ("GATEWAY__listen", "TOP-SECRET", "`listen`: write HOST:PORT"),
        ("GATEWAY____listen", "x", "`` is not a setting"),
        ("GATEWAY__", "x", "`` is not a setting"),
    ],
)
def test_a_mistake_is_named_by_its_variable(file: Path, name: str, value: str, said: str) -> None:
    variable_ = name.removesuffix("_FILE")
    found = mistakes(file, KEY="k", **{name: value})
    assert [line for line in found if line.startswith(f"{variable_}: {said}")], found
    assert "TOP-SECRET" not in "".join(found)


def test_two_spellings_of_one_setting_are_a_mistake(file: Path) -> None:
    found = mistakes(file, KEY="k", GATEWAY__listen="127.0.0.1:1", GATEWAY__LISTEN="127.0.0.1:2")
    assert found == ["GATEWAY__listen: GATEWAY__LISTEN says the same; keep one of them"]


def test_a_mistake_in_the_file_keeps_its_line(tmp_path: Path) -> None:
    file = write(tmp_path, f"{GATEWAY}admin:\n  tokn: x\n")
    found = mistakes(file, GATEWAY__admin__listen="127.0.0.1:1")
    assert found == ["gateway.yaml:5: `tokn` is not a setting here (did you mean `token`?)"]


def test_no_two_files_have_a_first_key_in_common() -> None:
    """A variable does not say which file it is for."""
    files: list[type[BaseModel]] = [settings_model(), Policy, Routing]
    for one, other in itertools.combinations(files, 2):
        assert not keys(one) & keys(other)


def names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from names(inner)


def test_no_setting_is_called_as_a_file_of_another_or_has_two_dashes() -> None:
    for model in (settings_model(), Policy, Routing, SegmentSettings):
        assert [name for name in names(model) if name.endswith("_file") or "__" in name] == []


def test_health_checks_follow_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path)
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        health, "ask_at", lambda admin, *_, **__: asked.append((str(admin.listen), admin.token))
    )
    (tmp_path / "token").write_text("1234567890123456\n")
    environment = {
        "GATEWAY__admin__listen": "127.0.0.1:9",
        "GATEWAY__admin__token_FILE": str(tmp_path / "token"),
    }
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        assert health.run(Namespace(config=file), environment, nowhere) == 0
        with pytest.raises(ConfigurationError):
            health.run(Namespace(config=file), {"GATEWAY__admin__listen": "nowhere"}, nowhere)
    assert asked == [("127.0.0.1:9", "1234567890123456")]


def test_a_variable_without_any_value_is_unset() -> None:
    assert variable({}, "KEY") is None
    assert variable({"KEY": ""}, "KEY") == ""
