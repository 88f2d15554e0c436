"""Sends finished spans to an OpenTelemetry collector, OTLP over HTTP, where a setting names one.

The SDK is imported only then. Spans wait in a queue of bounded length and leave in batches from a thread of their own:
a collector that is slow or away costs the oldest spans, never a request. `OTEL_EXPORTER_OTLP_CERTIFICATE` names the
authority of a collector's certificate, as with every program that speaks OTLP.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from opentelemetry import trace

from shared.config import PlatformSettings
from shared.ids import uuid7

QUEUE_SPANS = 4096
BATCH_SPANS = 512
DELAY_MILLISECONDS = 1000
EXPORT_SECONDS = 5.0
# How long an end waits for the last spans to leave.
GOODBYE_SECONDS = 3.0
LONGEST_TEXT = 256


@contextmanager
def exporting(settings: PlatformSettings, *, service: str, role: str, version: str) -> Iterator[None]:
    """Export the spans of this process until the block ends; once in a process. Nothing, without `traces_url`."""
    if settings.traces_url is None:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanLimits, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    exporter = OTLPSpanExporter(
        endpoint=settings.traces_url,
        headers=_headers(settings.traces_headers or ""),
        timeout=EXPORT_SECONDS,
    )
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.traces_share)),
        resource=Resource.create(
            {
                "service.name": service,
                "service.namespace": "tam",
                "service.version": version,
                "service.instance.id": str(uuid7()),
                "tam.role": role,
            }
        ),
        span_limits=SpanLimits(max_span_attribute_length=LONGEST_TEXT),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=QUEUE_SPANS,
            max_export_batch_size=BATCH_SPANS,
            schedule_delay_millis=DELAY_MILLISECONDS,
        )
    )
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        # The provider would wait for a collector as long as that takes.
        goodbye = threading.Thread(target=provider.shutdown, daemon=True)
        goodbye.start()
        goodbye.join(GOODBYE_SECONDS)


def _headers(text: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in text.split(",") if each.strip())
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
