"""W3C trace context through the outbox and the bus, with the OpenTelemetry API; `exporting` sends spans out.

A trace goes from a request through the events it caused to whatever they change: request → `send` into the outbox →
`process` by a consumer → `send` → …. Each event carries the context of the span that sent it. Without an exporter no
span is made, and what a caller sent along is handed on. Spans hold names and numbers, never what anybody sent.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

_TRACER = trace.get_tracer("tam")
_PROPAGATOR = TraceContextTextMapPropagator()
# A batch of thousands would make spans and links that no backend takes.
MOST_TRACES = 32
# The last digit of a traceparent whose trace is recorded: its lowest bit is set.
_RECORDED = tuple("13579bdf")


def is_exported() -> bool:
    """Whether somebody takes spans; if not, none is worth its cost."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def current_traceparent() -> str | None:
    """The W3C `traceparent` of the span we are in, or None."""
    return traceparent_of(trace.get_current_span())


def traceparent_of(span: Span) -> str | None:
    """The W3C `traceparent` of a span, or None if it is in no trace."""
    if not span.get_span_context().is_valid:
        return None
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context=trace.set_span_in_context(span))
    return carrier.get("traceparent")


@contextmanager
def request_span(name: str, traceparent: str | None) -> Iterator[Span]:
    """A server span, continuing the caller's trace."""
    context = _context(traceparent) if traceparent else None
    with _TRACER.start_as_current_span(
        name, context=context, kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
    ) as span:
        yield span


@contextmanager
def batch_span(
    name: str, traceparents: Sequence[str | None], attributes: Mapping[str, AttributeValue] | None = None
) -> Iterator[Mapping[str, str]]:
    """A consumer span for a batch, in the first recorded trace of it; each other one has its own, with a link to that.

    Gives, for the traceparents of recorded traces, that of the span in which their events are handled.
    """
    carried = dict.fromkeys(each for each in traceparents if each)
    recorded = [each for each in carried if each.endswith(_RECORDED)][:MOST_TRACES] if is_exported() else []
    # Of traces that are not recorded, one is handed on.
    first: str | None = recorded[0] if recorded else next(iter(carried), None)
    with (
        _TRACER.start_as_current_span(
            name,
            context=_context(first) if first else None,
            kind=SpanKind.CONSUMER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span,
        _beside(name, span, recorded[1:], attributes) as beside,
    ):
        spans = {**dict.fromkeys(recorded[:1], span), **beside}
        try:
            yield {each: own for each, its in spans.items() if (own := traceparent_of(its))}
        except BaseException as error:
            # Its name alone: an error's words may hold what somebody sent.
            for each in (span, *spans.values()):
                each.set_status(StatusCode.ERROR, type(error).__name__)
            raise


@contextmanager
def _beside(
    name: str, span: Span, traceparents: Sequence[str], attributes: Mapping[str, AttributeValue] | None
) -> Iterator[Mapping[str, Span]]:
    """A span in each of these traces, as long as `span`, which they and it are linked with."""
    with ExitStack() as stack:
        spans: dict[str, Span] = {}
        for each in traceparents:
            own = _TRACER.start_span(
                name,
                context=_context(each),
                kind=SpanKind.CONSUMER,
                attributes=attributes,
                links=[Link(span.get_span_context())],
            )
            stack.callback(own.end)
            span.add_link(own.get_span_context())
            spans[each] = own
        yield spans


@contextmanager
def sending(places: Sequence[tuple[str, str | None]]) -> Iterator[Sequence[str | None]]:
    """Producer spans for what goes into the outbox: `places` are topic and traceparent, of events one by one.

    Gives the traceparent that each event shall carry: that of its `send`, where its trace is recorded.
    """
    here = current_traceparent()
    parents = [(topic, own or here) for topic, own in places]
    if not is_exported():
        yield [parent for _, parent in parents]
        return
    with ExitStack() as stack:
        sent: dict[tuple[str, str], str | None] = {}
        for topic, parent in parents:
            if parent is None or not parent.endswith(_RECORDED) or (topic, parent) in sent:
                continue
            if len(sent) == MOST_TRACES:
                break
            span = _TRACER.start_span(
                f"send {topic}",
                context=_context(parent),
                kind=SpanKind.PRODUCER,
                attributes={
                    "messaging.operation.name": "send",
                    "messaging.destination.name": topic,
                    "messaging.batch.message_count": parents.count((topic, parent)),
                },
            )
            stack.callback(span.end)
            sent[topic, parent] = traceparent_of(span)
        yield [sent.get((topic, parent), parent) if parent else None for topic, parent in parents]


def _context(traceparent: str) -> Context:
    return _PROPAGATOR.extract({"traceparent": traceparent})
