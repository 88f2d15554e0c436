"""For whoever keeps events moving: how far behind, at what work, with what trouble."""

from drawing.looks import Dashboard, Row, counted, lines

_BEHIND = Row(
    "How far behind",
    (
        lines(
            "Lag in seconds",
            "Age of the oldest record not handled.",
            ("consumer:tam_consumer_lag_seconds:max", "{{consumer}}"),
            unit="s",
        ),
        lines("Lag in records", "Records not handled yet.", ("consumer:tam_consumer_lag_records:sum", "{{consumer}}")),
        lines(
            "From event to figure",
            "99 of 100 effects were committed within this time.",
            ("consumer:tam_event_to_effect_seconds:p99_5m", "{{consumer}}"),
            unit="s",
        ),
        lines("Outbox", "Events waiting for the bus.", ("max by (service) (tam_outbox_pending_events)", "{{service}}")),
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
)

_WORK = Row(
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
            width=12,
        ),
        lines(
            "Timed jobs",
            "99 of 100 runs.",
            ("histogram_quantile(0.99, sum by (name, le) (rate(tam_job_seconds_bucket[5m])))", "{{name}}"),
            unit="s",
            width=12,
        ),
    ),
)

_TROUBLE = Row(
    "Trouble",
    (
        lines(
            "Dead letters",
            "Events that could not be handled.",
            ("max by (service) (tam_dead_letters_open)", "{{service}}"),
        ),
        counted(
            "Tried again",
            "Batches rolled back.",
            ("sum by (consumer, error) (rate(tam_consumer_retries_total[5m]))", "{{consumer}} {{error}}"),
        ),
        counted(
            "Partitions changing hands",
            "Assignments and batches given up, in a quarter of an hour.",
            ("sum by (consumer) (increase(tam_consumer_rebalances_total[15m]))", "{{consumer}} assigned"),
            ("sum by (consumer) (increase(tam_consumer_fenced_total[15m]))", "{{consumer}} given up"),
        ),
        counted(
            "Failed jobs",
            "In a quarter of an hour.",
            ("sum by (name) (increase(tam_job_failures_total[15m]))", "{{name}}"),
            width=12,
        ),
        counted(
            "Kept out",
            "Events about people who were erased.",
            ("sum by (consumer) (rate(tam_suppressed_events_total[5m]))", "{{consumer}}"),
            width=12,
        ),
    ),
)

DASHBOARD = Dashboard("delivery", "tam-delivery", "Delivery", (_BEHIND, _WORK, _TROUBLE))
