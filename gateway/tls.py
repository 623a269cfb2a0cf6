"""A certificate is usable, or the gateway says so before it relies on it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import NamedTuple


class Pair(NamedTuple):
    """PEM files: a certificate with its chain, and its key."""

    cert: FilePath
    key: FilePath


def problem(pair: Pair) -> str | None:
    """What keeps the pair from being served, or None."""
    for file in pair:
        try:
            file.open("rb").close()
        except OSError as error:
            return f"{file}: {error.strerror}"
    try:
        context(pair)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{pair.key} is not the key of {pair.cert}"
        return f"{pair.cert} and {pair.key} are no PEM certificate with its unencrypted key"
    return None


def stands_for(pair: Pair, host: str) -> bool:
    """Whether a client that asks for the host believes the certificate. It must be usable."""
    from cryptography import x509  # noqa: PLC0415 (large, and few gateways need it)

    certificate = x509.load_pem_x509_certificate(pair.cert.read_bytes())
    try:
        extension = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return False
    names = {name.lower() for name in extension.get_values_for_type(x509.DNSName)}
    return not names.isdisjoint((host.lower(), f"*.{host.lower().partition('.')[2]}"))


def context(pair: Pair) -> ssl.SSLContext:
    """What a listener serves with, TLS 1.2 and later. Raises OSError or ssl.SSLError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    # An encrypted key must be a mistake, not a question on the terminal.
    made.load_cert_chain(pair.cert, pair.key, password=lambda: "")
    return made


def serving(in_force: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """What a listener keeps for good: each new connection is served with the context in force."""
    kept = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    kept.minimum_version = ssl.TLSVersion.TLSv1_2
    kept.set_alpn_protocols(["http/1.1"])

    def choose(connection: ssl.SSLObject | ssl.SSLSocket, *_: object) -> None:
        connection.context = in_force()

    kept.sni_callback = choose
    return kept
