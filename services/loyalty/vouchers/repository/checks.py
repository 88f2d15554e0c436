"""What must always hold of codes besides their counters, which `checkout` recounts."""

from services.loyalty.invariants.domain import Check

CHECKS = (
    Check(
        "voucher_assignment_is_its_code",
        "What was assigned is a code of its campaign, and its holder's alone.",
        """
        SELECT a.id::text AS what FROM assignments AS a LEFT JOIN codes AS c ON c.id = a.code_id
        WHERE (c.campaign_id, c.holder) IS DISTINCT FROM (a.campaign_id, a.person)
        """,
    ),
    Check(
        "voucher_job_is_done_or_waits",
        "A job is done when all its codes are made, and keeps none that it cannot open.",
        """
        SELECT j.id::text AS what FROM code_jobs AS j
        WHERE (j.state = 'done') <> (j.made = j.wanted)
           OR (j.sealed_key IS NULL AND EXISTS (SELECT FROM code_batches AS b WHERE b.job_id = j.id))
        """,
    ),
    Check(
        "voucher_campaign_has_its_version",
        "What a campaign says stands in its latest version.",
        """
        SELECT c.id::text AS what FROM campaigns AS c
        LEFT JOIN campaign_versions AS v ON v.campaign_id = c.id AND v.version = c.version
        WHERE (c.name, c.max_uses, c.budget_minor) IS DISTINCT FROM (v.name, v.max_uses, v.budget_minor)
        """,
    ),
    Check(
        "voucher_pool_within_bounds",
        "No more codes are made ahead than a version of the campaign allowed, and free ones can still be told.",
        """
        SELECT c.campaign_id::text AS what FROM codes AS c WHERE c.pool = 'made' GROUP BY c.campaign_id
        HAVING count(*) > (SELECT max((v.coding ->> 'pool_max')::bigint) FROM campaign_versions AS v
                           WHERE v.campaign_id = c.campaign_id)
        UNION ALL
        SELECT id::text FROM codes WHERE pool IS NOT NULL AND holder IS NULL AND sealed IS NULL
        """,
    ),
    Check(
        "voucher_loads_are_on_the_card",
        "What was put on a gift card is part of its value.",
        """
        SELECT c.id::text AS what FROM codes AS c JOIN code_loads AS l ON l.code_id = c.id
        GROUP BY c.id HAVING c.value_minor IS NULL OR sum(l.amount_minor) > c.value_minor
        """,
    ),
)
