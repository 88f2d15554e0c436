"""The service of the figures: how old what it knows is, and which models it stands on."""

from drawing.every_service import of_service
from drawing.looks import Row, lines, number

_TOO_FEW = "too few customers for a model"
_FIGURES = Row(
    "Figures",
    (
        number(
            "Staleness", "How old the knowledge behind the figures is.", "max(tam_metrics_staleness_seconds)", unit="s"
        ),
        lines(
            "Age of the models",
            "Since they were fitted.",
            ("max by (currency) (tam_metrics_fit_age_seconds)", "{{currency}}"),
            unit="s",
            when_empty=_TOO_FEW,
        ),
        lines(
            "Models",
            "1: served; `withheld`: none is.",
            ("max by (currency, model) (tam_metrics_model_served) == 1", "{{currency}} {{model}}"),
            when_empty=_TOO_FEW,
        ),
        lines(
            "Active customers",
            "By window.",
            ("max by (window_days) (tam_metrics_active_customers)", "{{window_days}} days"),
            width=4,
        ),
    ),
)

DASHBOARD = of_service("metrics", _FIGURES)
