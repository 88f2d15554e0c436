"""Draws Grafana's dashboards: `make dashboards` writes them beside this file, and a test compares.

An expression is written once, here; that each of them finds something in a running Prometheus is tested too.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, GridPos, Panel

HERE = Path(__file__).parent / "dashboards"
SERVICES = ("profiles", "touchpoints", "surveys", "loyalty", "metrics")
_PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
_WIDTH = 24


class Query(NamedTuple):
    """What is asked of Prometheus, and how a line is called."""

    expr: str
    legend: str = ""


class Look(NamedTuple):
    """A panel: a number where `is_number`, else lines. `unit` is Grafana's; `what` explains it to a reader."""

    title: str
    what: str
    queries: tuple[Query, ...]
    unit: str = "short"
    is_number: bool = False
    width: int = 8
    decimals: int | None = None


class Row(NamedTuple):
    """Panels under a heading."""

    title: str
    looks: tuple[Look, ...]


def number(title: str, what: str, expr: str, *, legend: str = "", unit: str = "short", decimals: int = 1) -> Look:
    """A number, with its course behind it."""
    return Look(title, what, (Query(expr, legend),), unit, is_number=True, width=4, decimals=decimals)


def lines(title: str, what: str, *queries: tuple[str, str], unit: str = "short", width: int = 8) -> Look:
    """A number over time, a line for each label."""
    return Look(title, what, tuple(Query(*each) for each in queries), unit, width=width)


OVERVIEW = (
    Row(
        "Customers",
        (
            number("Customers", "People with a purchase.", "max(tam_metrics_customers)", decimals=0),
            number(
                "Lapse in 90 days",
                "Share of customers without a purchase in the last 90 days.",
                'max(tam_metrics_lapse_ratio{window_days="90"})',
                unit="percentunit",
            ),
            number(
                "Subscriber churn",
                "Share of the subscribers of 30 days ago who left and did not come back.",
                "max(tam_metrics_subscriber_churn_ratio)",
                unit="percentunit",
            ),
            number("NPS", "Net Promoter Score of the last 90 days, from −100 to 100.", "max(tam_metrics_nps_points)"),
            number(
                "CSAT", "Share of the two best scores, last 90 days.", "max(tam_metrics_csat_percent)", unit="percent"
            ),
            number("Unhappy customers waiting", "Open cases.", "max(tam_metrics_open_cases)", decimals=0),
        ),
    ),
    Row(
        "What customers are worth",
        (
            lines(
                "Lifetime value so far",
                "Mean net revenue times margin per customer, and what it shall be.",
                ("max by (currency) (tam_metrics_historical_clv)", "{{currency}}"),
                ('max by (currency) (tam_metrics_target{figure="historical_clv"})', "target {{currency}}"),
            ),
            lines(
                "Value still to come",
                "Predicted value of all customers within a year; empty where no model is good enough.",
                ("max by (currency) (tam_metrics_predicted_clv_total)", "{{currency}}"),
            ),
            lines(
                "Monthly recurring revenue",
                "What subscriptions bring in a month.",
                ("max by (currency) (tam_metrics_mrr)", "{{currency}}"),
            ),
            lines(
                "Revenue so far",
                "Totals of orders, less what was given back.",
                ("max by (currency) (tam_metrics_gross)", "gross {{currency}}"),
                ("max by (currency) (tam_metrics_net)", "net {{currency}}"),
            ),
            lines("Orders", "Orders placed and not cancelled.", ("max(tam_metrics_orders)", "orders")),
            lines(
                "Buy again",
                "Share of customers who bought twice or more.",
                ("max(tam_metrics_repeat_purchase_ratio)", "repeat purchase rate"),
                unit="percentunit",
            ),
        ),
    ),
    Row(
        "Churn and satisfaction",
        (
            lines(
                "Lapse by window",
                "Share of customers without a purchase for so many days, and what it shall be.",
                ("max by (window_days) (tam_metrics_lapse_ratio)", "{{window_days}} days"),
                ('max(tam_metrics_target{figure="lapse_rate"})', "target"),
                unit="percentunit",
            ),
            lines(
                "NPS",
                "Last 90 days, and what it shall be.",
                ("max(tam_metrics_nps_points)", "NPS"),
                ('max(tam_metrics_target{figure="nps"})', "target"),
            ),
            lines(
                "Customer effort",
                "CES of the last 90 days, by formula.",
                ("max by (formula) (tam_metrics_ces)", "{{formula}}"),
            ),
            lines(
                "Delivery gap",
                "What staff believes less what customers say, by touchpoint, in points.",
                ("max by (touchpoint) (tam_metrics_delivery_gap_points)", "{{touchpoint}}"),
            ),
            lines(
                "Promises kept",
                "Share of what fell due in 30 days and came in time.",
                ("max by (kind) (tam_metrics_promises_kept_ratio)", "{{kind}}"),
                unit="percentunit",
            ),
            lines(
                "Alarms",
                "CUSUM over its threshold: an alarm is raised at 1.",
                ("max by (watch, direction) (tam_alarm_statistic_ratio)", "{{watch}}, {{direction}}"),
            ),
        ),
    ),
)

DELIVERY = (
    Row(
        "How far behind",
        (
            lines(
                "Lag in seconds",
                "Age of the oldest record not handled.",
                ("consumer:tam_consumer_lag_seconds:max", "{{consumer}}"),
                unit="s",
            ),
            lines(
                "Lag in records", "Records not handled yet.", ("consumer:tam_consumer_lag_records:sum", "{{consumer}}")
            ),
            lines(
                "From event to figure",
                "99 of 100 effects were committed within this time.",
                ("consumer:tam_event_to_effect_seconds:p99_5m", "{{consumer}}"),
                unit="s",
            ),
            lines(
                "Outbox", "Events waiting for the bus.", ("max by (service) (tam_outbox_pending_events)", "{{service}}")
            ),
            lines(
                "Oldest in the outbox",
                "How long the oldest has waited.",
                ("max by (service) (tam_outbox_oldest_seconds)", "{{service}}"),
                unit="s",
            ),
            lines(
                "Relayed",
                "Events published by the relays.",
                ("sum by (service) (rate(tam_outbox_relayed_events_total[5m]))", "{{service}}"),
                unit="eps",
            ),
        ),
    ),
    Row(
        "Work",
        (
            lines(
                "Records",
                "By consumer and outcome.",
                ("consumer:tam_consumer_records:rate5m", "{{consumer}} {{outcome}}"),
                unit="eps",
            ),
            lines(
                "Time of a batch",
                "99 of 100 batches, from transaction to commit.",
                (
                    "histogram_quantile(0.99, sum by (consumer, le) (rate(tam_consumer_batch_seconds_bucket[5m])))",
                    "{{consumer}}",
                ),
                unit="s",
            ),
            lines(
                "Stored on the bus",
                "Records by topic.",
                ("sum by (topic) (rate(tam_bus_appended_records_total[5m]))", "{{topic}}"),
                unit="eps",
            ),
            lines(
                "Time to be durable",
                "99 of 100 groups of records.",
                ("histogram_quantile(0.99, sum by (le) (rate(tam_bus_append_seconds_bucket[5m])))", "bus"),
                unit="s",
            ),
            lines(
                "Timed jobs",
                "99 of 100 runs.",
                ("histogram_quantile(0.99, sum by (name, le) (rate(tam_job_seconds_bucket[5m])))", "{{name}}"),
                unit="s",
            ),
        ),
    ),
    Row(
        "Trouble",
        (
            lines(
                "Dead letters",
                "Events that could not be handled.",
                ("max by (service) (tam_dead_letters_open)", "{{service}}"),
            ),
            lines(
                "Tried again",
                "Batches rolled back.",
                ("sum by (consumer, error) (rate(tam_consumer_retries_total[5m]))", "{{consumer}} {{error}}"),
            ),
            lines(
                "Partitions changing hands",
                "Assignments and batches given up, in a quarter of an hour.",
                ("sum by (consumer) (increase(tam_consumer_rebalances_total[15m]))", "{{consumer}} assigned"),
                ("sum by (consumer) (increase(tam_consumer_fenced_total[15m]))", "{{consumer}} given up"),
            ),
            lines(
                "Failed jobs",
                "In a quarter of an hour.",
                ("sum by (name) (increase(tam_job_failures_total[15m]))", "{{name}}"),
            ),
            lines(
                "Kept out",
                "Events about people who were erased.",
                ("sum by (consumer) (rate(tam_suppressed_events_total[5m]))", "{{consumer}}"),
            ),
        ),
    ),
)

INGEST = (
    Row(
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
            lines(
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
    ),
)


def of_service(name: str) -> Sequence[Row]:
    """What every service shows of itself, and what it alone has."""
    me, mine = f'service="{name}"', f'consumer=~"{name}\\\\..*"'
    common_rows = (
        Row(
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
        ),
        Row(
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
        ),
    )
    return (*OWN.get(name, ()), *common_rows)


OWN: dict[str, tuple[Row, ...]] = {
    "profiles": (
        Row(
            "People",
            (
                number(
                    "Overdue requests",
                    "Requests about personal data past the time the law allows.",
                    "sum(max by (kind) (tam_profiles_rights_overdue))",
                    decimals=0,
                ),
            ),
        ),
    ),
    "surveys": (
        Row(
            "Asking and answering",
            (
                lines(
                    "Decisions",
                    "Candidates, asked or the reason why not.",
                    ("sum by (reason) (rate(tam_surveys_decisions_total[5m]))", "{{reason}}"),
                ),
                lines(
                    "Answers", "By outcome.", ("sum by (outcome) (rate(tam_survey_answers_total[5m]))", "{{outcome}}")
                ),
                lines(
                    "Answers refused",
                    "By reason.",
                    ("sum by (code) (rate(tam_survey_answers_refused_total[5m]))", "{{code}}"),
                ),
                lines(
                    "Mails",
                    "By what became of them.",
                    ("sum by (state) (rate(tam_surveys_mails_total[5m]))", "{{state}}"),
                    ("sum by (state) (tam_surveys_mails_open)", "waiting: {{state}}"),
                ),
                lines(
                    "Clicks",
                    "Clicked invitations, by verdict: people and scanners.",
                    ("sum by (verdict) (rate(tam_surveys_clicks_total[5m]))", "{{verdict}}"),
                ),
                lines(
                    "Response rate",
                    "Share of those reached in 90 days who answered.",
                    ("max by (metric) (tam_metrics_survey_response_ratio)", "{{metric}}"),
                    unit="percentunit",
                ),
            ),
        ),
    ),
    "loyalty": (
        Row(
            "Money",
            (
                lines(
                    "Invariants broken",
                    "Rows that must not be: 0.",
                    ("max by (invariant) (tam_loyalty_invariant_violations)", "{{invariant}}"),
                    width=12,
                ),
                number(
                    "Checked",
                    "How long ago the invariants were checked.",
                    "time() - max(tam_loyalty_invariants_checked_timestamp_seconds)",
                    unit="s",
                ),
                lines(
                    "Codes that failed",
                    "Wrong codes, and tries turned away.",
                    ("sum(rate(tam_loyalty_code_failures_total[5m]))", "wrong"),
                    ("sum(rate(tam_loyalty_codes_throttled_total[5m]))", "turned away"),
                ),
            ),
        ),
    ),
    "metrics": (
        Row(
            "Figures",
            (
                number(
                    "Staleness",
                    "How old the knowledge behind the figures is.",
                    "max(tam_metrics_staleness_seconds)",
                    unit="s",
                ),
                lines(
                    "Age of the models",
                    "Since they were fitted.",
                    ("max by (currency) (tam_metrics_fit_age_seconds)", "{{currency}}"),
                    unit="s",
                ),
                lines(
                    "Models",
                    "1: served.",
                    ("max by (currency, model) (tam_metrics_model_served) == 1", "{{currency}} {{model}}"),
                ),
                lines(
                    "Active customers",
                    "By window.",
                    ("max by (window_days) (tam_metrics_active_customers)", "{{window_days}} days"),
                ),
            ),
        ),
    ),
}


def dashboards() -> dict[str, str]:
    """The JSON of each dashboard by its file name."""
    drawn = {
        "overview": _drawn("tam-overview", "Customers at a glance", OVERVIEW, span="now-30d"),
        "delivery": _drawn("tam-delivery", "Delivery", DELIVERY),
        "ingest": _drawn("tam-ingest", "Ingest by source", INGEST),
    }
    for name in SERVICES:
        drawn[f"service-{name}"] = _drawn(f"tam-{name}", f"Service: {name}", of_service(name))
    return {f"{name}.json": text for name, text in drawn.items()}


def _drawn(uid: str, title: str, rows: Iterable[Row], *, span: str = "now-6h") -> str:
    drawing = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["tam"])
        .readonly()
        .refresh("30s")
        .time(span, "now")
        .timezone(common.TimeZoneBrowser)
        .tooltip(DashboardCursorSync.CROSSHAIR)
    )
    for row in rows:
        drawing = drawing.with_row(dashboard.Row(row.title))
        for look in row.looks:
            drawing = drawing.with_panel(_panel(look))
    return str(JSONEncoder(sort_keys=True, indent=2).encode(drawing.build())) + "\n"


def _panel(look: Look) -> Builder[Panel]:
    panel: stat.Panel | timeseries.Panel
    if look.is_number:
        panel = stat.Panel().color_mode(common.BigValueColorMode.NONE).no_value("–")
    else:
        panel = timeseries.Panel().legend(VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM))
        if look.unit in ("s", "eps", "reqps"):
            panel = panel.min(0)
    panel = (
        panel.title(look.title)
        .description(look.what)
        .unit(look.unit)
        .datasource(_PROMETHEUS)
        .grid_pos(GridPos(h=5 if look.is_number else 8, w=look.width))
    )
    if look.decimals is not None:
        panel = panel.decimals(look.decimals)
    for number_, query in enumerate(look.queries):
        panel = panel.with_target(
            prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(chr(ord("A") + number_))
        )
    return panel


def main() -> None:
    """Write them all."""
    HERE.mkdir(exist_ok=True)
    for name, text in dashboards().items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
