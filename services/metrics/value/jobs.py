"""Timed work of predicted value, and its gauges: the same figures as over HTTP, set before each scrape."""

from datetime import timedelta

from prometheus_client import Gauge

from services.metrics.service import MetricsService
from services.metrics.value.domain.answers import Total
from services.metrics.value.domain.buying import MODELS
from shared.money import EXPONENTS
from shared.observability.metrics import REGISTRY
from shared.runtime.service import Job

TOTAL = Gauge(
    "tam_metrics_predicted_clv_total",
    "Predicted lifetime value of all customers within a year, discounted by a tenth, in major units.",
    ["currency"],
    registry=REGISTRY,
)
FIT_AGE = Gauge(
    "tam_metrics_fit_age_seconds", "How long ago the models in use were fitted.", ["currency"], registry=REGISTRY
)
SERVED = Gauge(
    "tam_metrics_model_served",
    "1: this model of buying is served; `withheld`: none is, for too little is known or none foretold well enough.",
    ["currency", "model"],
    registry=REGISTRY,
)


async def refresh_gauges(metrics: MetricsService) -> None:
    """Set the gauges, of the firm's currency and of the others that customers pay in."""
    main = await metrics.value.total()
    others = [each for each in await metrics.value.currencies() if each != main.currency]
    totals = [main, *[await metrics.value.total(currency=each) for each in others]]
    for gauge in (TOTAL, FIT_AGE, SERVED):
        gauge.clear()
    for found in totals:
        _show(metrics, found)


def _show(metrics: MetricsService, found: Total) -> None:
    """Where nothing can be said the total is not shown."""
    if found.currency is None:
        return
    if found.found is not None:
        TOTAL.labels(found.currency).set(round(found.found.worth.value_minor) / 10 ** EXPONENTS.get(found.currency, 0))
    if found.stored is not None:
        age = metrics.value.clock.now() - found.stored.fitted_at
        FIT_AGE.labels(found.currency).set(age.total_seconds())
    served = None if found.stored is None or found.found is None else found.stored.fit.chosen
    for model in (*MODELS, "withheld"):
        SERVED.labels(found.currency, model).set(model == (served or "withheld"))


async def refit(metrics: MetricsService) -> None:
    """Fit the models anew where customers have moved, or a new day has come."""
    await metrics.refitting.refit()


async def look(metrics: MetricsService) -> None:
    """Tell of customers whose churn risk or value is in another band."""
    await metrics.outlooks.look()


async def tell(metrics: MetricsService) -> None:
    """Tell who shows personas what the customers of their segments are worth."""
    await metrics.segments.tell()


JOBS = (
    Job("metrics.tell_value", timedelta(minutes=1), tell),
    Job("metrics.refit", timedelta(minutes=2), refit),
    Job("metrics.outlook", timedelta(seconds=1), look),
)
