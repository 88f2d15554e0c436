"""All that vouchers are judged by, of many who ask at once, in one statement: so it is all of one moment."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from services.loyalty.checkout.repository.counters import Used
from services.loyalty.throttle.repository import SHORT, Bucket
from services.loyalty.throttle.repository import values as bucket_values
from services.loyalty.vouchers.repository.campaigns import CAMPAIGN
from services.loyalty.vouchers.repository.codes import CODE
from shared.db.engine import ReadTx
from shared.identity.person import Member
from shared.ids import read_uuid

# A row of what is known of those who ask, then one for each code there is.
_KNOWN = f"""
    WITH kin AS MATERIALIZED (
        SELECT root_id, raw_id FROM identity WHERE root_id IN (
            SELECT root_id FROM identity WHERE raw_id = ANY(:persons)
            UNION ALL SELECT unnest(CAST(:persons AS uuid[]))
        )
    ), asking AS (
        SELECT clock_timestamp() AS read_at,
            (SELECT json_agg(json_build_array(root_id, raw_id)) FROM kin) AS kin,
            (SELECT json_object_agg(bucket, wait) FROM ({SHORT}) AS short) AS waits,
            ARRAY(SELECT key FROM idempotency_keys WHERE key = ANY(CAST(:requests AS text[]))) AS answered,
            ARRAY(
                SELECT order_id FROM checkout_orders WHERE order_id = ANY(CAST(:orders AS text[])) AND is_cancelled
                UNION SELECT order_id FROM redemption_vouchers
                WHERE order_id = ANY(CAST(:orders AS text[])) AND NOT is_rolled_back
            ) AS settled
    ), found AS (
        SELECT codes.fingerprint, {CODE}, {CAMPAIGN}, (
            SELECT json_agg(json_build_array(used.person, used.redeemed + used.reserved,
                                             used.spent_minor + used.reserved_minor))
            FROM voucher_uses AS used WHERE used.campaign_id = campaigns.id AND used.person = ANY(ARRAY(
                SELECT unnest(CAST(:persons AS uuid[])) UNION SELECT raw_id FROM kin UNION SELECT root_id FROM kin))
        ) AS used
        FROM (
            SELECT * FROM codes WHERE fingerprint = ANY(CAST(:fingerprints AS bytea[]))
            UNION ALL SELECT * FROM codes WHERE id = ANY(CAST(:promotions AS uuid[]))
        ) AS codes JOIN campaigns ON campaigns.id = codes.campaign_id
    )
    SELECT * FROM asking FULL JOIN found ON false
"""


class Known(NamedTuple):
    """What was found. `waits`: of buckets without a token the seconds until they have one; `answered`: requests.

    `settled` are orders that were cancelled, or that a voucher stands for; `codes` are rows of codes, and of the
    vouchers of promotions, with their campaigns, `uses` what each person key has of a campaign.
    """

    read_at: datetime
    members: Mapping[UUID, Member]
    waits: Mapping[str, float]
    answered: frozenset[str]
    settled: frozenset[str]
    codes: Sequence[Row[Any]]
    uses: Mapping[UUID, Mapping[UUID, Used]]

    def wait(self, buckets: Collection[Bucket]) -> float:
        """How long whoever has these buckets must wait; 0: not at all."""
        return max((self.waits.get(each.name, 0.0) for each in buckets), default=0.0) if self.waits else 0.0

    def used(self, campaign: UUID, keys: Collection[UUID]) -> Used:
        """What all these keys together have of a campaign."""
        found = self.uses.get(campaign)
        mine = [found[key] for key in keys if key in found] if found else ()
        return Used(sum(each.uses for each in mine), sum(each.minor for each in mine))


async def read(
    tx: ReadTx,
    *,
    persons: Collection[UUID],
    fingerprints: Collection[bytes],
    buckets: Sequence[Bucket],
    promotions: Sequence[UUID] = (),
    requests: Collection[str] = (),
    orders: Collection[str] = (),
) -> Known:
    """What is known of these persons, codes, promotions, throttle buckets, idempotency keys and orders."""
    rows = await tx.execute(
        _KNOWN,
        {
            "persons": list(persons),
            "fingerprints": list(fingerprints),
            "promotions": list(promotions),
            "requests": list(requests),
            "orders": list(orders),
            **bucket_values(buckets),
        },
    )
    asking, codes = None, []
    for row in rows:
        if row.read_at is None:
            codes.append(row)
        else:
            asking = row
    assert asking is not None
    return Known(
        read_at=asking.read_at,
        members=_members(persons, asking.kin or ()),
        waits=asking.waits or {},
        answered=frozenset(asking.answered),
        settled=frozenset(asking.settled),
        codes=codes,
        uses={row.campaign_id: _uses(row.used) for row in codes if row.used},
    )


def _members(persons: Collection[UUID], kin: Sequence[tuple[str, str]]) -> dict[UUID, Member]:
    """Most persons have one key; `kin` are the others."""
    if not kin:
        return {each: Member(each, (each,)) for each in persons}
    roots: dict[UUID, UUID] = {}
    families: dict[UUID, set[UUID]] = {}
    for root_text, raw_text in kin:
        root, raw = read_uuid(root_text), read_uuid(raw_text)
        roots[raw] = root
        families.setdefault(root, {root}).add(raw)
    found = {}
    for each in persons:
        root = roots.get(each, each)
        found[each] = Member(root, tuple(sorted(families.get(root, {root}))))
    return found


def _uses(used: Sequence[tuple[str, int, int]]) -> dict[UUID, Used]:
    return {read_uuid(person): Used(uses, minor) for person, uses, minor in used}
