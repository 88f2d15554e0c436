"""What tests of codes play with: campaigns made in a line, jobs run to their end, a copy of all that is stored."""

import re
from itertools import count
from typing import Any
from uuid import UUID

import orjson
from loyalty_world import LoyaltyWorld

from services.loyalty.service import LoyaltyService
from services.loyalty.vouchers.repository.checks import CHECKS
from services.loyalty.vouchers.schemas.campaigns import CampaignIn, StateIn
from services.loyalty.vouchers.schemas.codes import ImportIn, JobIn, SharedCodeIn

_NUMBERS = count(1)
# A binary column in a row's text; in an array it is escaped twice.
_BINARY = re.compile(r"\\+x((?:[0-9a-f]{2})+)")
PERCENT = {"type": "percentage", "percent": 10}


async def campaign(service: LoyaltyService, *, state: str | None = "active", **rest: Any) -> UUID:
    """A campaign of ten per cent, active if nothing else is said."""
    said = {"name": f"campaign {next(_NUMBERS)}", "currency": "VND", "terms": {"benefit": PERCENT}, **rest}
    made = await service.campaigns.create(CampaignIn.model_validate(said), by="test", idem=None)
    campaign_id = UUID(orjson.loads(made.body)["id"])
    if state is not None:
        await service.campaigns.set_state(campaign_id, StateIn(state="active"), idem=None)
        if state != "active":
            await service.campaigns.set_state(campaign_id, StateIn.model_validate({"state": state}), idem=None)
    return campaign_id


async def job(service: LoyaltyService, campaign_id: UUID, wanted: int, **rest: Any) -> UUID:
    """A job that nobody works on yet."""
    body = JobIn.model_validate({"count": wanted, **rest})
    return UUID(orjson.loads((await service.code_jobs.start(campaign_id, body, by="test", idem=None)).body)["id"])


async def codes(service: LoyaltyService, campaign_id: UUID, wanted: int, **rest: Any) -> list[str]:
    """So many new codes."""
    made = await job(service, campaign_id, wanted, **rest)
    await service.code_jobs.make(made)
    return await downloaded(service, made)


async def downloaded(service: LoyaltyService, job_id: UUID) -> list[str]:
    """The codes of a job."""
    text = b"".join([each async for each in await service.code_jobs.download(job_id)]).decode()
    heading, *lines = text.splitlines()
    assert heading == "code"
    return lines


async def shared(service: LoyaltyService, campaign_id: UUID, text: str) -> UUID:
    """A shared code."""
    made = await service.codes.share(campaign_id, SharedCodeIn(code=text), idem=None)
    return UUID(orjson.loads(made.body)["id"])


async def imported(service: LoyaltyService, campaign_id: UUID, *given: dict[str, Any]) -> dict[str, Any]:
    """What came of an import."""
    body = ImportIn.model_validate({"codes": list(given)})
    said: dict[str, Any] = orjson.loads((await service.codes.import_(campaign_id, body, idem=None)).body)
    return said


async def violations(world: LoyaltyWorld) -> dict[str, list[str]]:
    """What breaks an invariant of codes."""
    return {check.name: found for check in CHECKS if (found := [row.what for row in await world.rows(check.sql)])}


async def everything_stored(world: LoyaltyWorld) -> str:
    """Every row of every table of the schema as text; binary columns in hexadecimal and as they read."""
    tables = await world.rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace"
    )
    found: list[str] = []
    for (table,) in tables:
        for (row,) in await world.rows(f'SELECT t::text FROM "{table}" AS t'):
            found.append(row)
            found += [bytes.fromhex(each).decode("latin-1") for each in _BINARY.findall(row)]
    return "\n".join(found)
