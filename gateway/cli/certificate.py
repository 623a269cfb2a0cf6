"""A self-made certificate vouches for its own gateway only: its authority's key is forgotten."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path as FilePath
from typing import TextIO

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.errors import GatewayError

_DAYS = 365
_ALWAYS = ("localhost", "127.0.0.1", "::1")


class CertificateError(GatewayError):
    """The certificate cannot be written."""


EXAMPLE = "gateway certificate config/tls --host gateway.example"


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=FilePath, metavar="DIR", help="where to write it")
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or address that clients use, beside localhost; may be repeated",
    )


def run(given: argparse.Namespace, _environment: Mapping[str, str], out: TextIO) -> int:
    """Raises CertificateError."""
    return write(given.folder, given.host, out)


def write(folder: FilePath, hosts: Sequence[str], out: TextIO) -> int:
    """Write `ca.crt`, `gateway.crt` and `gateway.key`. Raises CertificateError."""
    names = list(dict.fromkeys([*hosts, *_ALWAYS]))
    authority, certificate, key = _made(names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "gateway.key", key, 0o600)
        _write(folder / "gateway.crt", certificate + authority, 0o644)
        _write(folder / "ca.crt", authority, 0o644)
    except FileExistsError as error:
        raise CertificateError(f"{error.filename} is there already; nothing was replaced") from None
    except OSError as error:
        raise CertificateError(f"{folder}: {error.strerror}") from None
    print(_usage(folder, names), file=out)
    return 0


def _usage(folder: FilePath, names: Sequence[str]) -> str:
    folder = folder.resolve()
    return (
        f"for {', '.join(names)}; good for {_DAYS} days\n"
        f"clients trust {folder / 'ca.crt'}\n"
        "gateway.yaml takes:\n\n"
        "tls:\n"
        "  listen: 127.0.0.1:8443\n"
        f"  cert: {folder / 'gateway.crt'}\n"
        f"  key: {folder / 'gateway.key'}"
    )


def _made(hosts: Sequence[str]) -> tuple[bytes, bytes, bytes]:
    """Authority, certificate and key, as PEM."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name("Self-made authority of a telemetry gateway")
    authority = (
        _begun(issuer, issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _begun(_name(hosts[0]), issuer, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([*map(_host, hosts)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return authority.public_bytes(pem), certificate.public_bytes(pem), private


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a client's clock may be a little behind
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        try:
            return x509.DNSName(host)
        except ValueError:
            raise CertificateError("a host name must be ASCII; write its xn-- form") from None


def _write(file: FilePath, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, mode), "wb") as stream:
        stream.write(content)
