"""SQL of campaigns: the row with the live counters, and the versions with what they say."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import Row

from services.loyalty.vouchers.domain.codes import ALPHABET
from services.loyalty.vouchers.domain.forms import Form
from services.loyalty.vouchers.domain.terms import Terms, read
from services.loyalty.vouchers.domain.voucher import Campaign
from shared.db.engine import ReadTx, WriteTx

CAMPAIGN = (
    "campaigns.id AS campaign_id, campaigns.name, campaigns.codes, campaigns.state, campaigns.version, "
    "campaigns.currency, campaigns.starts_at, campaigns.ends_at, campaigns.max_uses, campaigns.redeemed, "
    "campaigns.reserved, campaigns.budget_minor, campaigns.spent_minor, campaigns.reserved_minor, campaigns.created_at"
)


class Coding(NamedTuple):
    """How a campaign's codes are made: `length` random symbols behind `prefix`; an assigned one holds `days` days.

    `once_per_customer`: nobody is assigned a second one. A `pattern` with symbols of `charset` goes before prefix and
    length. `pool_min`: so many free codes are kept ready to be assigned, made as long as there are not `pool_max`.
    `jurisdiction`: of gift cards, whose law says when they may expire.
    """

    prefix: str = ""
    length: int = 12
    days: int | None = None
    once_per_customer: bool = False
    pattern: str | None = None
    charset: str | None = None
    has_check: bool = True
    pool_min: int | None = None
    pool_max: int | None = None
    jurisdiction: str | None = None

    @property
    def form(self) -> Form:
        """What its codes look like."""
        return Form(self.prefix, self.length, self.pattern, self.charset or ALPHABET, self.has_check)


class Version(NamedTuple):
    """What one version of a campaign says, besides its limits; `terms` as read, `document` as written."""

    campaign_id: UUID
    version: int
    name: str
    description: str
    zone: ZoneInfo
    starts_on: date | None
    ends_on: date | None
    max_uses: int | None
    budget_minor: int | None
    terms: Terms
    document: dict[str, Any]
    coding: Coding
    created_at: datetime
    created_by: str


class Written(NamedTuple):
    """What is written of a new version, besides the campaign's row."""

    description: str
    zone: str
    starts_on: date | None
    ends_on: date | None
    terms: dict[str, Any]
    coding: Coding
    at: datetime
    by: str


def campaign_of(row: Row[Any], version: Version) -> Campaign:
    """The campaign of a row that has `CAMPAIGN`'s columns."""
    return Campaign(
        id=row.campaign_id,
        name=row.name,
        codes=row.codes,
        state=row.state,
        version=row.version,
        terms=version.terms,
        currency=row.currency,
        zone=version.zone,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        max_uses=row.max_uses,
        redeemed=row.redeemed,
        reserved=row.reserved,
        budget_minor=row.budget_minor,
        spent_minor=row.spent_minor,
        reserved_minor=row.reserved_minor,
    )


async def rows(tx: ReadTx, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, Row[Any]]:
    """The rows of campaigns, locked in ascending order if asked."""
    found = await tx.execute(
        f"SELECT {CAMPAIGN} FROM campaigns WHERE id = ANY(:ids) ORDER BY id {'FOR UPDATE' if lock else ''}",
        {"ids": list(ids)},
    )
    return {row.campaign_id: row for row in found}


async def listed(tx: ReadTx, *, before: UUID | None, state: str | None, limit: int) -> Sequence[Row[Any]]:
    """Campaigns, those made last first."""
    wanted = {"before": before, "state": state}
    found = await tx.execute(
        f"""
        SELECT {CAMPAIGN} FROM campaigns WHERE true
          {"" if before is None else "AND id < :before"} {"" if state is None else "AND state = :state"}
        ORDER BY id DESC LIMIT :limit
        """,
        {"limit": limit, **{name: value for name, value in wanted.items() if value is not None}},
    )
    return found.fetchall()


async def namesake(tx: ReadTx, name: str) -> UUID | None:
    """The campaign of this name."""
    found = await tx.execute("SELECT id FROM campaigns WHERE name = :name", {"name": name})
    row = found.one_or_none()
    return None if row is None else row.id


_VERSION = (
    "v.campaign_id, v.version, v.name, v.description, v.zone, v.starts_on, v.ends_on, v.max_uses, v.budget_minor, "
    "v.terms::text AS terms, v.coding::text AS coding, v.created_at, v.created_by, c.currency"
)


async def versions(tx: ReadTx, keys: Collection[tuple[UUID, int]]) -> list[Version]:
    """These versions of campaigns."""
    found = await tx.execute(
        f"""
        SELECT {_VERSION} FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS integer[])) AS wanted (id, version)
        JOIN campaign_versions v ON v.campaign_id = wanted.id AND v.version = wanted.version
        JOIN campaigns c ON c.id = v.campaign_id
        """,
        {"ids": [key[0] for key in keys], "versions": [key[1] for key in keys]},
    )
    return [_version(row) for row in found]


async def history(tx: ReadTx, campaign: UUID, *, before: int | None, limit: int) -> list[Version]:
    """What a campaign has said, the latest first."""
    found = await tx.execute(
        f"""
        SELECT {_VERSION} FROM campaign_versions v JOIN campaigns c ON c.id = v.campaign_id
        WHERE v.campaign_id = :campaign {"" if before is None else "AND v.version < :before"}
        ORDER BY v.version DESC LIMIT :limit
        """,
        {"campaign": campaign, "limit": limit, **({} if before is None else {"before": before})},
    )
    return [_version(row) for row in found]


def _version(row: Row[Any]) -> Version:
    document = orjson.loads(row.terms)
    return Version(
        campaign_id=row.campaign_id,
        version=row.version,
        name=row.name,
        description=row.description,
        zone=ZoneInfo(row.zone),
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        max_uses=row.max_uses,
        budget_minor=row.budget_minor,
        terms=read(document, currency=row.currency),
        document=document,
        coding=Coding(**orjson.loads(row.coding)),
        created_at=row.created_at,
        created_by=row.created_by,
    )


async def put(tx: WriteTx, campaign: Campaign, written: Written) -> None:
    """Keep a campaign and its version; live counters of one that is there stay as they are."""
    values = {
        "id": campaign.id,
        "name": campaign.name,
        "codes": campaign.codes,
        "state": campaign.state,
        "version": campaign.version,
        "currency": campaign.currency,
        "starts_at": campaign.starts_at,
        "ends_at": campaign.ends_at,
        "max_uses": campaign.max_uses,
        "budget_minor": campaign.budget_minor,
    }
    await tx.execute(
        """
        INSERT INTO campaigns (id, name, codes, state, version, currency, starts_at, ends_at, max_uses, budget_minor,
                               created_at)
        VALUES (:id, :name, :codes, :state, :version, :currency, :starts_at, :ends_at, :max_uses, :budget_minor, :at)
        ON CONFLICT (id) DO UPDATE SET
            name = EXCLUDED.name, version = EXCLUDED.version, starts_at = EXCLUDED.starts_at,
            ends_at = EXCLUDED.ends_at, max_uses = EXCLUDED.max_uses, budget_minor = EXCLUDED.budget_minor
        """,
        {**values, "at": written.at},
    )
    await tx.execute(
        """
        INSERT INTO campaign_versions (campaign_id, version, name, description, zone, starts_on, ends_on, max_uses,
                                       budget_minor, terms, coding, created_at, created_by)
        VALUES (:id, :version, :name, :description, :zone, :starts_on, :ends_on, :max_uses, :budget_minor,
                CAST(:terms AS jsonb), CAST(:coding AS jsonb), :at, :by)
        """,
        {
            **{name: values[name] for name in ("id", "version", "name", "max_uses", "budget_minor")},
            **written._asdict(),
            "terms": orjson.dumps(written.terms).decode(),
            "coding": orjson.dumps(written.coding._asdict()).decode(),
        },
    )


async def holds_money(tx: ReadTx, campaign: UUID) -> bool:
    """Whether there is money on a gift card of a campaign."""
    found = await tx.execute(
        "SELECT EXISTS (SELECT FROM codes WHERE campaign_id = :campaign AND state <> 'voided' "
        "AND value_minor > spent_minor) AS has",
        {"campaign": campaign},
    )
    return bool(found.scalar_one())


async def active_promotions(tx: ReadTx) -> int:
    """How many campaigns count without a code."""
    found = await tx.execute("SELECT count(*) FROM campaigns WHERE codes = 'automatic' AND state = 'active'")
    count: int = found.scalar_one()
    return count


async def set_state(tx: WriteTx, campaign: UUID, state: str) -> None:
    """Bring a campaign into another state."""
    await tx.execute("UPDATE campaigns SET state = :state WHERE id = :id", {"id": campaign, "state": state})
