"""A value a person writes is read in one way everywhere: sizes, durations, addresses, networks."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    PlainSerializer,
)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_API_PATH = re.compile(r"/+v1(?:/+(?:batch|import|b|track|t)?)?$", re.IGNORECASE)
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Settings(BaseModel):
    """The base of every configuration model: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Listen(NamedTuple):
    """Where a listener binds."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _listen(value: Any) -> Any:
    if isinstance(value, Listen):
        return value
    host, colon, port = str(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError("write HOST:PORT, for example 127.0.0.1:8080")
    return Listen(host or "0.0.0.0", int(port))  # noqa: S104 (":8080" means every interface)


def seconds(value: Any) -> Any:
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if not parts or _DURATION.sub("", value).strip():
            raise ValueError("write a duration such as 500ms, 30s, 5m, 2h or 7d")
        return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    if not is_whole or parts.query or parts.fragment:
        raise ValueError("write an address such as https://api.example.com")
    return value.rstrip("/")


def _proxy_url(value: str) -> str | None:
    if value in ("", "none"):
        return value or None
    parts = urlsplit(value)
    is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    if not is_whole or parts.path.strip("/"):
        raise ValueError("write http://HOST:PORT, or `none`")
    return value.rstrip("/")


def _network(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("write a network such as 10.0.0.0/8 or one address") from None


def _header_name(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("write the name of a header, such as X-Real-IP")
    return value


def _without_path_of_api(value: str) -> str:
    """SDKs want a host with `/v1` or without; the gateway adds the whole path itself."""
    return _API_PATH.sub("", value)


def _many(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], BeforeValidator(_many)]
"""A list, where one value may stand for a list of one."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ListenAddress = Annotated[Listen, BeforeValidator(_listen), PlainSerializer(str)]
Seconds = Annotated[float, BeforeValidator(seconds)]
Age = Annotated[Seconds, Field(ge=3600)] | Literal["forever"]
"""How long something is kept."""
NetworkAddress = Annotated[Network, BeforeValidator(_network), PlainSerializer(str)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
ApiUrl = Annotated[str, AfterValidator(_http_url), AfterValidator(_without_path_of_api)]
"""The host of an API of Segment's form; a path that ends in its `/v1` is read without that."""
HeaderName = Annotated[str, AfterValidator(_header_name)]
ProxyUrl = Annotated[str, AfterValidator(_proxy_url)]
Bytes = ByteSize
