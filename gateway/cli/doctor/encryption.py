"""Which keys the stored events need, and which of those in gateway.yaml nobody needs any more."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.cli.doctor.finding import Finding
from gateway.config import Configuration
from gateway.encryption import PLAIN, Keyring
from gateway.errors import JournalError
from gateway.journal.sqlite.snapshot import looking
from gateway.quarantine import keys_in

_RUNNING = "a running gateway brings them under the key of today; ask again later"


def findings(configuration: Configuration, ring: Keyring | None) -> Iterator[Finding]:
    """Nothing where encryption is off and has not been on."""
    data_dir = configuration.gateway.data_dir
    needed = keys_in(data_dir / "quarantine")
    try:
        with looking(data_dir / "journal", ring) as look:
            needed |= look.keys()
    except (FileNotFoundError, JournalError):
        pass  # another finding says so
    ids = ring.ids if ring else frozenset()
    if ring is None and not needed - {PLAIN}:
        return
    yield from _needed(needed - {ring.writes if ring else PLAIN}, ids)
    if ring and ring.current:
        yield Finding("encryption", "good", f"new events are encrypted with the key {ring.writes}")
    else:
        yield Finding("encryption", "good", "new events are not encrypted")
    for key in sorted(ids - needed - {ring.writes if ring else PLAIN}):
        yield Finding(
            "encryption", "warning", f"nothing needs the key {key} any more",
            "take it out of `encryption.previous`",
        )  # fmt: skip


def _needed(needed: frozenset[str], at_hand: frozenset[str]) -> Iterator[Finding]:
    for key in sorted(needed):
        if key == PLAIN:
            yield Finding(
                "encryption", "warning", "some events of before are not encrypted, or the file "
                "was not rewritten since they were", _RUNNING,
            )  # fmt: skip
        elif key in at_hand:
            yield Finding("encryption", "warning", f"events need the key {key} still", _RUNNING)
        else:
            yield Finding(
                "encryption", "bad", f"events need the key {key}, and it is not configured",
                "set the right `encryption.key`, or add it to `encryption.previous`",
            )  # fmt: skip
