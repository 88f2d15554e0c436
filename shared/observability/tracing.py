"""W3C trace context through the outbox and the bus, with the OpenTelemetry API; the exporter is the operator's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_TRACER = trace.get_tracer("tam")
_PROPAGATOR = TraceContextTextMapPropagator()
# A batch of thousands would make a span that no backend takes.
_MAX_LINKS = 32


def current_traceparent() -> str | None:
    """The W3C `traceparent` of the span we are in, or None."""
    if not trace.get_current_span().get_span_context().is_valid:
        return None
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def request_span(name: str, traceparent: str | None) -> Iterator[Span]:
    """A server span, continuing the caller's trace."""
    context = _PROPAGATOR.extract({"traceparent": traceparent}) if traceparent else None
    with _TRACER.start_as_current_span(name, context=context, kind=SpanKind.SERVER) as span:
        yield span


@contextmanager
def batch_span(name: str, traceparents: Sequence[str | None]) -> Iterator[Span]:
    """A consumer span for a batch: child of the first trace it carries, linked to the others."""
    carried = [each for each in dict.fromkeys(traceparents) if each][:_MAX_LINKS]
    contexts = [_PROPAGATOR.extract({"traceparent": each}) for each in carried]
    links = [Link(trace.get_current_span(context).get_span_context()) for context in contexts[1:]]
    parent = contexts[0] if contexts else None
    with _TRACER.start_as_current_span(name, context=parent, kind=SpanKind.CONSUMER, links=links) as span:
        yield span
