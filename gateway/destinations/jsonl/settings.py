"""What a file destination may say in routing.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.config.routing import Common
from gateway.config.values import Bytes


class FileSettings(Common):
    """JSON lines in a folder, one clean Segment-shaped message a line."""

    type: Literal["file"]
    path: str
    """Folder, relative to data_dir."""
    rotate_bytes: Bytes = Bytes(64 * 1024**2)
    """Size at which a new file begins; a new day (UTC) begins one too."""
    keep_days: int = Field(default=0, ge=0)
    """Days after which a rotated file is deleted. 0: never."""

    @property
    def folder(self) -> str:
        return self.path
