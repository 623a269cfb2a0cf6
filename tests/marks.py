"""What several tests cannot do without, as one mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., object])


def needs(*several: Mapping[str, str]) -> Callable[[Test], Test]:
    """`pytest.mark.needs` for each part of the machine and the command that brings it."""

    def mark(test: Test) -> Test:
        for parts in several:
            for what, command in parts.items():
                test = pytest.mark.needs(what, command)(test)
        return test

    return mark
