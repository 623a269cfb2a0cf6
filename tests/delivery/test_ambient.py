"""Nothing that lies about in a home folder or an environment changes what is sent to a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.config.model import Outbound
from gateway.config.outgoing import HOPS, Outgoing, Proxies, hops_in, shown
from tests.extensions.appsmith.instances import settings
from tests.fakes import vendor
from tests.fakes.certificate import self_signed
from tests.fakes.cloud_services import CloudServices
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.segment import FakeSegment
from tests.fakes.vendor import Vendor
from tests.telemetry.conftest import gateway_command
from tests.wire.running import WRITE_KEY, running, until

PULSE = {"viewMode": True, "anonymousUserId": "a-1"}


def oauth(fake: FakeSegment) -> dict[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    fake.public_key = key.public_key()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = {"client_id": "c", "key_id": "k", "private_key": pem.decode()}
    return {**signer, "auth_server": fake.url}


def assert_no_secrets(file: Path) -> None:
    """Python writes its first line as soon as any library makes a context of its own."""
    lines = file.read_text().splitlines() if file.exists() else []
    assert all(line.startswith("#") for line in lines)


def headers(fake: Vendor) -> dict[str, Mapping[str, str]]:
    """Of the first request to each path; how long a body is says nothing."""
    first = {request.url.partition("?")[0]: request for request in reversed(fake.seen)}
    return {
        path: {k: v for k, v in request.headers.items() if k != "Content-Length"}
        for path, request in first.items()
    }


async def test_no_file_and_no_variable_changes_a_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        vendor.running(FakeSegment()) as basic,
        vendor.running(FakeSegment()) as signed,
        vendor.running(FakeMixpanel()) as mixpanel,
        vendor.running(CloudServices()) as cloud,
    ):
        fakes: tuple[Vendor, ...] = (basic, signed, mixpanel, cloud)
        of_segment = {"type": "segment", "write_key": basic.write_key}
        given = settings(
            tmp_path, upstream=cloud.url, cloud={"host": f"{cloud.url}/base", "interval": 0}
        )
        routing = yaml.safe_load((tmp_path / "routing.yaml").read_text())
        routing["destinations"] |= {
            "basic": {**of_segment, "host": basic.url},
            "signed": {**of_segment, "host": signed.url, "oauth": oauth(signed)},
            "mixpanel": {"type": "mixpanel", "token": mixpanel.token, "host": mixpanel.url},
        }
        routing["routes"].append({"name": "all", "to": ["basic", "signed", "mixpanel"]})
        (tmp_path / "routing.yaml").write_text(yaml.safe_dump(routing))

        async def once() -> list[dict[str, Mapping[str, str]]]:
            for fake in fakes:
                fake.seen.clear()
            async with aiohttp.ClientSession() as session:
                track = {"event": "E", "userId": "u", "writeKey": WRITE_KEY}
                async with session.post(f"{gateway.url}/v1/track", json=track) as answer:
                    assert answer.status == 200
                async with session.post(
                    f"{gateway.url}/v1/identify", json={**track, "traits": {"plan": "pro"}}
                ) as answer:
                    assert answer.status == 200
                async with session.post(f"{gateway.url}/api/v1/usage-pulse", json=PULSE) as answer:
                    assert answer.status == 201, await answer.text()
                async with session.get(f"{gateway.url}/api/v1/ip") as answer:
                    assert answer.status == 200
            wanted = ({"/v1/batch"}, {"/v1/batch", "/token"}, {"/import", "/engage"},
                      {"/base/api/v1/usage/report", "/api/v1/ip"})  # fmt: skip
            await until(
                lambda: all(
                    paths <= headers(fake).keys() for paths, fake in zip(wanted, fakes, strict=True)
                ),
                30,
                lambda: f"{[headers(fake).keys() for fake in fakes]}\n{gateway.log}",
            )
            return [
                {path: headers(fake)[path] for path in paths}
                for paths, fake in zip(wanted, fakes, strict=True)
            ]

        async with running(tmp_path, **given) as gateway:
            usual = await once()
            await gateway.stop()
            netrc = "default login anonymous password me@x.example\n"
            for name in (".netrc", "_netrc", "other"):
                (tmp_path / name).write_text(netrc)
                (tmp_path / name).chmod(0o600)
            for name, value in {
                "HOME": str(tmp_path),
                "NETRC": str(tmp_path / "other"),
                "SSLKEYLOGFILE": str(tmp_path / "keys.log"),
                "REQUESTS_CA_BUNDLE": str(tmp_path / "nothing.pem"),
                "HTTP_PROXY": "http://user:secret@127.0.0.1:9",
                "NO_PROXY": "127.0.0.1",
                "TZ": "Asia/Kolkata",
                "LC_ALL": "de_DE.UTF-8",
                "MIXPANEL_TOKEN": "another",
                "SEGMENT_WRITE_KEY": "another",
            }.items():
                monkeypatch.setenv(name, value)
            await gateway.start()
            ambient = await once()
        for before, after in zip(usual, ambient, strict=True):
            for path, sent in before.items():
                if path == "/v1/batch" and sent["Authorization"].startswith("Bearer"):
                    assert after[path]["Authorization"].startswith("Bearer")
                    after[path] = {**after[path], "Authorization": sent["Authorization"]}
                assert list(after[path].items()) == list(sent.items()), path
        assert_no_secrets(tmp_path / "keys.log")


async def test_a_key_log_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has it can read what TLS hides."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    async with vendor.running(FakeSegment(), self_signed(tmp_path)) as fake:
        routing = {
            "destinations": {"s": {"type": "segment", "write_key": fake.write_key,
                                   "host": fake.url}},
            "routes": [{"name": "all", "to": ["s"]}],
        }  # fmt: skip
        (tmp_path / "routing.yaml").write_text(yaml.safe_dump(routing))
        given = {
            "routing": "routing.yaml",
            "outbound": {"proxy": "http://user:secret@127.0.0.1:9", "no_proxy": "127.0.0.0/8"},
        }
        async with (
            running(tmp_path, **given) as gateway,
            aiohttp.ClientSession() as session,
        ):
            track = {"event": "E", "userId": "u", "writeKey": WRITE_KEY}
            async with session.post(f"{gateway.url}/v1/track", json=track) as answer:
                assert answer.status == 200
            await until(lambda: bool(fake.messages), 30, lambda: gateway.log)
            said = await gateway_command(tmp_path, "check", "--config", "gateway.yaml")
            assert said.code == 0, said.error
            assert "through the proxy for https http://127.0.0.1:9" in said.out
            assert f"trusts {tmp_path}/server.pem" in said.out
            assert "secret" not in said.out
    assert_no_secrets(tmp_path / "keys.log")


USUAL = {"HTTPS_PROXY": "http://s:1", "HTTP_PROXY": "http://h:1", "NO_PROXY": "a.test, 10.0.0.0/8"}


@pytest.mark.parametrize(
    ("given", "environment", "url", "proxy"),
    [
        ({}, {}, "https://v.test", None),
        ({}, USUAL, "https://v.test", "http://s:1"),
        ({}, USUAL, "http://v.test/v1", "http://h:1"),
        ({}, USUAL, "https://b.a.test", None),
        ({}, USUAL, "https://ba.test", "http://s:1"),
        ({}, USUAL, "http://10.2.3.4:80", None),
        ({}, {"https_proxy": "http://low:1", **USUAL}, "https://v.test", "http://low:1"),
        ({}, {"ALL_PROXY": "all:1"}, "https://v.test", "http://all:1"),
        ({}, {**USUAL, "no_proxy": "*"}, "https://v.test", None),
        ({"proxy": "none"}, USUAL, "https://v.test", None),
        ({"proxy": ""}, USUAL, "https://v.test", "http://s:1"),
        ({"proxy": "http://own:1"}, USUAL, "http://v.test", "http://own:1"),
        ({"proxy": "http://own:1"}, USUAL, "http://a.test", None),
        ({"proxy": "http://own:1", "no_proxy": []}, USUAL, "http://a.test", "http://own:1"),
        ({"no_proxy": ["v.test:8443"]}, USUAL, "https://v.test:8443", None),
        ({"no_proxy": ["v.test:8443"]}, USUAL, "https://v.test", "http://s:1"),
        ({"no_proxy": ["fd00::/8", "[::1]"]}, USUAL, "https://[fd00::1]:8443", None),
        ({"no_proxy": ["fd00::/8", "[::1]"]}, USUAL, "https://[::1]:8443", None),
    ],
)
def test_which_proxy_leads_where(
    given: Mapping[str, object], environment: Mapping[str, str], url: str, proxy: str | None
) -> None:
    outgoing = Outgoing.of(Outbound.model_validate(given), environment)
    assert outgoing.proxies.of(url) == proxy


def test_what_is_shown_of_a_proxy_lets_nobody_in() -> None:
    proxies = Proxies("http://me:secret@h:1", "http://me:secret@s:1", ("a.test",))
    assert shown(Outgoing(proxies)) == [
        "through the proxy for https http://s:1, http http://h:1",
        "without it to a.test",
    ]


@pytest.mark.parametrize(
    ("said", "marks"),
    [
        ("f123456789abcdef", ("f123456789abcdef",)),
        (" f123456789abcdef ,fedcba9876543210", ("f123456789abcdef", "fedcba9876543210")),
        ("maria@kunde.example, f123456789abcdeff123456789abcdef, F123456789ABCDEF", ()),
        ("5555555555554444, 0123456789abcdef", ()),
        (", ".join(["f123456789abcdef"] * 1000), ("f123456789abcdef",) * 64),
        ("", ()),
    ],
)
def test_a_client_cannot_say_anything_by_marks(said: str, marks: tuple[str, ...]) -> None:
    assert hops_in({HOPS: said}) == marks
    sent = Outgoing(mark="ffffffffffffffff").hops(map("f{:015x}".format, range(1000)))
    assert len(sent[HOPS].split(", ")) == 64
    assert sent[HOPS].startswith("ffffffffffffffff")
