"""For whoever answers for customers: churn, lifetime value and satisfaction beside what they shall be."""

from drawing.looks import Dashboard, Row, against_target, lines, number

_NOBODY_ASKED = "nobody was asked"
_NO_SUBSCRIPTIONS = "no subscriptions"
_LAPSE = 'max(tam_metrics_lapse_ratio{window_days="90"})'
_CLV = "max by (currency) (tam_metrics_historical_clv)"

_TARGETS = Row(
    "Where we stand",
    (
        against_target(
            "Lapse in 90 days",
            "Share of customers without a purchase in the last 90 days, and what it shall be at most.",
            _LAPSE,
            "lapse_rate",
            better="lower",
            unit="percentunit",
        ),
        against_target(
            "Subscriber churn",
            "Share of the subscribers of 30 days ago who left and did not come back, and what it shall be at most.",
            "max(tam_metrics_subscriber_churn_ratio)",
            "churn_rate",
            better="lower",
            unit="percentunit",
            when_empty=_NO_SUBSCRIPTIONS,
        ),
        against_target(
            "Lifetime value",
            "Mean net revenue times margin per customer so far, and what it shall be.",
            _CLV,
            "historical_clv",
            better="higher",
            by="currency",
        ),
        against_target(
            "NPS",
            "Net Promoter Score of the last 90 days, from −100 to 100, and what it shall be.",
            "max(tam_metrics_nps_points)",
            "nps",
            better="higher",
            when_empty=_NOBODY_ASKED,
        ),
    ),
)

_CUSTOMERS = Row(
    "Customers",
    (
        number("Customers", "People with a purchase.", "max(tam_metrics_customers)", decimals=0),
        number(
            "Buy again",
            "Share of customers who bought twice or more.",
            "max(tam_metrics_repeat_purchase_ratio)",
            unit="percentunit",
        ),
        number(
            "CSAT",
            "Share of the two best scores, last 90 days.",
            "max(tam_metrics_csat_percent)",
            unit="percent",
            when_empty=_NOBODY_ASKED,
        ),
        number(
            "Unhappy customers waiting",
            "Cases that are not closed.",
            "max(tam_metrics_open_cases)",
            decimals=0,
            width=6,
        ),
        number("Orders", "Orders placed and not cancelled.", "max(tam_metrics_orders)", decimals=0, width=6),
    ),
)

_WORTH = Row(
    "What customers are worth",
    (
        lines(
            "Lifetime value so far",
            "Mean net revenue times margin per customer, and what it shall be.",
            (_CLV, "{{currency}}"),
            ('max by (currency) (tam_metrics_target{figure="historical_clv"})', "target {{currency}}"),
        ),
        lines(
            "Value still to come",
            "Predicted value of all customers within a year.",
            ("max by (currency) (tam_metrics_predicted_clv_total)", "{{currency}}"),
            when_empty="no model foretells well enough",
        ),
        lines(
            "Monthly recurring revenue",
            "What subscriptions bring in a month.",
            ("max by (currency) (tam_metrics_mrr)", "{{currency}}"),
            when_empty=_NO_SUBSCRIPTIONS,
        ),
        lines(
            "Revenue so far",
            "Totals of orders, less what was given back.",
            ("max by (currency) (tam_metrics_gross)", "gross {{currency}}"),
            ("max by (currency) (tam_metrics_net)", "net {{currency}}"),
        ),
        lines(
            "Average order",
            "Gross per order.",
            ("max by (currency) (tam_metrics_average_order_value)", "{{currency}}"),
        ),
        lines(
            "Lapse by window",
            "Share of customers without a purchase for so many days, and what it shall be at most.",
            ("max by (window_days) (tam_metrics_lapse_ratio)", "{{window_days}} days"),
            ('max(tam_metrics_target{figure="lapse_rate"})', "target"),
            unit="percentunit",
        ),
    ),
)

_SATISFACTION = Row(
    "What customers say",
    (
        lines(
            "NPS over time",
            "Last 90 days, and what it shall be.",
            ("max(tam_metrics_nps_points)", "NPS"),
            ('max(tam_metrics_target{figure="nps"})', "target"),
            when_empty=_NOBODY_ASKED,
        ),
        lines(
            "Customer effort",
            "CES of the last 90 days, by formula.",
            ("max by (formula) (tam_metrics_ces)", "{{formula}}"),
            when_empty=_NOBODY_ASKED,
        ),
        lines(
            "Delivery gap",
            "What staff believes less what customers say, by touchpoint, in points.",
            ("max by (touchpoint) (tam_metrics_delivery_gap_points)", "{{touchpoint}}"),
            when_empty="staff was not asked",
        ),
        lines(
            "Promises kept",
            "Share of what fell due in 30 days and came in time.",
            ("max by (kind) (tam_metrics_promises_kept_ratio)", "{{kind}}"),
            unit="percentunit",
            when_empty="nothing was promised",
        ),
        lines(
            "Alarms",
            "CUSUM over its threshold: an alarm is raised at 1.",
            ("max by (watch, direction) (tam_alarm_statistic_ratio)", "{{watch}}, {{direction}}"),
            when_empty="too little history",
        ),
    ),
)

DASHBOARD = Dashboard(
    "overview",
    "tam-overview",
    "Customers at a glance",
    (_TARGETS, _CUSTOMERS, _WORTH, _SATISFACTION),
    span="now-30d",
)
