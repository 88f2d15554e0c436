"""For whoever looks after shops: what each source sends, and what of it is refused."""

from drawing.looks import Dashboard, Row, counted, lines

_SENT = Row(
    "What shops send",
    (
        lines(
            "Events by source",
            "Stored durably before they were answered.",
            ("source:tam_ingest_events:rate5m", "{{source}}"),
            unit="eps",
            width=12,
        ),
        lines(
            "Events by call",
            "identify, track, page …",
            ("sum by (call) (rate(tam_ingest_accepted_events_total[5m]))", "{{call}}"),
            unit="eps",
            width=12,
        ),
        counted(
            "Refused",
            "By source and reason.",
            ("sum by (source, reason) (rate(tam_ingest_rejected_events_total[5m]))", "{{source}} {{reason}}"),
            unit="eps",
            width=12,
        ),
        lines(
            "Time to answer",
            "99 of 100 requests that bring events.",
            ('service_route:tam_http_request_seconds:p99_5m{service="touchpoints"}', "{{route}}"),
            unit="s",
            width=12,
        ),
    ),
)

DASHBOARD = Dashboard("ingest", "tam-ingest", "Ingest by source", (_SENT,))
