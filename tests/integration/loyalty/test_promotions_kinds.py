"""Windows of the week open and close flash sales and referral programmes as they do vouchers and promotions."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from flash_world import ZONE, Shop, shop
from loyalty_world import open_world
from referrals_world import programme

from services.loyalty.flash.errors import BadSaleTime
from services.loyalty.flash.schemas.sales import ExtendIn, SaleIn
from services.loyalty.referrals.errors import BadProgram, ProgramClosed

NIGHT = {"days": ["fri"], "hours": {"from": "22:00", "to": "02:00"}}
SECOND = timedelta(seconds=1)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


async def a_sale(store: Shop, **rest: Any) -> UUID:
    """From Monday 11 to Sunday 24 November 2030, in Hanoi, in the nights from Friday to Saturday."""
    body = {
        "name": "Đêm thứ sáu",
        "starts_local": "2030-11-11T00:00",
        "ends_local": "2030-11-24T00:00",
        "zone": "Asia/Ho_Chi_Minh",
        "items": [{"item": "áo dài", "units": 10}],
        "schedule": [NIGHT],
        **rest,
    }
    answer = await store.service.flash_sales.create(SaleIn.model_validate(body), by="test", idem=None)
    return UUID(orjson.loads(answer.body)["id"])


async def test_a_flash_sale_sells_in_its_windows_by_the_clock_of_the_database(database_url: str):
    async with shop(database_url, processes=1) as store:
        sale = await a_sale(store)
        moments = {
            "2030-11-11T09:00": "loyalty.flash_not_open",
            "2030-11-15T21:59:59": "loyalty.flash_not_open",
            "2030-11-15T22:00:00": "granted",
            "2030-11-16T01:59:59": "granted",
            "2030-11-16T02:00:00": "loyalty.flash_not_open",
            "2030-11-22T22:00:00": "granted",
            "2030-11-29T22:00:00": "loyalty.flash_over",
        }
        found = {}
        for moment in moments:
            await store.set_clock(local(moment))
            answer = await store.claim(sale, f"{moment} {sale}")
            found[moment] = answer if isinstance(answer, str) else "granted"
            seen = await store.service.flash_sales.listed(after=None, limit=1)
            state = seen[0][0].state(seen[0][1])
            assert state == {"granted": "open", "loyalty.flash_over": "ended"}.get(found[moment], "scheduled")
        assert found == moments

        await store.set_clock(local("2030-11-23T09:00"))
        longer = ExtendIn.model_validate({"ends_local": "2030-12-01T00:00"})
        await store.service.flash_sales.extend(sale, longer, by="test", idem=None)
        await store.set_clock(local("2030-11-29T22:00:00"))
        assert not isinstance(await store.claim(sale, f"more {sale}"), str)
        assert await store.faults() == {}

        with pytest.raises(BadSaleTime):
            await a_sale(store, ends_local="2030-11-15T00:00")
        with pytest.raises(BadSaleTime):
            await a_sale(store, ends_local="2032-11-15T00:00")


async def test_friends_come_in_the_windows_of_a_referral_programme(database_url: str):
    async with open_world(database_url) as world:
        sundays = await programme(world, schedule=[{"days": ["sun"]}], zone="Asia/Ho_Chi_Minh")
        world.clock.time = local("2026-11-22T16:00")
        code = await sundays.code("an")
        world.clock.time = local("2026-11-23T00:00")
        assert await sundays.code("an") == code
        with pytest.raises(ProgramClosed):
            await sundays.code("chi")
        assert await sundays.brings("an", "bình") == "loyalty.referral_program_closed"
        world.clock.time = local("2026-11-29T00:00")
        assert (await sundays.made("an", "bình")).state == "active"

        with pytest.raises(BadProgram):
            await programme(
                world,
                schedule=[{"days": ["sun"]}],
                zone="Asia/Ho_Chi_Minh",
                starts_at="2026-11-23T00:00:00+07:00",
                ends_at="2026-11-29T00:00:00+07:00",
            )
