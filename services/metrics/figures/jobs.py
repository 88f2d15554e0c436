"""The figures as Prometheus gauges: the same numbers as the summary, set before each scrape."""

from collections.abc import Mapping

from prometheus_client import Gauge

from services.metrics.domain.figure import Figure, number
from services.metrics.service import MetricsService
from shared.observability.metrics import REGISTRY, FigureGauge

WINDOWS = (30, 60, 90, 180, 365)

ORDERS = Gauge("tam_metrics_orders", "Orders placed and not cancelled.", registry=REGISTRY)
CUSTOMERS = Gauge("tam_metrics_customers", "People with a purchase.", registry=REGISTRY)
MONEY = {
    name: Gauge(f"tam_metrics_{name}", f"{text}, in major units.", ["currency"], registry=REGISTRY)
    for name, text in {
        "gross": "Totals of orders",
        "refunds": "Money given back",
        "net": "Gross less refunds",
        "average_order_value": "Gross per order",
    }.items()
}
CLV = Gauge(
    "tam_metrics_historical_clv", "Mean net revenue times margin per customer.", ["currency"], registry=REGISTRY
)
REPEAT = FigureGauge(
    "tam_metrics_repeat_purchase_ratio", "Share of customers who bought twice or more.", registry=REGISTRY
)
LAPSE = Gauge(
    "tam_metrics_lapse_ratio",
    "Share of customers without a purchase in the window.",
    ["window_days"],
    registry=REGISTRY,
)
ACTIVE = Gauge(
    "tam_metrics_active_customers", "Customers with a purchase in the window.", ["window_days"], registry=REGISTRY
)
STALENESS = FigureGauge(
    "tam_metrics_staleness_seconds", "How old the knowledge behind the figures is.", registry=REGISTRY
)


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set the gauges. A currency no longer seen is shown no more, and nothing of what cannot be said."""
    found = await metrics.figures.summary(more_windows=WINDOWS)
    figures = found.figures
    ORDERS.set(number(figures["orders"]) or 0)
    CUSTOMERS.set(number(figures["customers"]) or 0)
    REPEAT.set(number(figures["repeat_purchase_rate"]))
    for gauge in (*MONEY.values(), CLV, LAPSE):
        gauge.clear()
    if found.currency is not None:
        _set_money(found.currency, figures)
        show(CLV, figures["historical_clv"], found.currency)
    for currency, others in found.other_currencies.items():
        _set_money(currency, others)
    for window in WINDOWS:
        show(LAPSE, found.windows[window]["lapse_rate"], str(window))
        show(ACTIVE, found.windows[window]["active_customers"], str(window))
    STALENESS.set(found.frame.staleness_seconds)


def _set_money(currency: str, figures: Mapping[str, Figure]) -> None:
    for name, gauge in MONEY.items():
        show(gauge, figures[name], currency)


def show(gauge: Gauge, figure: Figure, label: str) -> None:
    """Set a gauge that was cleared before; a figure without a value is left out."""
    if (value := number(figure)) is not None:
        gauge.labels(label).set(value)
