"""What the journal keeps of one request: `received = accepted + rejected(reason)`, always.

Pure: decisions and refusals in, one encoded block out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from gateway.event import CleanBytes, Decision, Reason, TelemetryClass
from gateway.ingest import Intake
from gateway.journal import EncodedBlock, encoded
from gateway.pipeline import audit_line
from gateway.pipeline.decide import Rules
from gateway.revisions import Revisions
from gateway.telemetry import switch_history

NO_JOINS: Mapping[bytes, Decision] = MappingProxyType({})


def block_of(
    intake: Intake,
    decisions: Sequence[Decision],
    rules: Rules,
    now: float,
    joins: Mapping[bytes, Decision] = NO_JOINS,
) -> EncodedBlock:
    """`rules`: that the events were decided under. `now`: epoch seconds. `joins`: see `Joins`."""
    kept = [*decisions, *joins.values()] if joins else decisions
    return encoded(
        events=[decision.event for decision in kept if decision.event],
        audit=[
            *[line for line in map(audit_line.line, decisions) if line],
            *intake.audit,
            *_lost_pieces(intake, rules.revisions, now),
        ],
        counts=_counts(intake, kept, rules.switches.period),
        seen=_seen(intake.digests, decisions) + b"".join(joins),
    )


def _lost_pieces(intake: Intake, revisions: Revisions, now: float) -> Iterator[CleanBytes]:
    for refusal in intake.refusals:
        if refusal.reason is Reason.MALFORMED:
            line = audit_line.lost_piece(
                intake.protocol, refusal.source, refusal.type, now, revisions
            )
            yield from [line] * refusal.count


def _counts(intake: Intake, decisions: Sequence[Decision], period: int) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for (source, telemetry_class, reason), count in Counter(map(_fate, decisions)).items():
        counts[f"received/{source}"] += count
        if telemetry_class:
            counts[switch_history.counter(telemetry_class, reason, period)] += count
        if reason:
            counts[f"rejected/{reason}"] += count
    for marks, decision in zip(intake.marks, decisions, strict=False):
        for counter, growth in marks if decision.event else ():
            counts[counter] += growth
    for refusal in intake.refusals:
        counts[f"received/{refusal.source}"] += refusal.count
        counts[f"rejected/{refusal.reason}"] += refusal.count
    return counts


def _fate(decision: Decision) -> tuple[str, TelemetryClass | None, Reason | None]:
    """What is counted of a decision: its source, its class, and why it was rejected."""
    reason = decision.reason if decision.event is None else None
    return decision.source, decision.telemetry_class, reason


def _seen(digests: Sequence[bytes | None], decisions: Sequence[Decision]) -> bytes:
    """The digests of what is accepted: only that is kept, so only that is remembered."""
    return b"".join(
        [
            digest
            for digest, decision in zip(digests, decisions, strict=False)
            if digest and decision.event
        ]
    )
