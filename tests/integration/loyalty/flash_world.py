"""What the tests of flash sales play with: a database whose clock can be moved, and processes that claim from it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import orjson
from sqlalchemy.exc import DBAPIError

import services.loyalty
import shared
from services.loyalty.flash.domain.sale import Claim
from services.loyalty.flash.repository.checks import CHECKS
from services.loyalty.flash.schemas.sales import ClaimIn, ItemIn, SaleIn, UnitsIn
from services.loyalty.flash.service.claims import Claims
from services.loyalty.flash.service.draws import Draws
from services.loyalty.flash.service.lanes import Lanes
from services.loyalty.flash.service.rooms import Rooms, RoomViews
from services.loyalty.flash.service.sales import Sales, Views
from services.loyalty.flash.service.upkeep import Upkeep
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.db.migrate import Tree, upgrade
from shared.delivery.outbox import OutboxWriter
from shared.errors import AppError
from shared.events.catalogue.loyalty import FlashClaimed
from shared.events.catalogue.profiles import CustomerMerged, CustomerUnmerged
from shared.events.envelope import Catalogue, Event
from shared.http.problems import from_unexpected
from shared.identity import mapping
from shared.ids import uuid7

LOYALTY = Path(services.loyalty.__file__).parent
SHARED = Path(shared.__file__).parent
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PEPPER = bytes(range(32))


class Process:
    """What one process has of flash sales: lanes and views of its own."""

    def __init__(self, db: Database) -> None:
        lanes, clock, vault = Lanes(), SystemClock(), Vault((PEPPER,))
        self.db = db
        self.flash_sales = Sales(db, clock, ZONE, lanes, Views(), vault)
        self.flash_rooms = Rooms(db, vault, RoomViews(), self.flash_sales)
        self.flash_claims = Claims(db, clock, lanes, self.flash_rooms)
        self.flash_draws = Draws(db, clock, vault)
        self.flash_upkeep = Upkeep(db, clock, lanes)


@dataclass
class Shop:
    """One database and the processes at it: each with its own lanes and pool."""

    url: str
    processes: list[Process]

    @property
    def service(self) -> Process:
        return self.processes[0]

    async def sale(self, units: int, *, item: str = "áo dài", **rest: Any) -> UUID:
        """A sale that is open from a minute ago for an hour."""
        now = datetime.now(UTC).astimezone(ZONE).replace(tzinfo=None)
        per_person = rest.pop("item_max", None)
        items = rest.pop("items", [ItemIn(item=item, units=units, max_per_person=per_person)])
        body = SaleIn.model_validate(
            {
                "name": "Nửa đêm 11.11",
                "starts_local": (now - timedelta(minutes=1)).isoformat(timespec="seconds"),
                "ends_local": (now + timedelta(hours=1)).isoformat(timespec="seconds"),
                "zone": "Asia/Ho_Chi_Minh",
                "items": items,
                **rest,
            }
        )
        answer = await self.service.flash_sales.create(body, by="test", idem=None)
        return UUID(orjson.loads(answer.body)["id"])

    async def claim(
        self, sale: UUID, who: str, *, key: str | None = None, units: int = 1, process: int = 0, item: str = "áo dài"
    ) -> Claim | str:
        """The claim, or the code of the refusal."""
        return await self.claim_as(sale, f"user_id:{who}", key=key or who, units=units, process=process, item=item)

    async def claim_as(
        self, sale: UUID, customer: str, *, key: str = "k", units: int = 1, process: int = 0, item: str = "áo dài"
    ) -> Claim | str:
        """The same, for a reference."""
        body = ClaimIn(key=key, item=item, customer=customer, units=units)
        try:
            return (await self.processes[process].flash_claims.claim(sale, body))[0]
        except AppError as refusal:
            return refusal.code
        except DBAPIError as error:
            # A connection may be lost wherever something is read; who calls over HTTP is told so.
            return from_unexpected(error).code

    async def add_units(self, sale: UUID, units: int, *, process: int = 0, item: str = "áo dài") -> None:
        body = UnitsIn(item=item, units=units)
        await self.processes[process].flash_sales.add_units(sale, body, by="test", idem=None)

    async def rows(self, sql: str, **values: Any) -> Sequence[Any]:
        return await self.service.db.call(sql, values)

    async def do(self, sql: str) -> None:
        async with self.service.db.write() as tx:
            await tx.execute(sql)

    async def set_clock(self, moment: datetime | None) -> None:
        """Set the database's clock; None: right again."""
        now = "clock_timestamp()" if moment is None else f"''{moment.isoformat()}''::timestamptz"
        await self.do(
            f"CREATE OR REPLACE FUNCTION flash_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT {now}'"
        )

    async def cut(self) -> None:
        """End every connection of the processes, whatever it does."""
        connection = await asyncpg.connect(self.url.replace("postgresql+asyncpg", "postgresql"))
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name LIKE 'tam:%' AND pid <> pg_backend_pid()"
        )
        await connection.close()

    async def faults(self) -> dict[str, Any]:
        """What the live checker would find."""
        return {each.name: found for each in CHECKS if (found := await self.rows(each.sql))}

    async def merge(self, one: UUID, into: UUID | None, version: int) -> None:
        """Merge a person key, or split it again."""
        now = datetime.now(UTC)
        data: Any = (
            CustomerMerged(from_id=one, into_id=into, version=version, reason="identify")
            if into
            else CustomerUnmerged(from_id=one, into_id=one, version=version, reason="manual")
        )
        async with self.service.db.write() as tx:
            await mapping.follow(tx, [Event(uuid7(), one, now, now, data)])

    async def announced(self) -> list[Event[FlashClaimed]]:
        catalogue = Catalogue((FlashClaimed,))
        found = [catalogue.decode(row.value) for row in await self.rows("SELECT value FROM outbox_records")]
        return [event for event in found if event is not None]


@asynccontextmanager
async def shop(database_url: str, *, processes: int = 1) -> AsyncIterator[Shop]:
    """Loyalty on a real database."""
    made = []
    for _ in range(processes):
        engine = make_engine(database_url, schema="loyalty", pool_size=8)
        db = Database(engine, schema="loyalty", outbox=OutboxWriter())
        made.append(Process(db))
    await upgrade(
        made[0].db.engine,
        [
            Tree(SHARED / "delivery" / "migrations", "loyalty", "alembic_delivery"),
            Tree(SHARED / "identity" / "migrations", "loyalty", "alembic_identity"),
            Tree(LOYALTY / "migrations", "loyalty", "alembic_version"),
        ],
    )
    try:
        yield Shop(database_url, made)
    finally:
        for each in made:
            await each.db.dispose()
