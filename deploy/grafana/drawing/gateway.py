"""The one door, as the gateway tells of itself: what comes in, how long it takes, whom it cannot reach."""

from drawing.looks import Dashboard, Row, counted, lines

_DOOR = Row(
    "At the door",
    (
        lines(
            "Requests by code",
            "Answers to clients, whoever made them.",
            ("sum by (code) (rate(caddy_http_request_duration_seconds_count[5m]))", "{{code}}"),
            unit="reqps",
        ),
        lines(
            "Time to answer",
            "99 of 100 answers, to their last byte.",
            (
                "histogram_quantile(0.99, sum by (le) (rate(caddy_http_request_duration_seconds_bucket[5m])))",
                "99 %",
            ),
            unit="s",
        ),
        lines(
            "Being answered",
            "Requests that have come and are not answered yet.",
            ("sum(caddy_http_requests_in_flight)", "requests"),
        ),
        counted(
            "Not reached",
            "Requests for which no service could be reached, and that were answered 503.",
            ("sum(rate(caddy_http_request_errors_total[5m]))", "requests"),
            unit="reqps",
        ),
        lines(
            "Memory",
            "What the gateway holds.",
            ('process_resident_memory_bytes{job="gateway"}', "{{instance}}"),
            unit="bytes",
        ),
        lines(
            "Processor",
            "Cores that the gateway uses.",
            ('rate(process_cpu_seconds_total{job="gateway"}[5m])', "{{instance}}"),
        ),
    ),
)

DASHBOARD = Dashboard("gateway", "tam-gateway", "Gateway", (_DOOR,))
