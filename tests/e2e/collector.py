"""An OpenTelemetry collector as far as traces need one: takes OTLP over HTTP, and keeps every span."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it arrived, with the process that sent it."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    status: str
    status_message: str
    events: int
    seconds: float
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]

    @property
    def process(self) -> str:
        """Which service, in which role."""
        return f"{self.resource['service.name']} {self.resource['tam.role']}"


@dataclass
class Collector:
    """What came in so far."""

    url: str
    spans: list[Span] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def of(self, trace_id: str) -> list[Span]:
        """The spans of one trace."""
        return [each for each in self.spans if each.trace_id == trace_id]

    def waits(self, probe: Callable[[], Any], *, patience: float = 30.0) -> Any:
        """What `probe` gives, once it is true."""
        until = time.monotonic() + patience
        while not (found := probe()) and time.monotonic() < until:
            time.sleep(0.05)
        assert found, f"not among {[(each.name, each.process, each.trace_id) for each in self.spans]}"
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector at a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.bodies.append(body)
            collector.headers.append(dict(self.headers))
            collector.spans.extend(_decoded(ExportTraceServiceRequest.FromString(body)))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}/v1/traces")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _decoded(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for group in request.resource_spans:
        resource = {each.key: _plain(each.value) for each in group.resource.attributes}
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Span(
                    name=span.name,
                    kind=Sent.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    links=tuple(link.span_id.hex() for link in span.links),
                    status={0: "unset", 1: "ok", 2: "error"}[span.status.code],
                    status_message=span.status.message,
                    events=len(span.events),
                    seconds=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    attributes={each.key: _plain(each.value) for each in span.attributes},
                    resource=resource,
                )


def _plain(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value"))
