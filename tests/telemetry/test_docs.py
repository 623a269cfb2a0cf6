"""The page for users names every event, and says what the policy in force does to each field."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
import yaml

from gateway.cli import telemetry_docs
from gateway.contract import load_catalogue
from tests.wire.running import ROOT

CONFIG = ROOT / "config" / "gateway.yaml"


def page(file: Path = CONFIG, schemas: str | None = None, **environment: str) -> str:
    out = io.StringIO()
    assert telemetry_docs.write(file, environment, schemas=schemas, out=out) == 0
    return out.getvalue()


def section(text: str, title: str) -> str:
    _, _, rest = text.partition(f"### {title}\n")
    assert rest, title
    return rest.partition("\n### ")[0]


@pytest.fixture(scope="module")
def whole() -> str:
    return page()


def mine(folder: Path, policy: str, telemetry: str = "{}") -> Path:
    """A configuration with a policy of its own."""
    (folder / "privacy.yaml").write_text(policy)
    file = folder / "gateway.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "sources": [{"name": "demo", "write_keys": ["k"]}],
                "data_dir": str(folder / "data"),
                "schemas": {"path": str(ROOT / "schemas")},
                "routing": str(ROOT / "config" / "routing.yaml"),
                "telemetry": yaml.safe_load(telemetry),
            }
        )
    )
    return file


def test_every_documented_event_is_there_with_its_class(whole: str) -> None:
    for plan in load_catalogue(ROOT / "schemas").plans.values():
        assert f"- Schema: `{plan.name}`" in whole
        for name in plan.match.names:
            assert f"`{name}`" in whole
    order = [whole.index(f"\n## {name}\n") for name in ("Essential", "Billing", "Optional")]
    assert order == sorted(order)
    assert order[0] < whole.index("### Keep-alive ping\n") < order[1]


def test_only_what_every_event_has_is_called_so(whole: str) -> None:
    """A branch of a schema may demand a field of some events only."""
    pulse = section(whole, "Usage pulse")
    assert "| `/viewMode` | boolean, always |" in pulse
    assert "| `/anonymousUserId` | string |" in pulse


def test_it_is_the_same_every_time(whole: str) -> None:
    assert page() == whole


def test_treatments_follow_the_policy(tmp_path: Path) -> None:
    rule = "rules:\n  - {id: my-rule, match: {path: %s}, action: %s}\n"
    only = "appsmith/installation-setup-complete"
    dropped = page(mine(tmp_path, rule % ("/properties/role", "drop")), only)
    assert re.search(r"`/properties/role` \| .* \| removed \(`my-rule`\) \|", dropped)
    kept = page(mine(tmp_path, "rules: []"), only)
    assert re.search(r"`/properties/role` \| .* \| sent unchanged \|", kept)
    assert '"role": "frontend engineer"' in kept
    assert '"role"' not in dropped


def test_an_example_is_shown_as_it_leaves(whole: str) -> None:
    shown = section(whole, "Server set up")
    assert '"ipAddress": "[ipv4]"' in shown
    assert "`/properties/ipAddress` (mask, `secrets-in-text`)" in shown
    assert "| `/properties/email` | string | " in shown
    assert "removed (`contact-details`)" in shown


def test_the_switch_as_it_stands_is_told(tmp_path: Path) -> None:
    only = "appsmith/installation-setup-complete"
    file = mine(tmp_path, "rules: []", "{enabled: false}")
    assert "| off, by gateway.yaml |" in page(file, only)
    assert "| on, by default |" in page(file, only)
    told = page(file, only, APPSMITH_DISABLE_TELEMETRY="true")
    assert "| off, by APPSMITH_DISABLE_TELEMETRY |" in told
    assert "Sec-GPC" in told
    quiet = mine(tmp_path, "rules: []", "{respect_opt_out: false}")
    assert "Sec-GPC" not in page(quiet, "appsmith/*")


def test_an_optional_example_is_shown_while_off_too(tmp_path: Path) -> None:
    file = mine(tmp_path, "rules: []", "{enabled: false}")
    assert '"APPLICATIONS_PAGE_LOAD"' in page(file, "appsmith/applications-page-load")


def test_a_name_that_no_schema_has_is_no_page() -> None:
    with pytest.raises(telemetry_docs.PageError):
        page(schemas="nothing/*")
