"""What must always hold of awards. Each statement finds violations: nothing, if all is well."""

from services.loyalty.invariants.domain import Check

CHECKS = (
    Check(
        "award_is_its_source",
        "What a fact has earned under rules is what the ledger says that it has brought.",
        """
        SELECT coalesce(a.customer, s.person_id) AS what FROM (
            SELECT customer, wallet, sum(points) AS points, 'earn:' || CASE
                WHEN active_at IS NULL AND expires_at IS NULL THEN source ELSE rule_id || ':' || source
            END AS source
            FROM awards GROUP BY customer, wallet, 4
        ) AS a
        FULL JOIN (
            SELECT w.person_id, w.name, s.source, s.points FROM sources AS s JOIN wallets AS w ON w.id = s.wallet_id
            WHERE s.source LIKE 'earn:%' AND s.points > 0
        ) AS s ON s.person_id = a.customer AND s.name = a.wallet AND s.source = a.source
        WHERE a.points IS DISTINCT FROM s.points
        """,
    ),
    Check(
        "award_is_of_its_order",
        "Nobody has an award for an order that is another's, was cancelled, or went back as a whole.",
        """
        SELECT a.customer AS what FROM awards AS a LEFT JOIN orders AS o ON o.order_id = substr(a.source, 7)
        WHERE a.source LIKE 'order:%' AND (o.customer IS DISTINCT FROM a.customer OR o.is_cancelled
            OR (o.net_minor <= 0 AND o.total_minor > 0) OR a.occurred_at <> o.placed_at)
        """,
    ),
)
