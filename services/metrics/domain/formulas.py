"""How the value of each figure is made, as one line of arithmetic beside the sentences of its definition."""

from collections.abc import Mapping

from services.metrics.domain.definitions import Definition, Unit

FORMULAS: Mapping[str, str] = {
    "net.v1": "gross − refunds",
    "average_order_value.v1": "gross / orders",
    "lapsed_customers.v1": "customers − active_customers",
    "lapse_rate.v1": "lapsed_customers / customers",
    "repeat_purchase_rate.v1": "customers with ≥ 2 purchases / customers",
    "historical_clv.v1": "net × margin / customers",
    "historical_clv_converted.v1": "Σ_days (gross − refunds) × rate(day) × margin / customers",
    "first_order.v1": "min(day of order)",
    "last_order.v1": "max(day of order)",
    "inactive_days.v1": "as_of − max(day of purchase)",
    "delivery_gap.v1": "100 × (top two of staff / staff − top two of customers / customers)",
    "nps_prediction_gap.v1": "mean(predicted) − nps",
    "promise_kept.v1": "kept / (kept + late + broken)",
    "promise_lateness.v1": "median(done − due | late)",
    "net_revenue_retention.v1": "revenue of returning customers / revenue before",
    "earned_new_customers.v1": "revenue of new customers who were brought / revenue before",
    "bought_new_customers.v1": "revenue of new customers who were bought / revenue before",
    "reactivated_revenue.v1": "revenue of all others / revenue before",
    "revenue_growth.v1": "(revenue − revenue before) / revenue before",
    "earned_growth_rate.v1": "net_revenue_retention + earned_new_customers − 1",
    "earned_growth_ratio.v1": "earned_growth_rate / revenue_growth",
    "predicted_clv.v1": "margin × Σ_t E[purchases at t] × e^(−δt) × E[spend]",
    "predicted_clv_total.v1": "Σ predicted_clv",
    "expected_purchases.v1": "Σ E[days with a purchase within the horizon]",
    "expected_buyers.v1": "Σ (1 − churn_risk)",
    "expected_alive.v1": "Σ alive",
    "churn_risk.v1": "P(no purchase within the horizon)",
    "alive.v1": "P(still a customer)",
    "expected_spend.v1": "p (v + x m) / (p x + q − 1)",
    "lapse_window.v1": "min(w | 1 − S(w) ≥ share × (1 − S(watched))), or min(w | false_churn(w) ≤ at_most)",
    "false_churn.v1": "1 − S(window + horizon) / S(window)",
    "false_churn_seen.v1": "lapsed then and bought since / lapsed then",
    "buyers.v1": "new + returning + resurrecting",
    "buyers_change.v1": "new + resurrecting − dormant",
    "retention_on.v1": "of the cohort who bought in the period / cohort_customers",
    "retention_on_or_after.v1": "of the cohort who bought in the period or later / cohort_customers",
    "retention_every.v1": "of the cohort who bought in each period up to it / cohort_customers",
    "repeat_within.v1": "with a second order in time / old enough to have one",
    "reordered.v1": "1 − Π (1 − events / at risk)",
    "time_to_next_order.v1": "min(t | reordered(t) ≥ share)",
    "rfm_share.v1": "rfm_customers of the segment / of all",
    "nps.v1": "100 × (promoters − detractors) / answers",
    "csat.v1": "100 × satisfied / answers",
    "ces_mean.v1": "Σ scores / answers",
    "ces_pct_5_7.v1": "100 × scores of 5 to 7 / answers",
    "ces_net.v1": "100 × (scores of 6 and 7 − scores of 1 to 3) / answers",
    "response_rate.v1": "responded / delivered",
    "completion_rate.v1": "completed / responded",
    "reached_lapse.v1": "100 × silent since / bought window_days before",
    "alarm_statistic.v1": "max(0, S + log-likelihood ratio of the day)",
    "arr.v1": "12 × mrr",
    "arpa.v1": "mrr / subscribers",
    "churn_standard.v1": "left and not back / there at the start",
    "churn_rolling.v1": "departures / (there at the start + came + came back)",
    "churn_daily.v1": "Σ_days left / there in the morning",
    "churned_by_cause.v1": "departures of the cause / departures",
    "revenue_churn_gross.v1": "(churn + contraction) / mrr at the start",
    "revenue_churn_net.v1": "(churn + contraction − expansion − reactivation) / mrr at the start",
    "revenue_churn_daily.v1": "Σ_days (churn + contraction) / mrr of the morning",
    "revenue_churn_net_daily.v1": "Σ_days (churn + contraction − expansion − reactivation) / mrr of the morning",
    "quick_ratio.v1": "(new + expansion + reactivation) / (churn + contraction)",
    "mrr_end.v1": "mrr_start + new + reactivation + expansion + contraction + churn + fx",
    "trial_conversion.v1": "trials that went on paying / trials that ended",
    "subscriber_retention.v1": "of the month's subscribers who are there / subscribers of the month",
    "revenue_retention.v1": "their mrr later / their mrr as they came",
    "constant_rate_value.v1": "arpa / mean churn",
    "subscription_survival.v1": "Π (1 − lost / came to the renewal)",
    "subscription_value.v1": "Σ_k P(still there at renewal k) × price × discount^k",
    "points_earned.v1": "Σ earned − Σ taken back",
    "points_redeemed.v1": "Σ spent",
    "redemption_rate.v1": "points_redeemed / points_earned",
    "complaints_open.v1": "Σ opened − Σ closed",
    "complaints_late.v1": "Σ became late − Σ late and done",
    "period_revenue.v1": "Σ totals of orders",
    "contribution.v1": "Σ contributions = change",
}
# Of what is counted or added up there is no more to say.
_PLAIN: Mapping[Unit, str] = {
    "orders": "count of orders",
    "refunds": "count of refunds",
    "customers": "count of persons",
    "days": "count of days",
    "money": "Σ amounts in minor units",
    "count": "count",
    "subscriptions": "count of subscriptions",
    "state": "the first of its cases that holds",
}


def formula_of(definition: Definition) -> str:
    """The formula of a figure.

    Raises:
        KeyError: it is a quotient or a model's, and nobody wrote its formula down.
    """
    return FORMULAS.get(definition.id) or _PLAIN[definition.unit]
