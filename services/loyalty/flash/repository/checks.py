"""What must always hold of flash sales."""

from services.loyalty.invariants.domain import Check

CHECKS = (
    Check(
        "flash_taken_is_its_claims",
        "What an item of a flash sale says is taken is the units of its claims that are held or confirmed.",
        """
        SELECT i.id AS what
        FROM flash_items AS i LEFT JOIN flash_claims AS c ON c.item_id = i.id AND c.state IN ('held', 'confirmed')
        GROUP BY i.id HAVING i.taken <> coalesce(sum(c.units), 0)
        """,
    ),
    Check(
        "flash_never_oversold",
        "No more units of an item are taken than it has.",
        "SELECT id AS what FROM flash_items WHERE taken > units OR taken < 0",
    ),
    Check(
        "flash_numbers_have_no_gap",
        "The claims of an item are numbered from one, each number once.",
        """
        SELECT i.id AS what FROM flash_items AS i LEFT JOIN flash_claims AS c ON c.item_id = i.id
        GROUP BY i.id HAVING i.last_number <> count(c.id) OR i.last_number <> coalesce(max(c.number), 0)
        """,
    ),
    Check(
        "flash_limit_of_a_key",
        "Under no person key more of an item was claimed than one person may have.",
        """
        SELECT c.item_id AS what FROM flash_claims AS c JOIN flash_items AS i ON i.id = c.item_id
        WHERE c.state IN ('held', 'confirmed') AND i.max_per_person IS NOT NULL
        GROUP BY c.item_id, c.person_id, i.max_per_person HAVING sum(c.units) > i.max_per_person
        """,
    ),
    Check(
        "flash_rights_are_there",
        "What winners of a draw may still claim of an item is not taken.",
        """
        SELECT i.id AS what FROM flash_items AS i JOIN flash_entries AS e ON e.item_id = i.id AND e.state = 'won'
        GROUP BY i.id HAVING sum(e.units) > i.units - i.taken
        """,
    ),
    Check(
        "flash_drawn_as_promised",
        "Lots are drawn with the seed that was promised, and lie in the order that it gives.",
        """
        SELECT d.sale_id AS what FROM flash_draws AS d WHERE d.seed IS NOT NULL AND sha256(d.seed) <> d.seed_hash
        UNION ALL
        SELECT found.item_id FROM (
            SELECT e.item_id, e.place, row_number() OVER (
                PARTITION BY e.item_id ORDER BY sha256(d.seed || i.digest || uuid_send(e.id)), e.id
            ) AS due
            FROM flash_entries AS e JOIN flash_item_draws AS i ON i.item_id = e.item_id
            JOIN flash_draws AS d ON d.sale_id = i.sale_id WHERE e.place IS NOT NULL
        ) AS found GROUP BY found.item_id HAVING bool_or(found.place <> found.due)
        UNION ALL
        SELECT i.item_id FROM flash_item_draws AS i
        LEFT JOIN flash_entries AS e ON e.item_id = i.item_id AND e.place IS NOT NULL
        GROUP BY i.item_id, i.entries, i.digest
        HAVING i.entries <> count(e.id)
            OR i.digest <> sha256(coalesce(string_agg(uuid_send(e.id), '' ORDER BY e.id), ''))
        """,
    ),
    Check(
        "flash_claims_of_the_drawn",
        "At a lottery each claim is that of somebody who was drawn, for no more than they were drawn for.",
        """
        SELECT c.id AS what FROM flash_claims AS c JOIN flash_sales AS s ON s.id = c.sale_id AND s.is_lottery
        LEFT JOIN flash_entries AS e ON e.claim_id = c.id AND e.item_id = c.item_id AND e.units >= c.units
        WHERE e.id IS NULL
        UNION ALL
        SELECT e.id FROM flash_entries AS e LEFT JOIN flash_claims AS c ON c.id = e.claim_id
        WHERE e.state = 'claimed' AND c.id IS NULL
        """,
    ),
    Check(
        "flash_promised_units",
        "What is promised of an item is what those may claim who were drawn.",
        """
        SELECT d.item_id AS what FROM flash_item_draws AS d
        LEFT JOIN flash_entries AS e ON e.item_id = d.item_id AND e.state = 'won'
        GROUP BY d.item_id, d.promised HAVING d.promised <> coalesce(sum(e.units), 0)
        """,
    ),
    Check(
        "flash_room_numbers",
        "Nobody in a waiting room has a number that was not given yet.",
        """
        SELECT r.sale_id AS what FROM flash_rooms AS r JOIN flash_visitors AS v ON v.sale_id = r.sale_id
        GROUP BY r.sale_id, r.last_number HAVING max(v.number) > r.last_number
        """,
    ),
)
