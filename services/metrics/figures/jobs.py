"""The figures as Prometheus gauges: the same numbers as the summary, set before each scrape."""

from collections.abc import Mapping

from prometheus_client import Gauge

from services.metrics.domain.figure import Figure
from services.metrics.service import MetricsService
from shared.observability.metrics import REGISTRY

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
REPEAT = Gauge("tam_metrics_repeat_purchase_ratio", "Share of customers who bought twice or more.", registry=REGISTRY)
LAPSE = Gauge(
    "tam_metrics_lapse_ratio",
    "Share of customers without a purchase in the window.",
    ["window_days"],
    registry=REGISTRY,
)
ACTIVE = Gauge(
    "tam_metrics_active_customers", "Customers with a purchase in the window.", ["window_days"], registry=REGISTRY
)
STALENESS = Gauge("tam_metrics_staleness_seconds", "How old the knowledge behind the figures is.", registry=REGISTRY)


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set the gauges. A currency no longer seen is shown no more; what cannot be divided is NaN."""
    found = await metrics.figures.summary(more_windows=WINDOWS)
    figures = found.figures
    ORDERS.set(_number(figures["orders"]))
    CUSTOMERS.set(_number(figures["customers"]))
    REPEAT.set(_number(figures["repeat_purchase_rate"]))
    for gauge in (*MONEY.values(), CLV):
        gauge.clear()
    if found.currency is not None:
        _set_money(found.currency, figures)
        CLV.labels(found.currency).set(_number(figures["historical_clv"]))
    for currency, others in found.other_currencies.items():
        _set_money(currency, others)
    for window in WINDOWS:
        LAPSE.labels(str(window)).set(_number(found.windows[window]["lapse_rate"]))
        ACTIVE.labels(str(window)).set(_number(found.windows[window]["active_customers"]))
    staleness = found.frame.staleness_seconds
    STALENESS.set(float("nan") if staleness is None else staleness)


def _set_money(currency: str, figures: Mapping[str, Figure]) -> None:
    for name, gauge in MONEY.items():
        gauge.labels(currency).set(_number(figures[name]))


def _number(figure: Figure) -> float:
    return float("nan") if figure.value is None else float(figure.value)
