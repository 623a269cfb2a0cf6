"""The counters make the equation visible; the configuration bounds the values of each label.

    received = accepted + rejected(reason)
    accepted = delivered + pending + filtered(reason) + dead(reason)      for each destination

All numbers of one scrape come from one look at the journal, so the equation holds in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from gateway.samples import Distribution, Samples


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, as the scrape and the reference name it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


METRICS = (
    Metric("gateway_events_received_total", "counter", ("source",), "Events in readable requests."),
    Metric("gateway_events_accepted_total", "counter", (), "Events made durable."),
    Metric("gateway_events_rejected_total", "counter", ("reason",), "Events not accepted."),
    Metric(
        "gateway_destination_delivered_total",
        "counter",
        ("destination",),
        "Events delivered to the destination.",
    ),
    Metric(
        "gateway_destination_filtered_total",
        "counter",
        ("destination", "reason"),
        "Accepted events that are filtered for the destination.",
    ),
    Metric(
        "gateway_destination_dead_events",
        "gauge",
        ("destination", "reason"),
        "Accepted events that became dead letters. Falls when some are replayed.",
    ),
    Metric(
        "gateway_destination_replaying_events",
        "gauge",
        ("destination",),
        "Dead letters that are being replayed; they count as pending.",
    ),
    Metric(
        "gateway_destination_discarded_total",
        "counter",
        ("destination",),
        "Dead letters that were discarded; they still count as dead.",
    ),
    Metric(
        "gateway_destination_expired_total",
        "counter",
        ("destination",),
        "Dead letters that were discarded because they were older than `retention.dead_letters`.",
    ),
    Metric(
        "gateway_files_expired_total",
        "counter",
        ("part",),
        "Files of events, audit or quarantine that retention deleted since the start.",
    ),
    Metric(
        "gateway_destination_requests",
        "gauge",
        ("destination",),
        "Concurrent requests that the destination gets at the moment.",
    ),
    Metric(
        "gateway_egress_leaks_total",
        "counter",
        ("destination", "kind"),
        "Leaks that the egress guard found in finished requests since the start.",
    ),
    Metric(
        "gateway_destination_scrubbed_again_total",
        "counter",
        ("destination",),
        "Events that were accepted under an older policy, and from which the one in force removed"
        " more before they were sent, since the start.",
    ),
    Metric(
        "gateway_destination_left_out_total",
        "counter",
        ("destination", "part", "reason"),
        "Parts of delivered events that the vendor would have refused, such as an increment that is"
        " no number, since the start.",
    ),
    Metric(
        "gateway_destination_pending_events",
        "gauge",
        ("destination",),
        "Accepted events not yet settled for the destination.",
    ),
    Metric(
        "gateway_destination_waiting",
        "gauge",
        ("destination",),
        "1 while the destination cannot be written to and its events wait.",
    ),
    Metric(
        "gateway_destination_waiting_since_seconds",
        "gauge",
        ("destination",),
        "Unix time of the first failure. Absent while the destination does not wait.",
    ),
    Metric(
        "gateway_destination_next_try_seconds",
        "gauge",
        ("destination",),
        "Unix time of the next try. Absent while the destination does not wait.",
    ),
    Metric(
        "gateway_fields_changed_total",
        "counter",
        ("rule", "action"),
        "Fields the policy removed or changed since the start.",
    ),
    Metric(
        "gateway_requests_refused_total",
        "counter",
        ("protocol", "code"),
        "Requests answered with an error since the start.",
    ),
    Metric(
        "gateway_paths_refused_total",
        "counter",
        ("path", "method", "code"),
        "The same by the shape of their path: a route's pattern, `*/batch` and the like for a path"
        " that nobody serves, or `other`.",
    ),
    Metric(
        "gateway_connections",
        "gauge",
        ("listener",),
        "Open connections of SDK traffic, plain, TLS and by the forward proxy, and of admin.",
    ),
    Metric(
        "gateway_connections_ended_total",
        "counter",
        ("listener", "cause"),
        "Connections that the gateway refused (`address`: too many of it, `all`: too many) or ended"
        " (`evicted` for another, `head_timeout`, `write_timeout`, `handshake`) since the start.",
    ),
    Metric(
        "gateway_forward_proxy_connections_total",
        "counter",
        ("fate",),
        "Connections to the forward proxy since the start: answered here, led through, refused, or"
        " unreachable.",
    ),
    Metric("gateway_journal_bytes", "gauge", (), "Size of the journal on disk."),
    Metric(
        "gateway_journal_full_seconds",
        "gauge",
        (),
        "When the journal or its disk is full at the rate of the last minutes. Absent: never.",
    ),
    Metric(
        "gateway_disk_free_bytes",
        "gauge",
        (),
        "Free space on the journal's disk that may still be used.",
    ),
    Metric(
        "gateway_data_bytes",
        "gauge",
        ("part",),
        "Space that the gateway's files take on disk: journal, audit, events, quarantine, dedup,"
        " what extensions keep, other.",
    ),
    Metric("gateway_ready", "gauge", (), "1 while events can be accepted durably."),
    Metric(
        "gateway_policy_revision",
        "gauge",
        (),
        "Number of the policy in force: another content of privacy.yaml has another, the same"
        " content the same.",
    ),
    Metric(
        "gateway_schema_revision",
        "gauge",
        (),
        "Number of the schemas in force, in the same way.",
    ),
    Metric(
        "gateway_event_loop_stall_seconds",
        "histogram",
        (),
        "How late the event loop was, measured 20 times a second since the start.",
    ),
    Metric(
        "gateway_log_lines_dropped_total",
        "counter",
        (),
        "Log lines dropped since the start, because nobody read standard error.",
    ),
)

_FAMILIES: Mapping[str, Any] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


class _Snapshot(Collector):
    def __init__(self, metrics: Iterable[Metric], samples: Samples) -> None:
        self._metrics = metrics
        self._samples = samples

    def collect(self) -> Iterable[Family]:
        for metric in self._metrics:
            made = _FAMILIES[metric.kind](metric.name, metric.meaning, labels=metric.labels)
            for labels, value in self._samples.get(metric.name, {}).items():
                if isinstance(value, Distribution):
                    made.add_metric(labels, buckets=value.buckets, sum_value=value.sum)
                else:
                    made.add_metric(labels, value)
            yield made


def exposition(samples: Samples, more: Sequence[Metric] = ()) -> bytes:
    """The text that Prometheus scrapes. `more`: the metrics of extensions."""
    registry = CollectorRegistry()
    registry.register(_Snapshot((*METRICS, *more), samples))
    return generate_latest(registry)
