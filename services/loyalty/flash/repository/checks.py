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
)
