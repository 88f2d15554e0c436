"""A million voucher codes: made, stored as keyed hashes, and handed out. About a minute and a half.

On a PostgreSQL that syncs each commit, everything on the same cores:

* the job of the product: batches of random codes by COPY, each with its progress and its sealed copy in one
  transaction; then the download of all of them, and look-ups by code among a million;
* as shops do it, on fewer codes: look whether the code is there, then INSERT it, a transaction each; and a transaction
  for all of them.

Recounted afterwards: as many rows, as many different codes, and a sample of the download is found.
"""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic, process_time
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from stand import cpu_seconds, descendants, durable_postgres, percentile, store

from services.loyalty.app import service as manifest
from services.loyalty.service import LoyaltyService
from services.loyalty.settings import LoyaltySettings
from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.schemas.campaigns import CampaignIn, StateIn
from services.loyalty.vouchers.schemas.codes import JobIn
from services.loyalty.vouchers.service import Vault
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.db.migrate import upgrade
from shared.delivery.outbox import OutboxWriter
from shared.ids import uuid7
from shared.runtime.trees import trees_of

WANTED = 1_000_000
NAIVE = 2_000
LOOKUPS = 2_000


@asynccontextmanager
async def loyalty(url: str) -> AsyncIterator[LoyaltyService]:
    """The service on a database."""
    db = Database(make_engine(url, schema="loyalty"), schema="loyalty", outbox=OutboxWriter())
    try:
        await upgrade(db.engine, trees_of([manifest]))
        vault = Vault([os.urandom(32)])
        yield LoyaltyService(db, SystemClock(), ZoneInfo("Asia/Ho_Chi_Minh"), LoyaltySettings(), vault)
    finally:
        await db.dispose()


async def campaign(service: LoyaltyService) -> UUID:
    """An active campaign."""
    terms = {"benefit": {"type": "percentage", "percent": 10}}
    body = {"name": "Tết", "currency": "VND", "terms": terms, "coding": {"prefix": "TET26"}}
    made = await service.campaigns.create(CampaignIn.model_validate(body), by="bench", idem=None)
    campaign_id = UUID(orjson.loads(made.body)["id"])
    await service.campaigns.set_state(campaign_id, StateIn(state="active"), idem=None)
    return campaign_id


async def in_bulk(service: LoyaltyService, campaign_id: UUID, postgres: int) -> tuple[dict[str, float], list[str]]:
    """What the product's job takes, and the codes it made."""
    job = await service.code_jobs.begin(campaign_id, JobIn(count=WANTED), by="bench")
    started, ours, theirs = monotonic(), process_time(), cpu_seconds(descendants(postgres))
    await service.code_jobs.make(job.id)
    took = monotonic() - started
    figures = {
        "codes": float(WANTED),
        "seconds": round(took, 2),
        "per_second": round(WANTED / took),
        "our_cpu_us_each": round((process_time() - ours) * 1e6 / WANTED, 2),
        "backend_cpu_us_each": round((cpu_seconds(descendants(postgres)) - theirs) * 1e6 / WANTED, 2),
    }
    started = monotonic()
    made = b"".join([each async for each in await service.code_jobs.download(job.id)]).decode().split()[1:]
    figures["download_seconds"] = round(monotonic() - started, 2)
    return figures, made


async def one_by_one(service: LoyaltyService, campaign_id: UUID, *, at_once: bool) -> dict[str, float]:
    """What it takes to look for each code and to insert it: a transaction each, or one for all."""
    peppers = service.vault._peppers
    assert peppers is not None
    drawn = codes.make(NAIVE, 12, os.urandom)
    started = monotonic()

    async def insert(tx: object, code: str) -> None:
        seen = await tx.execute("SELECT 1 FROM codes WHERE fingerprint = :f", {"f": peppers.fingerprint(code)})
        if seen.one_or_none() is None:
            await tx.execute(
                "INSERT INTO codes (id, campaign_id, fingerprint, kid, last4, max_uses, created_at) "
                "VALUES (:id, :campaign, :f, :kid, :last4, 1, now())",
                {"id": uuid7(), "campaign": campaign_id, "f": peppers.fingerprint(code), "kid": peppers.current,
                 "last4": code[-4:]},
            )  # fmt: skip

    if at_once:
        async with service.db.write() as tx:
            for code in drawn:
                await insert(tx, code)
    else:
        for code in drawn:
            async with service.db.write() as tx:
                await insert(tx, code)
    took = monotonic() - started
    return {"codes": float(NAIVE), "seconds": round(took, 2), "per_second": round(NAIVE / took)}


async def lookups(service: LoyaltyService, made: list[str]) -> dict[str, float]:
    """What it takes to find a voucher by its code among a million, one after the other."""
    times = []
    for code in random.Random(1).sample(made, LOOKUPS):
        started = monotonic()
        async with service.db.read() as tx:
            assert (await service.vouchers.find(tx, [code])).unknown == ()
        times.append((monotonic() - started) * 1e3)
    return {"p50_ms": round(percentile(times, 0.5), 2), "p95_ms": round(percentile(times, 0.95), 2)}


async def main() -> None:
    """Measure, recount, keep."""
    async with durable_postgres() as (url, postgres), loyalty(url) as service:
        campaign_id = await campaign(service)
        print("a million codes …", file=sys.stderr)
        bulk, made = await in_bulk(service, campaign_id, postgres)
        async with service.db.read() as tx:
            stored = (
                await tx.execute("SELECT count(*) AS rows, count(DISTINCT fingerprint) AS codes FROM codes")
            ).one()
        assert len(set(made)) == stored.rows == stored.codes == WANTED
        found = await lookups(service, made)
        print("the naive ways …", file=sys.stderr)
        each = await one_by_one(service, campaign_id, at_once=False)
        together = await one_by_one(service, campaign_id, at_once=True)
    store(
        "vouchers",
        {
            "bulk": bulk,
            "naive, a transaction each": each,
            "naive, one transaction": together,
            "look-up among a million": found,
            "times as fast as a transaction each": round(bulk["per_second"] / each["per_second"], 1),
            "times as fast as one transaction": round(bulk["per_second"] / together["per_second"], 1),
            "recount": {"rows": stored.rows, "different": stored.codes},
        },
    )


if __name__ == "__main__":
    asyncio.run(main())
