"""The same policy and schemas have the same number, whatever their files look like."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gateway import revision_history
from gateway.app import Gateway
from gateway.config import Configuration, load
from gateway.errors import ConfigurationError
from gateway.revisions import Revision, Revisions, digest
from tests.fault.small import write_schema

RULE = {"id": "users", "match": {"path": ["/userId"]}, "action": "pseudonymize"}


def revisions(policy: str, schema: str = "s") -> Revisions:
    return Revisions(Revision(digest=policy), Revision(digest=schema))


def numbers(data_dir: Path, policy: str, schema: str = "s") -> tuple[int, int]:
    given = revision_history.entered(data_dir, revisions(policy, schema), 0.0)
    return given.policy.number, given.schema.number


def test_a_number_rises_and_the_same_content_gets_it_again(tmp_path: Path) -> None:
    asked = ["a", "b", "a", "c", "b"]
    assert [numbers(tmp_path, one)[0] for one in asked] == [1, 2, 1, 3, 2]
    assert numbers(tmp_path, "c", "t") == (3, 2)
    assert len((tmp_path / revision_history.FILE).read_text().splitlines()) == 5


def test_half_a_line_is_no_revision(tmp_path: Path) -> None:
    numbers(tmp_path, "a")
    with (tmp_path / revision_history.FILE).open("ab") as file:
        file.write(b'{"time":"20')
    assert numbers(tmp_path, "b") == (2, 1)
    assert numbers(tmp_path, "a") == (1, 1)


def test_a_damaged_list_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    numbers(tmp_path, "a")
    with (tmp_path / revision_history.FILE).open("ab") as file:
        file.write(b"nonsense\n")
    with pytest.raises(ConfigurationError, match=r"revisions\.jsonl:3: "):
        numbers(tmp_path, "b")


def test_a_digest_is_of_the_meaning() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"b": [1, 2]}) != digest({"b": [2, 1]})


def configured(folder: Path, policy: str) -> Configuration:
    write_schema(folder / "schemas")
    (folder / "privacy.yaml").write_text(policy)
    (folder / "routing.yaml").write_text("destinations: {}\nroutes: []\n")
    settings = {
        "data_dir": str(folder / "data"),
        "schemas": {"path": "schemas"},
        "sources": [{"name": "shop", "write_keys": ["shop-write-key"]}],
    }
    (folder / "data").mkdir(exist_ok=True)
    (folder / "gateway.yaml").write_text(yaml.safe_dump(settings))
    return load(folder / "gateway.yaml", {})


async def test_a_reload_numbers_what_it_puts_in_force(tmp_path: Path) -> None:
    plain = yaml.safe_dump({"rules": [RULE]})
    gateway = await Gateway.open(configured(tmp_path, plain), {})
    try:
        seen = []
        for policy in (
            "# the same\n" + yaml.safe_dump({"rules": [{**RULE, "reason": "why"}]}),
            yaml.safe_dump({"rules": [{**RULE, "action": "drop"}]}),
            yaml.safe_dump({"client_ip": "drop", "rules": [RULE]}),
        ):
            await gateway.control.reload(configured(tmp_path, policy))
            status = await gateway.observed.status.status()
            sample = status.samples()["gateway_policy_revision"]
            seen.append(status.as_json()["revisions"]["policy"]["number"])
            assert sample == {(): seen[-1]}
            assert gateway.control.snapshot.rules.revisions.schema.number == 1
        assert seen == [1, 2, 1]
        (schema,) = (tmp_path / "schemas").iterdir()
        schema.write_text(schema.read_text().replace('"title": "', '"title": "Another ', 1))
        configuration = load(tmp_path / "gateway.yaml", {})
        await gateway.control.reload(configuration)
        assert gateway.control.snapshot.rules.revisions.schema.number == 2
    finally:
        await gateway.close(0)
