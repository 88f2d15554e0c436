"""What every service shows of itself, after what it alone has."""

from drawing.looks import Dashboard, Row, lines


def of_service(name: str, *own: Row, consumes: bool = True) -> Dashboard:
    """The dashboard of a service."""
    rows = (*own, _http(name), *((_consumers(name),) if consumes else ()))
    return Dashboard(f"service-{name}", f"tam-{name}", f"Service: {name}", rows)


def _http(name: str) -> Row:
    me = f'service="{name}"'
    return Row(
        "HTTP",
        (
            lines(
                "Requests",
                "By route.",
                (f"sum by (route) (rate(tam_http_requests_total{{{me}}}[5m]))", "{{route}}"),
                unit="reqps",
            ),
            lines(
                "Answers by code",
                "4xx are refusals, 5xx are faults.",
                (f"sum by (code) (rate(tam_http_requests_total{{{me}}}[5m]))", "{{code}}"),
                unit="reqps",
            ),
            lines(
                "Time to answer",
                "99 of 100, by route.",
                (f"service_route:tam_http_request_seconds:p99_5m{{{me}}}", "{{route}}"),
                unit="s",
            ),
        ),
    )


def _consumers(name: str) -> Row:
    mine = f'consumer=~"{name}\\\\..*"'
    return Row(
        "Consumers",
        (
            lines(
                "Records",
                "By consumer and outcome.",
                (f"consumer:tam_consumer_records:rate5m{{{mine}}}", "{{consumer}} {{outcome}}"),
                unit="eps",
            ),
            lines(
                "Lag",
                "Age of the oldest record not handled.",
                (f"consumer:tam_consumer_lag_seconds:max{{{mine}}}", "{{consumer}}"),
                unit="s",
            ),
            lines(
                "From event to effect",
                "99 of 100.",
                (f"consumer:tam_event_to_effect_seconds:p99_5m{{{mine}}}", "{{consumer}}"),
                unit="s",
            ),
        ),
    )
