"""Prometheus instruments of the platform: prefix `tam_`, base units, ids never as labels.

A metric is here because an alert or a dashboard panel uses it.
"""

from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

# When a counter was made nobody asks, and it would be a series more for each.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry(auto_describe=True)
# Memory, CPU and open files of the process, under the names that all Prometheus clients give them; one look at /proc.
ProcessCollector(registry=REGISTRY)


class FigureGauge(Collector):
    """A gauge without labels that is not there while there is nothing to say: NaN would be shown as a figure."""

    def __init__(self, name: str, text: str, *, registry: CollectorRegistry) -> None:
        self._name, self._text = name, text
        self._value: float | None = None
        registry.register(self)

    def set(self, value: float | None) -> None:
        """Show this from now on; None: nothing."""
        self._value = value

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The family, with its one sample if there is one."""
        yield GaugeMetricFamily(self._name, self._text, value=self._value)


# Jobs take what they take: these tell a quick one from a slow one, and each job has all of them.
_JOB_SECONDS = (0.01, 0.1, 1.0, 10.0, 60.0)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

HTTP_REQUESTS = Counter(
    "tam_http_requests", "Requests answered.", ["service", "route", "method", "code"], registry=REGISTRY
)
HTTP_SECONDS = Histogram(
    "tam_http_request_seconds", "Time to answer.", ["service", "route", "method"], buckets=_SECONDS, registry=REGISTRY
)
HTTP_IN_FLIGHT = Gauge("tam_http_requests_in_flight", "Requests being answered.", registry=REGISTRY)

INGEST_ACCEPTED = Counter("tam_ingest_accepted_events", "Events stored.", ["source", "call"], registry=REGISTRY)
INGEST_REJECTED = Counter("tam_ingest_rejected_events", "Events refused.", ["source", "reason"], registry=REGISTRY)

BUS_APPENDED = Counter("tam_bus_appended_records", "Records stored on the bus.", ["topic"], registry=REGISTRY)
BUS_APPEND_SECONDS = Histogram(
    "tam_bus_append_seconds", "Time until a group of records was durable.", buckets=_SECONDS, registry=REGISTRY
)

CONSUMED = Counter(
    "tam_consumer_records",
    "Records by outcome: handled, repeated, skipped, dead.",
    ["consumer", "outcome"],
    registry=REGISTRY,
)
SUPPRESSED = Counter(
    "tam_suppressed_events",
    "Events about people who were erased, which were dropped.",
    ["consumer"],
    registry=REGISTRY,
)
HANDLER_SECONDS = Histogram(
    "tam_consumer_batch_seconds",
    "Time of a batch, from transaction to commit.",
    ["consumer"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
CONSUMER_RETRIES = Counter(
    "tam_consumer_retries", "Batches rolled back and tried again.", ["consumer", "error"], registry=REGISTRY
)
CONSUMER_FENCED = Counter(
    "tam_consumer_fenced",
    "Batches given up because another worker had the partition.",
    ["consumer"],
    registry=REGISTRY,
)
CONSUMER_LAG = Gauge(
    "tam_consumer_lag_records", "Records not yet handled.", ["consumer", "topic", "partition"], registry=REGISTRY
)
CONSUMER_LAG_SECONDS = Gauge(
    "tam_consumer_lag_seconds",
    "Age of the oldest record of the last batch read; 0 when caught up.",
    ["consumer"],
    registry=REGISTRY,
)
EVENT_TO_EFFECT = Histogram(
    "tam_event_to_effect_seconds",
    "From when an event was learnt to when its effect was committed.",
    ["consumer"],
    buckets=(*_SECONDS, 30.0, 60.0, 300.0),
    registry=REGISTRY,
)
REBALANCES = Counter("tam_consumer_rebalances", "Assignments changed.", ["consumer"], registry=REGISTRY)
DEAD_LETTERS = Gauge("tam_dead_letters_open", "Dead letters nobody has dealt with.", ["service"], registry=REGISTRY)

OUTBOX_PENDING = Gauge("tam_outbox_pending_events", "Events waiting for the relay.", ["service"], registry=REGISTRY)
OUTBOX_AGE = Gauge("tam_outbox_oldest_seconds", "Age of the oldest waiting event.", ["service"], registry=REGISTRY)
RELAYED = Counter("tam_outbox_relayed_events", "Events the relay published.", ["service"], registry=REGISTRY)

JOB_SECONDS = Histogram("tam_job_seconds", "Time of a timed job.", ["name"], buckets=_JOB_SECONDS, registry=REGISTRY)
JOB_FAILURES = Counter("tam_job_failures", "Timed jobs that failed.", ["name"], registry=REGISTRY)

BUILD = Gauge("tam_build_info", "Always 1; the version is a label.", ["version"], registry=REGISTRY)
