"""What must always hold of the ledger. Each statement finds violations: nothing, if all is well."""

from services.loyalty.invariants.domain import Check

_CONTENT = """
    concat_ws('|', t.id, t.wallet_id, t.version, t.kind, coalesce(t.account, ''), t.points, t.available, t.pending,
        t.held, t.debt, CAST(extract(epoch FROM t.occurred_at) * 1000000 AS bigint),
        CAST(extract(epoch FROM t.recorded_at) * 1000000 AS bigint), coalesce(t.operation, ''), coalesce(t.source, ''),
        t.reason, coalesce(t.reference, ''), coalesce(t.actor, ''))
"""

CHECKS = (
    Check(
        "postings_sum_to_zero",
        "The postings of each transaction sum to zero.",
        "SELECT transaction_id AS what FROM postings GROUP BY transaction_id HAVING sum(points) <> 0",
    ),
    Check(
        "wallet_is_its_postings",
        "The four balances of a wallet are the sums of its postings.",
        """
        SELECT w.id AS what FROM wallets AS w LEFT JOIN (
            SELECT wallet_id, sum(available) AS available, sum(pending) AS pending, sum(held) AS held,
                sum(debt) AS debt
            FROM transactions GROUP BY wallet_id
        ) AS t ON t.wallet_id = w.id
        WHERE (w.available, w.pending, w.held, w.debt) IS DISTINCT FROM (t.available, t.pending, t.held, t.debt)
        """,
    ),
    Check(
        "wallet_is_its_lots",
        "What a wallet has, active and pending, is what is left in its lots.",
        """
        SELECT w.id AS what FROM wallets AS w LEFT JOIN (
            SELECT wallet_id, sum(remaining) FILTER (WHERE is_active) AS available,
                sum(remaining) FILTER (WHERE NOT is_active) AS pending
            FROM lots WHERE remaining > 0 GROUP BY wallet_id
        ) AS l ON l.wallet_id = w.id
        WHERE w.available <> coalesce(l.available, 0) OR w.pending <> coalesce(l.pending, 0)
        """,
    ),
    Check(
        "wallet_is_its_holds",
        "What a wallet has set apart is what its open holds drew.",
        """
        SELECT w.id AS what FROM wallets AS w LEFT JOIN (
            SELECT t.wallet_id, sum(a.points) AS held
            FROM holds AS h JOIN transactions AS t ON t.operation = 'hold:' || h.id
            JOIN allocations AS a ON a.of_id = t.id
            WHERE h.state = 'open' GROUP BY t.wallet_id
        ) AS h ON h.wallet_id = w.id
        WHERE w.held <> coalesce(h.held, 0)
        """,
    ),
    Check(
        "hold_ends_once",
        "An open hold has drawn all its points, one that ended none.",
        """
        SELECT h.id AS what FROM holds AS h
        LEFT JOIN transactions AS t ON t.operation = 'hold:' || h.id
        LEFT JOIN allocations AS a ON a.of_id = t.id
        GROUP BY h.id
        HAVING coalesce(sum(a.points), 0) <> CASE WHEN h.state = 'open' THEN h.points ELSE 0 END
        """,
    ),
    Check(
        "lot_is_its_allocations",
        "What is left in a lot is what came in, less what was drawn, plus what was returned.",
        """
        SELECT l.id AS what FROM lots AS l
        LEFT JOIN (SELECT lot_id, sum(points) AS points FROM allocations GROUP BY lot_id) AS a ON a.lot_id = l.id
        WHERE l.remaining <> l.points - coalesce(a.points, 0)
        """,
    ),
    Check(
        "returned_within_drawn",
        "No more is returned to a lot than a transaction drew from it.",
        "SELECT of_id AS what FROM allocations GROUP BY of_id, lot_id HAVING sum(points) < 0",
    ),
    Check(
        "source_is_its_transactions",
        "What a source has earned is what was issued for it, less what was taken back; what could not be is noted.",
        """
        SELECT s.wallet_id || ' ' || s.source AS what FROM sources AS s LEFT JOIN (
            SELECT wallet_id, source, sum(points) AS points FROM transactions
            WHERE source IS NOT NULL AND account IN ('issued', 'reversed') GROUP BY wallet_id, source
        ) AS t USING (wallet_id, source)
        WHERE s.points + s.uncollected <> -coalesce(t.points, 0)
        """,
    ),
    Check(
        "debt_by_clawback_alone",
        "Only what is taken back makes debt.",
        "SELECT id AS what FROM transactions WHERE debt > 0 AND kind <> 'reversed'",
    ),
    Check(
        "debt_within_its_most",
        "Nobody owes more of a wallet than any version of its programme ever let them.",
        """
        SELECT w.id AS what FROM wallets AS w LEFT JOIN (
            SELECT named.key AS name, max(CAST(named.value ->> 'max_debt' AS bigint)) AS most
            FROM program_versions AS v, jsonb_each(v.terms -> 'wallets') AS named
            WHERE v.status = 'active' GROUP BY named.key
        ) AS p USING (name)
        WHERE w.debt > coalesce(p.most, 1000000000000)
        """,
    ),
    Check(
        "versions_without_gap",
        "The transactions of a wallet are counted without a gap: each was announced once, in order.",
        """
        SELECT w.id AS what FROM wallets AS w LEFT JOIN (
            SELECT wallet_id, count(*) AS number, max(version) AS last FROM transactions GROUP BY wallet_id
        ) AS t ON t.wallet_id = w.id
        WHERE (w.version, w.version) IS DISTINCT FROM (coalesce(t.number, 0), coalesce(t.last, 0))
        """,
    ),
    Check(
        "chain_unbroken",
        "Each transaction is hashed with the hash of the one before, up to the wallet's own: none was touched.",
        f"""
        SELECT what FROM (
            SELECT t.id AS what, t.hash, sha256(
                coalesce(lag(t.hash) OVER each_wallet, decode(repeat('00', 32), 'hex'))
                || convert_to({_CONTENT}, 'UTF8')
            ) AS again, lead(t.id) OVER each_wallet AS next_id, w.hash AS head
            FROM transactions AS t JOIN wallets AS w ON w.id = t.wallet_id
            WINDOW each_wallet AS (PARTITION BY t.wallet_id ORDER BY t.version)
        ) AS chain
        WHERE hash <> again OR (next_id IS NULL AND hash <> head)
        """,
    ),
    Check(
        "nothing_drawn_after_its_end",
        "Nothing is spent or held from a lot that has ended, except what was held before its end.",
        """
        SELECT t.id AS what FROM transactions AS t JOIN allocations AS a ON a.transaction_id = t.id AND a.points > 0
        JOIN lots AS l ON l.id = a.lot_id
        WHERE t.available < 0 AND t.kind IN ('spent', 'held', 'transferred_out', 'fee')
            AND l.expires_at <= t.recorded_at
        """,
    ),
    Check(
        "time_is_kept",
        "What began or ended is booked within a quarter of an hour.",
        """
        SELECT id AS what FROM lots WHERE remaining > 0 AND (
            expires_at <= now() - interval '15 minutes'
            OR (NOT is_active AND active_at <= now() - interval '15 minutes')
        )
        """,
    ),
)  # fmt: skip
