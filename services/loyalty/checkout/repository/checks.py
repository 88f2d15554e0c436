"""What must always hold of checkout. Each statement finds nothing while it does; counters are recounted from rows."""

from services.loyalty.invariants.domain import Check

# Of each campaign, what rows say of its uses and its money.
CAMPAIGN_ROWS = """
    SELECT campaign_id, sum(redeemed) AS redeemed, sum(reserved) AS reserved, sum(spent) AS spent, sum(held) AS held
    FROM (
        SELECT campaign_id, count(*) FILTER (WHERE NOT use_returned) AS redeemed, 0 AS reserved,
               sum(discount_minor - budget_back_minor) AS spent, 0 AS held
        FROM redemption_vouchers GROUP BY campaign_id
        UNION ALL
        SELECT v.campaign_id, 0, count(*), 0, sum(v.discount_minor)
        FROM reservations AS r JOIN reservation_vouchers AS v ON v.reservation_id = r.id
        WHERE r.state = 'held' GROUP BY v.campaign_id
    ) AS each GROUP BY campaign_id
"""
VOUCHER_ROWS = """
    SELECT voucher_id, sum(redeemed) AS redeemed, sum(reserved) AS reserved, sum(spent) AS spent, sum(held) AS held
    FROM (
        SELECT voucher_id, count(*) FILTER (WHERE NOT use_returned) AS redeemed, 0 AS reserved,
               sum(discount_minor - rolled_back_minor) AS spent, 0 AS held
        FROM redemption_vouchers GROUP BY voucher_id
        UNION ALL
        SELECT v.voucher_id, 0, count(*), 0, sum(v.discount_minor)
        FROM reservations AS r JOIN reservation_vouchers AS v ON v.reservation_id = r.id
        WHERE r.state = 'held' GROUP BY v.voucher_id
    ) AS each GROUP BY voucher_id
"""
USE_ROWS = """
    SELECT campaign_id, person, sum(redeemed) AS redeemed, sum(reserved) AS reserved, sum(spent) AS spent,
           sum(held) AS held
    FROM (
        SELECT v.campaign_id, r.person, count(*) FILTER (WHERE NOT v.use_returned) AS redeemed, 0 AS reserved,
               sum(v.discount_minor - v.budget_back_minor) AS spent, 0 AS held
        FROM redemptions AS r JOIN redemption_vouchers AS v ON v.redemption_id = r.id GROUP BY v.campaign_id, r.person
        UNION ALL
        SELECT v.campaign_id, r.person, 0, count(*), 0, sum(v.discount_minor)
        FROM reservations AS r JOIN reservation_vouchers AS v ON v.reservation_id = r.id
        WHERE r.state = 'held' GROUP BY v.campaign_id, r.person
    ) AS each GROUP BY campaign_id, person
"""
# Of each counter of a budget, what rows say that count in it.
BUDGET_ROWS = """
    SELECT campaign_id, budget, period, who, sum(redeemed) AS redeemed, sum(reserved) AS reserved, sum(spent) AS spent,
           sum(held) AS held
    FROM (
        SELECT v.campaign_id, b->>0 AS budget, b->>1 AS period, b->>2 AS who,
               count(*) FILTER (WHERE NOT v.use_returned) AS redeemed, 0 AS reserved,
               sum(v.discount_minor - v.budget_back_minor) AS spent, 0 AS held
        FROM redemption_vouchers AS v, jsonb_array_elements(v.budgets) AS b GROUP BY 1, 2, 3, 4
        UNION ALL
        SELECT v.campaign_id, b->>0, b->>1, b->>2, 0, count(*), 0, sum(v.discount_minor)
        FROM reservations AS r JOIN reservation_vouchers AS v ON v.reservation_id = r.id,
             jsonb_array_elements(v.budgets) AS b
        WHERE r.state = 'held' GROUP BY 1, 2, 3, 4
    ) AS each GROUP BY campaign_id, budget, period, who
"""

CHECKS = (
    Check(
        "checkout_campaign_counters",
        "A campaign's counters are what its redemptions and live holds come to.",
        f"""
        SELECT c.id::text AS what FROM campaigns AS c LEFT JOIN ({CAMPAIGN_ROWS}) AS r ON r.campaign_id = c.id
        WHERE (c.redeemed, c.reserved, c.spent_minor, c.reserved_minor) IS DISTINCT FROM (
            coalesce(r.redeemed, 0), coalesce(r.reserved, 0), coalesce(r.spent, 0), coalesce(r.held, 0))
        """,
    ),
    Check(
        "checkout_campaign_limits",
        "No campaign gives more uses or more money than it has.",
        """
        SELECT id::text AS what FROM campaigns
        WHERE redeemed + reserved > max_uses OR spent_minor + reserved_minor > budget_minor
        """,
    ),
    Check(
        "checkout_voucher_counters",
        "A code's uses, and a gift card's money, are what its redemptions and live holds come to.",
        f"""
        SELECT coalesce(c.id, r.voucher_id)::text AS what FROM ({VOUCHER_ROWS}) AS r
        FULL JOIN (
            SELECT * FROM codes WHERE redeemed <> 0 OR reserved <> 0 OR spent_minor <> 0 OR held_minor <> 0
        ) AS c ON c.id = r.voucher_id
        WHERE (coalesce(c.redeemed, 0), coalesce(c.reserved, 0))
            IS DISTINCT FROM (coalesce(r.redeemed, 0), coalesce(r.reserved, 0))
           OR (c.value_minor IS NOT NULL AND (c.spent_minor, c.held_minor)
               IS DISTINCT FROM (coalesce(r.spent, 0), coalesce(r.held, 0)))
           OR c.redeemed + c.reserved > c.max_uses OR c.spent_minor + c.held_minor > c.value_minor
        """,
    ),
    Check(
        "checkout_person_uses",
        "A person's uses of a campaign are what their redemptions and live holds come to.",
        f"""
        SELECT coalesce(u.campaign_id, r.campaign_id) || ' ' || coalesce(u.person, r.person) AS what
        FROM voucher_uses AS u
        FULL JOIN ({USE_ROWS}) AS r ON r.campaign_id = u.campaign_id AND r.person = u.person
        WHERE (coalesce(u.redeemed, 0), coalesce(u.reserved, 0), coalesce(u.spent_minor, 0),
               coalesce(u.reserved_minor, 0))
            IS DISTINCT FROM (coalesce(r.redeemed, 0), coalesce(r.reserved, 0), coalesce(r.spent, 0),
                              coalesce(r.held, 0))
        """,
    ),
    Check(
        "checkout_budget_counters",
        "A counter of a budget is what the redemptions and live holds come to that count in it.",
        f"""
        SELECT coalesce(c.campaign_id, r.campaign_id) || ' ' || coalesce(c.budget, r.budget) || ' '
               || coalesce(c.period, r.period) AS what
        FROM budget_counters AS c FULL JOIN ({BUDGET_ROWS}) AS r USING (campaign_id, budget, period, who)
        WHERE (coalesce(c.redeemed, 0), coalesce(c.reserved, 0), coalesce(c.spent_minor, 0),
               coalesce(c.reserved_minor, 0))
            IS DISTINCT FROM (coalesce(r.redeemed, 0), coalesce(r.reserved, 0), coalesce(r.spent, 0),
                              coalesce(r.held, 0))
        """,
    ),
    Check(
        "checkout_budget_limits",
        "No budget gives more than any version of its campaign ever let it; customers who became one may have more.",
        """
        SELECT c.campaign_id || ' ' || c.budget || ' ' || c.period AS what FROM budget_counters AS c
        JOIN (SELECT v.campaign_id, b.name AS budget,
                     max(CASE WHEN b.is_soft THEN 9e18 ELSE coalesce(b.max_uses, 9e18) END) AS uses,
                     max(CASE WHEN b.is_soft THEN 9e18 ELSE coalesce(b.max_minor, 9e18) END) AS minor
              FROM campaign_versions AS v, jsonb_to_recordset(coalesce(v.terms->'budgets', '[]'))
                   AS b (name text, max_uses bigint, max_minor bigint, is_soft boolean)
              GROUP BY 1, 2) AS most USING (campaign_id, budget)
        WHERE c.who NOT LIKE 'c:%'
          AND (c.redeemed + c.reserved > most.uses OR c.spent_minor + c.reserved_minor > most.minor)
        """,
    ),
    Check(
        "checkout_one_end",
        "A reservation that was committed has one redemption, one that was voided none.",
        """
        SELECT r.id::text AS what FROM reservations AS r LEFT JOIN redemptions AS d ON d.reservation_id = r.id
        WHERE (r.state = 'committed' AND d.id IS NULL) OR (r.state IN ('voided', 'held') AND d.id IS NOT NULL)
        """,
    ),
    Check(
        "checkout_rollback_sums",
        "What was rolled back of a redemption is the sum of its roll-backs, and never more than was redeemed.",
        """
        SELECT d.id::text AS what FROM redemptions AS d
        LEFT JOIN (SELECT redemption_id, sum(discount_minor) AS minor, sum(points) AS points,
                          sum(points_minor) AS points_minor FROM rollbacks GROUP BY redemption_id) AS b
            ON b.redemption_id = d.id
        LEFT JOIN (SELECT redemption_id, sum(rolled_back_minor) AS minor, sum(discount_minor) AS discount
                   FROM redemption_vouchers GROUP BY redemption_id) AS v ON v.redemption_id = d.id
        WHERE (coalesce(v.minor, 0), d.points_back, d.points_back_minor)
                IS DISTINCT FROM (coalesce(b.minor, 0), coalesce(b.points, 0), coalesce(b.points_minor, 0))
           OR d.discount_minor <> coalesce(v.discount, 0)
        """,
    ),
    Check(
        "checkout_line_sums",
        "A discount, and what was rolled back of it, is the sum of its parts on lines; no part is below zero.",
        """
        SELECT v.redemption_id || ' ' || v.position AS what FROM redemption_vouchers AS v
        CROSS JOIN LATERAL (
            SELECT coalesce(sum((share->>1)::bigint), 0) AS minor, coalesce(sum((share->>2)::bigint), 0) AS back,
                   coalesce(bool_and((share->>2)::bigint BETWEEN 0 AND (share->>1)::bigint), true) AS is_sound
            FROM jsonb_array_elements(v.lines) AS share
        ) AS s
        WHERE s.minor <> v.discount_minor OR s.back <> v.rolled_back_minor OR NOT s.is_sound
        """,
    ),
    Check(
        "checkout_points_held",
        "Live reservations hold the points they say, and no others are held for them.",
        """
        SELECT r.id::text AS what FROM reservations AS r JOIN holds AS h ON h.id = r.id
        WHERE (r.state = 'held' AND r.expires_at > clock_timestamp() AND (h.state <> 'open' OR h.points <> r.points))
           OR (r.state <> 'held' AND h.state = 'open')
        """,
    ),
    Check(
        "checkout_points_spent",
        "A redemption spent the points it says, and got back what its roll-backs say.",
        """
        SELECT d.id::text AS what FROM redemptions AS d
        LEFT JOIN LATERAL (SELECT sum(points) AS points FROM transactions
                           WHERE operation = 'redemption:' || d.id AND kind = 'spent') AS t ON true
        WHERE d.points <> coalesce(t.points, 0)
        """,
    ),
)
