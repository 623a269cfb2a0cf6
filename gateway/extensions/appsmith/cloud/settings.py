"""What the destination for usage pulses may say in routing.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.config.routing import Guarded
from gateway.config.values import HttpUrl, Seconds


class CloudSettings(Guarded):
    """Appsmith's cloud services, which bill by the usage pulses that this destination reports."""

    type: Literal["cloud"]
    license_key: str = Field(min_length=1, repr=False)
    """Signs the reports of instances that have no `license_key` of their own under
    `appsmith.instances`."""
    host: HttpUrl = "https://cs.appsmith.com"
    """Scheme, host and path; `/api/v1/usage/report` is added."""
    interval: Seconds = Field(default=3600, ge=0)
    """How long pulses wait for company, so that reports leave once in this time."""
    timeout: Seconds = Field(default=30, gt=0)
    """How long one request may take, from the first byte to the last."""
