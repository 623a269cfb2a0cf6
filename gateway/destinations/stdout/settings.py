"""What standard output may say in routing.yaml."""

from __future__ import annotations

from typing import Literal

from gateway.config.routing import Guarded


class StdoutSettings(Guarded):
    """Standard output, one clean Segment-shaped message a line. The log goes to standard error."""

    type: Literal["stdout"]

    @property
    def takes_stdout(self) -> bool:
        return True
