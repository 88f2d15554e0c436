"""Reports over HTTP: the books of a firm that sells in đồng and dollars, month by month, and who has what of which."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from loyalty_world import HandClock

from services.loyalty.app import service as manifest
from shared.events.catalogue.touchpoints import OrderCancelled, OrderPlaced
from shared.events.envelope import Event, EventData
from shared.ids import user_key, uuid7
from shared.testing.platform import Running, running_platform

REPORTS = "/v1/loyalty/reports"
REVENUE = f"{REPORTS}/deferred-revenue"
AN = user_key("an")
# Still September in UTC, and October in Vietnam.
OCTOBER = datetime(2026, 9, 30, 18, 0, tzinfo=UTC)


async def tell(running: Running, clock: HandClock, said: EventData) -> None:
    """A fact about An, and all that follows from it."""
    async with running.platform.units["loyalty"].db.write() as tx:
        tx.emit(Event(uuid7(), AN, clock.now(), clock.now(), said))
    await running.settled()


async def order(running: Running, clock: HandClock, number: str, minor: int, currency: str) -> None:
    await tell(running, clock, OrderPlaced(order_id=number, total_minor=minor, currency=currency, source="web"))


async def rule(running: Running, name: str, per_minor: int, currency: str) -> str:
    said = {"trigger": {"on": "order"}, "effect": {"kind": "per_amount", "per_minor": per_minor, "currency": currency}}
    made = await running.crm.post("/v1/loyalty/earning/rules", json={"name": name, "state": "active", "rule": said})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def spend(running: Running, points: int) -> None:
    held = await running.crm.post(f"/v1/loyalty/members/{AN}/holds", json={"points": points})
    assert held.status_code == 201, held.text
    assert (await running.crm.post(f"/v1/loyalty/holds/{held.json()['id']}/commit", json={})).is_success


async def estimate(running: Running, month: str, currency: str, value: str, rate: str) -> Any:
    body = {"month": month, "currency": currency, "minor_per_point": value, "redemption_rate": rate}
    return await running.crm.put(f"{REVENUE}/estimates", json=body)


async def totals(running: Running, month: str) -> dict[str, tuple[int, int, int, int]]:
    said = (await running.crm.get(REVENUE, params={"month": month})).json()
    return {each["currency"]: numbers(each) for each in said["totals"]}


def numbers(said: dict[str, Any]) -> tuple[int, int, int, int]:
    found = said["opening_minor"], said["new_minor"], said["recognised_minor"], said["closing_minor"]
    assert found[0] + found[1] - found[2] == found[3]
    return found


async def test_the_books_of_two_months(database_url: str):
    clock = HandClock(OCTOBER)
    async with running_platform(database_url, [manifest], clock=clock) as running:
        await rule(running, "đồng", 10, "VND")
        await rule(running, "dollar", 100, "USD")
        await rule(running, "euro", 100, "EUR")
        assert (await estimate(running, "2026-10", "VND", "1", "0.95")).status_code == 200
        assert (await estimate(running, "2026-10", "USD", "10", "0.85")).status_code == 200
        # Example 52 of the standard, and that of finlearnhub.
        await order(running, clock, "vnd", 100_000, "VND")
        clock.forward(days=1)
        await order(running, clock, "usd", 200_000, "USD")
        await order(running, clock, "eur", 5_000, "EUR")
        await spend(running, 4_500)

        october = (await running.crm.get(REVENUE)).json()
        assert [(each["currency"], each["points"]) for each in october["cannot_say"]] == [("EUR", 50)]
        assert await totals(running, "2026-10") == {
            "VND": (0, 8_676, 4_110, 4_566),
            "USD": (0, 15_668, 0, 15_668),
        }
        early = await running.crm.post(f"{REVENUE}/2026-10/close")
        assert (early.status_code, early.json()["code"]) == (409, "loyalty.month_not_over")

        clock.forward(days=30)
        assert clock.now() == datetime(2026, 10, 31, 18, 0, tzinfo=UTC)
        key = {"Idempotency-Key": "october"}
        closed = await running.crm.post(f"{REVENUE}/2026-10/close", headers=key)
        assert closed.status_code == 200, closed.text
        assert (await running.crm.post(f"{REVENUE}/2026-10/close", headers=key)).content == closed.content
        for late in (
            await running.crm.post(f"{REVENUE}/2026-10/close"),
            await estimate(running, "2026-10", "VND", "2", "0.5"),
        ):
            assert (late.status_code, late.json()["code"]) == (409, "loyalty.month_closed")

        assert (await estimate(running, "2026-11", "VND", "1", "0.97")).status_code == 200
        await spend(running, 4_000)
        await tell(running, clock, OrderCancelled(order_id="usd", source="web"))
        assert await totals(running, "2026-11") == {
            "VND": (4_566, 0, 3_493, 1_073),
            "USD": (15_668, -15_668, 0, 0),
        }
        # What was closed stays, whatever is known by now.
        assert (await totals(running, "2026-10"))["USD"] == (0, 15_668, 0, 15_668)
        text = (await running.crm.get(f"{REVENUE}.csv", params={"month": "2026-11"})).text
        rows = {row["currency"]: row for row in csv.DictReader(io.StringIO(text))}
        assert [rows["VND"][name] for name in ("opening", "recognised", "closing")] == ["4566", "3493", "1073"]
        assert [rows["USD"][name] for name in ("opening", "new", "closing")] == ["156.68", "-156.68", "0.00"]
        assert {row["cohort"] for row in rows.values()} == {"2026-10"}


async def test_groups_add_up_and_a_fact_s_points_are_shared_by_its_rules(database_url: str):
    clock = HandClock(OCTOBER)
    async with running_platform(database_url, [manifest], clock=clock) as running:
        first, second = await rule(running, "một", 1_000, "VND"), await rule(running, "hai", 3_000, "VND")
        await order(running, clock, "o-1", 100_000, "VND")
        gift = {"points": 7, "reason": "goodwill", "expires_at": (clock.now() + timedelta(days=1)).isoformat()}
        assert (await running.crm.post(f"/v1/loyalty/members/{AN}/adjustments", json=gift)).status_code == 201
        await spend(running, 17)
        held = await running.crm.post(f"/v1/loyalty/members/{AN}/holds", json={"points": 3})
        assert held.status_code == 201

        async def groups(by: str) -> dict[str | None, int]:
            said = (await running.crm.get(f"{REPORTS}/outstanding", params={"by": by})).json()["groups"]
            return {each["key"]: each["points"] for each in said}

        # The gift ends first: all of it is spent, and ten of the 133 that the order brought.
        assert await groups("rule") == {first: 92, second: 31} or await groups("rule") == {first: 93, second: 30}
        assert await groups("month") == {None: 123}
        assert await groups("kind") == {"order": 123}
        assert await groups("tier") == {None: 123}


async def test_breakage_is_said_when_enough_members_have_had_their_last_day(database_url: str):
    clock = HandClock(OCTOBER)
    async with running_platform(database_url, [manifest], clock=clock) as running:
        none = (await running.crm.get(f"{REPORTS}/breakage")).json()
        assert (none["redemption"], none["cannot_say"]) == (None, "points_never_end")
        ends = (clock.now() + timedelta(days=1)).isoformat()
        for number in range(30):
            path = f"/v1/loyalty/members/user_id:m{number}"
            gift = {"points": 100, "reason": "goodwill", "expires_at": ends}
            assert (await running.crm.post(f"{path}/adjustments", json=gift)).status_code == 201
            if number % 3:
                held = await running.crm.post(f"{path}/holds", json={"points": 60})
                await running.crm.post(f"/v1/loyalty/holds/{held.json()['id']}/commit", json={})
        few = (await running.crm.get(f"{REPORTS}/breakage")).json()
        assert few["cannot_say"] == "too_few_members"

        clock.forward(days=2)
        loyalty = running.platform.value("loyalty")
        await loyalty.points_upkeep.run()
        await running.crm.post(f"/v1/loyalty/members/{AN}/adjustments", json={"points": 1_000, "reason": "goodwill"})
        said = (await running.crm.get(f"{REPORTS}/breakage")).json()

        assert (said["members"], said["spent"], said["expired"], said["cannot_say"]) == (30, 1_200, 1_800, None)
        assert said["redemption"]["value"] == pytest.approx(0.4)
        assert 0.29 < said["redemption"]["low"] < 0.31 < 0.49 < said["redemption"]["high"] < 0.51
        assert said["breakage"]["low"] == pytest.approx(1 - said["redemption"]["high"])
        assert (said["outstanding"], said["expected_breakage"]) == (1_000, 600)
