"""Policies as people write them, compiled with a key of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import pytest

from gateway.config.privacy import Action, Policy
from gateway.config.source import load
from gateway.event import Protocol, RawEvent
from gateway.privacy import CompiledPolicy, Pseudonymizer, compile_policy

DEFAULT = FilePath(__file__).parents[2] / "config" / "privacy.yaml"

Compile = Callable[..., CompiledPolicy]
MakeEvent = Callable[..., RawEvent]


@pytest.fixture(scope="session")
def pseudonymizer(tmp_path_factory: pytest.TempPathFactory) -> Pseudonymizer:
    return Pseudonymizer.open(tmp_path_factory.mktemp("keys"), "hex")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory, pseudonymizer: Pseudonymizer) -> Compile:
    """Compiles the text of a privacy.yaml; without one, the file that people get."""

    def compile_text(
        text: str | None = None,
        annotations: Mapping[str, Sequence[tuple[str, Action]]] | None = None,
        keys: Pseudonymizer = pseudonymizer,
    ) -> CompiledPolicy:
        file = DEFAULT
        if text is not None:
            file = tmp_path_factory.mktemp("policy") / "privacy.yaml"
            file.write_text(text)
        document = load(file, {})
        return compile_policy(
            Policy.model_validate(document.value), document, annotations or {}, keys
        )

    return compile_text


@pytest.fixture(scope="session")
def default(compiled: Compile) -> CompiledPolicy:
    return compiled()


@pytest.fixture(scope="session")
def event() -> MakeEvent:
    """A raw event around a message."""

    def make(
        message: dict[str, Any],
        protocol: Protocol = "segment",
        *,
        source: str = "demo",
        address: str | None = None,
    ) -> RawEvent:
        kind = message.get("type", "track" if protocol == "segment" else "event")
        name = message.get("event") or message.get("name")
        return RawEvent(source, protocol, str(kind), name, message, 1.0, address)

    return make
