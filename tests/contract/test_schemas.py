"""The schemas that ship cover what Appsmith documents and what real SDKs send."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.config.model import Schemas
from gateway.contract import Catalogue, EventPlan, examine
from gateway.event import Protocol, RawEvent
from gateway.extensions.appsmith import events as appsmith_events

DATA = Path(__file__).parent / "data"
SCHEMAS = Path(__file__).parents[2] / "schemas"
STRICT = Schemas(unplanned_events="block", unplanned_properties="omit", violations="block")
SAMPLES = sorted((DATA / "samples").glob("*.json"))
REFUSED = {
    "19-usage_pulse-browser-anonymous-edit-rejected": "Advance-Rules-Violation",
    "20-usage_pulse-browser-malformed-missing-viewmode": "Required-Missing",
}
"""What Appsmith's own server refuses too."""


def event(message: dict[str, Any], protocol: Protocol = "segment", kind: str = "") -> RawEvent:
    kind = kind or message.get("type", "track")
    name = message.get("event") or message.get("name")
    return RawEvent("test", protocol, kind, name, message, received_at=0)


def events_of(sample: Path) -> list[RawEvent]:
    request = json.loads(sample.read_text("utf-8"))
    path, body = request["path"], request["body"]
    kinds = {
        "api/v1/usage-pulse": "usage_pulse",
        "api/v1/usage/report": "usage_report",
    }
    if path in kinds:
        return [event(body, "appsmith", kinds[path])]
    if path == "api/v1/installations":
        return [appsmith_events.registered("test", 0.0, body["key"])]
    if path == "import":
        return [event(message, "mixpanel", "event") for message in body]
    return [event(message) for message in body.get("batch", [body])]


def document_sample(name: str) -> dict[str, Any]:
    """A sample of Appsmith's telemetry page, its comments and trailing commas removed."""
    text = (DATA / "document" / f"{name}.jsonc").read_text("utf-8")
    text = re.sub(r"(?m)(?<=[,\s])//.*$", "", text)
    loaded: dict[str, Any] = json.loads(re.sub(r",(\s*[}\]])", r"\1", text))
    return loaded


def planned(catalogue: Catalogue, raw: RawEvent) -> EventPlan:
    plan = catalogue.match(raw)
    assert plan is not None
    assert plan.planned
    return plan


@pytest.mark.parametrize(
    ("sample", "route", "expected"),
    [
        ("1-keep-alive", ("mixpanel", "event"), ("fetch-release-notes-mixpanel", "essential")),
        (
            "2-server-setup",
            ("mixpanel", "event"),
            ("installation-setup-complete-mixpanel", "essential"),
        ),
        ("3-usage-report", ("appsmith", "usage_report"), ("usage-report", "billing")),
        ("4-navigation", ("segment", "track"), ("applications-page-load", "optional")),
        ("5-backend-call", ("segment", "track"), ("execute-action-triggered", "optional")),
    ],
)
def test_the_samples_of_the_document_are_right(
    catalogue: Catalogue, sample: str, route: tuple[Protocol, str], expected: tuple[str, str]
) -> None:
    raw = event(document_sample(sample), *route)
    plan = planned(catalogue, raw)
    assert (plan.name, plan.telemetry_class) == (f"appsmith/{expected[0]}", expected[1])
    result = examine(raw, plan, STRICT)
    assert (result.reason, result.breaches, result.omit) == (None, (), ())


def test_every_field_of_the_document_is_described(catalogue: Catalogue) -> None:
    """A stranger beside the documented fields is seen, so that none of those passes unlisted."""
    for sample in ("1-keep-alive", "2-server-setup", "4-navigation", "5-backend-call"):
        message = document_sample(sample)
        message["properties"]["stranger"] = 1
        protocol: Protocol = "segment" if "type" in message else "mixpanel"
        raw = event(message, protocol, "track" if protocol == "segment" else "event")
        result = examine(raw, catalogue.match(raw), STRICT)
        assert result.omit == (("properties", "stranger"),)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_recorded_requests_are_planned_and_right(catalogue: Catalogue, sample: Path) -> None:
    for raw in events_of(sample):
        plan = planned(catalogue, raw)
        result = examine(raw, plan, STRICT)
        if sample.stem in REFUSED:
            assert [breach.type for breach in result.breaches] == [REFUSED[sample.stem]]
        else:
            assert result.breaches == ()


@pytest.mark.parametrize("side", ["client", "server"])
def test_every_known_name_is_planned(catalogue: Catalogue, side: str) -> None:
    names = (DATA / f"{side}-events.txt").read_text("utf-8").splitlines()
    names = [name for name in names if name.strip()]
    assert len(names) == {"client": 434, "server": 91}[side]
    for name in names:
        plan = planned(catalogue, event({"event": name, "userId": "u", "properties": {}}))
        assert plan.name.startswith("appsmith/")


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("delete_NEWPAGE", "object-lifecycle"),
        ("assigned_users_to_permission_group_ROLE", "access-control"),
        ("archive_APPLICATION", "application-lifecycle"),
        ("publish_APPLICATION_APPLICATION", "publish-application"),
        ("git_commit_APPLICATION", "git"),
        ("update_DATASOURCESTORAGE", "datasource-lifecycle"),
    ],
)
def test_open_families_take_names_that_no_list_has(
    catalogue: Catalogue, name: str, schema: str
) -> None:
    raw = event({"event": name, "userId": "u", "properties": {}})
    assert planned(catalogue, raw).name == f"appsmith/{schema}"


def test_other_products_keep_their_properties(catalogue: Catalogue) -> None:
    for name in ("login", "Order Completed", "update"):
        raw = event({"event": name, "userId": "u", "properties": {"anything": {"at": ["all"]}}})
        assert examine(raw, catalogue.match(raw), Schemas()).omit == ()


def test_classes_are_what_the_document_promises(catalogue: Catalogue) -> None:
    by_class: dict[str, set[str]] = {"essential": set(), "billing": set()}
    for plan in catalogue.plans.values():
        if plan.telemetry_class != "optional":
            by_class[plan.telemetry_class].add(plan.name.removeprefix("appsmith/"))
    assert by_class == {
        "essential": {
            "fetch-release-notes",
            "fetch-release-notes-mixpanel",
            "installation-setup-complete",
            "installation-setup-complete-mixpanel",
            "installation-registered",
            "server-setup-complete",
        },
        "billing": {"usage-pulse", "usage-report"},
    }


@pytest.mark.parametrize(
    ("schema", "annotation"),
    [
        ("widget-property-update", ("/properties/updatedValue", "drop")),
        ("execute-action-triggered", ("/properties/actionConfiguration", "drop")),
        (
            "execute-action-triggered",
            ("/properties/pluginErrorDetails/downstreamErrorMessage", "drop"),
        ),
        ("git", ("/properties/repoUrl", "pseudonymize")),
        ("invite-users", ("/properties/userEmails", "drop")),
        ("route-change", ("/properties/toPath", "strip_query")),
        ("page-load", ("/properties/userData/email", "drop")),
        ("instance-stats", ("/properties/hostname", "pseudonymize")),
        ("page-load", ("/context/device/name", "drop")),
    ],
)
def test_personal_fields_say_what_becomes_of_them(
    catalogue: Catalogue, schema: str, annotation: tuple[str, str]
) -> None:
    assert annotation in catalogue.annotations()[f"appsmith/{schema}"]


def test_billing_is_relayed_as_it_is(catalogue: Catalogue) -> None:
    assert catalogue.annotations()["appsmith/usage-report"] == ()


@pytest.mark.parametrize("file", sorted(SCHEMAS.rglob("*.json")), ids=lambda path: path.stem)
def test_files_are_schemas_by_the_reference_implementation(file: Path) -> None:
    schema = json.loads(file.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    addresses = re.findall(r"[\w.]+@[\w.-]+", json.dumps(schema))
    assert all(address.endswith(".example") for address in addresses)
