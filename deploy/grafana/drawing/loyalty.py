"""The service of points, tiers, vouchers and rewards."""

from drawing.every_service import of_service
from drawing.looks import Row, counted, lines, number

_MONEY = Row(
    "Money",
    (
        lines(
            "Points of members",
            "What the firm owes its members: points they can spend, that wait, or are set apart.",
            ("max by (wallet, standing) (tam_loyalty_points)", "{{wallet}} {{standing}}"),
            width=12,
        ),
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
        counted(
            "Codes that failed",
            "Wrong codes, and tries turned away.",
            ("sum(rate(tam_loyalty_code_failures_total[5m]))", "wrong"),
            ("sum(rate(tam_loyalty_codes_throttled_total[5m]))", "turned away"),
        ),
    ),
)

DASHBOARD = of_service("loyalty", _MONEY)
