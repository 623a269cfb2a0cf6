"""What `check` says of a policy that starts, and hardly means what its author meant."""

from __future__ import annotations

from pathlib import Path as FilePath

import pytest

from gateway.config.privacy import Policy
from gateway.config.source import load
from gateway.privacy.policy.lint import Findings, Known, exempted, lint

CONFIG = FilePath(__file__).parents[3] / "config"
KNOWN = Known(
    events=frozenset({"Loan Requested"}),
    globs=frozenset({"Step *"}),
    words=frozenset({"customerNumber", "properties"}),
)


def linted(tmp_path: FilePath, text: str) -> Findings:
    file = tmp_path / "privacy.yaml"
    file.write_text(text)
    document = load(file, {})
    return lint(Policy.model_validate(document.value), document, KNOWN)


def rule(match: str, action: str = "drop") -> str:
    return f"rules:\n  - {{id: a, match: {match}, action: {action}}}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (rule("{path: /propertes/email}"), ["`propertes`", "did you mean `properties`"]),
        (rule("{path: /userid}"), ["did you mean `userId`"]),
        (rule("{path: /context/pages/url}"), ["`pages`", "did you mean `page`"]),
        (rule("{path: /traits/x, event: [Ordr Completed]}"), ["did you mean `Order Completed`"]),
        (rule("{path: /traits/x, event: [loan requested]}"), ["did you mean `Loan Requested`"]),
        (rule("{path: /properties/user, key: name}"), ["`a` can never match", "`/*`"]),
        (rule("{path: /traits/x, event: [E], type: [identify]}"), ["never match", "no names"]),
        (rule("{path: /traits/x}") + "keep: [/trait/y]\n", ["did you mean `traits`"]),
        (
            rule("{path: /traits/x, where: {path: /contex/ip, equals: a}}"),
            ["did you mean `context`"],
        ),
    ],
)
def test_what_is_surely_wrong(tmp_path: FilePath, text: str, words: list[str]) -> None:
    found = linted(tmp_path, text)
    message = "\n".join(map(str, found.wrong))
    for word in words:
        assert word in message
    assert ":0:" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("client_ip: drop\n", ["no rules", "leaves as it came"]),
        ("default: drop\n", ["no rules", "only ids"]),
        ("keep: [/properties/a]\n", ["no rules", "`keep` names exceptions"]),
        (rule("{path: /basket/total}"), ["`basket`"]),
        (rule("{path: /properties/customerNumbr}"), ["did you mean `customerNumber`"]),
        (rule("{path: /traits/x, event: [My Thing]}"), ["`My Thing`"]),
        (rule("{path: /traits/x, event: ['Zoo *']}"), ["`Zoo *` matches no event"]),
        (rule("{path: /traits/x}") + "keep: [/traits]\n", ["`a` takes nothing"]),
    ],
)
def test_what_may_be_meant(tmp_path: FilePath, text: str, words: list[str]) -> None:
    found = linted(tmp_path, text)
    assert not found.wrong
    message = "\n".join(map(str, found.notes))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "text",
    [
        rule(
            "{path: [/properties/x, '/**/x', '/$set/city', /context/page/url, /usageData/*/user]}"
        ),
        rule("{path: [/properties/*, '/traits/**'], key: name}"),
        rule("{path: /traits/name, key: NAME}"),
        rule("{path: /properties/x, event: [Order Completed, Loan Requested, Step 1, 'Loan *']}"),
        rule("{path: /properties/x, event: ['Step *']}"),
        rule("{path: /properties/x, event: [X], type: [identify, track]}").replace(
            "[X], ", "[Step 2], "
        ),
        rule("{kind: email}") + "keep: [/properties/customerNumber]\n",
    ],
)
def test_what_is_good(tmp_path: FilePath, text: str) -> None:
    found = linted(tmp_path, text)
    assert (found.wrong, found.notes) == ([], [])


@pytest.mark.parametrize("name", ["privacy.yaml", "appsmith/privacy.yaml"])
def test_nothing_is_surely_wrong_in_what_people_copy(name: str) -> None:
    document = load(CONFIG / name, {})
    assert not lint(Policy.model_validate(document.value), document, Known()).wrong


def test_what_keep_exempts() -> None:
    document = load(CONFIG / "privacy.yaml", {})
    policy = Policy.model_validate(document.value)
    assert "secrets-in-text" in exempted(policy, "/properties/support_email")
    assert "user-ids" not in exempted(policy, "/properties/support_email")
    assert "user-ids" in exempted(policy, "/traits/id")
