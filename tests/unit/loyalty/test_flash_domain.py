"""When flash sales are: local times become instants, and a state follows from them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.loyalty.flash.domain.local_time import NoSuchTime, instant
from services.loyalty.flash.domain.sale import Sale
from services.loyalty.flash.schemas.sales import ClaimIn, SaleIn
from shared.ids import uuid7

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
NEW_YORK = ZoneInfo("America/New_York")
MIDNIGHT = datetime(2026, 11, 10, 17, tzinfo=UTC)
SALE = {
    "name": "11.11",
    "starts_local": "2026-11-11T00:00",
    "ends_local": "2026-11-11T23:59:59",
    "zone": "Asia/Ho_Chi_Minh",
    "items": [{"item": "sku-1", "units": 5}],
}


def local(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - what people enter has no offset


def test_midnight_in_hanoi_is_five_in_the_afternoon_in_greenwich():
    assert instant(local(2026, 11, 11), HANOI) == MIDNIGHT


def test_an_hour_that_the_clocks_skip_is_refused():
    with pytest.raises(NoSuchTime):
        instant(local(2026, 3, 8, 2, 30), NEW_YORK)


def test_of_an_hour_that_comes_twice_the_first_is_meant():
    assert instant(local(2026, 11, 1, 1, 30), NEW_YORK) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@given(st.datetimes(local(2020, 1, 1), local(2040, 1, 1)), st.sampled_from([HANOI, NEW_YORK, ZoneInfo("UTC")]))
def test_an_instant_reads_back_as_the_local_time_that_was_entered(entered: datetime, zone: ZoneInfo):
    try:
        found = instant(entered, zone)
    except NoSuchTime:
        assert zone is NEW_YORK
        return
    assert found.astimezone(zone).replace(tzinfo=None) == entered


def a_sale(*, is_paused: bool = False, ended_early_at: datetime | None = None) -> Sale:
    day, end = local(2026, 11, 11), MIDNIGHT + timedelta(hours=1)
    known = (uuid7(), "11.11", "Asia/Ho_Chi_Minh", day, day, MIDNIGHT, end, is_paused, ended_early_at)
    return Sale(*known, None, None, MIDNIGHT, "k", MIDNIGHT, "k")


@pytest.mark.parametrize(
    ("seconds", "state"), [(-1, "scheduled"), (0, "open"), (3_599, "open"), (3_600, "ended"), (9_999, "ended")]
)
def test_a_sale_is_open_from_its_start_until_before_its_end(seconds: int, state: str):
    assert a_sale().state(MIDNIGHT + timedelta(seconds=seconds)) == state


def test_a_sale_that_was_ended_stays_so_whatever_the_clock_says():
    assert a_sale(ended_early_at=MIDNIGHT).state(MIDNIGHT - timedelta(days=9)) == "ended"
    assert a_sale(is_paused=True).state(MIDNIGHT) == "paused"


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Hanoi"},
        {"starts_local": "2026-11-11T00:00:00+07:00"},
        {"starts_local": 1_794_000_000},
        {"starts_local": "2026-02-30T00:00"},
        {"items": []},
        {"items": [{"item": "sku-1", "units": 0}]},
        {"items": [{"item": "sku-1", "units": 1.5}]},
        {"items": [{"item": "sku-1", "units": -5}]},
        {"items": [{"item": "sku-1", "units": 1}, {"item": "sku-1", "units": 2}]},
        {"claim_seconds": 0},
        {"max_per_person": 0},
        {"limit": 3},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]):
    SaleIn.model_validate(SALE)
    with pytest.raises(ValidationError):
        SaleIn.model_validate({**SALE, **wrong})


@pytest.mark.parametrize("units", [0, -1, 1.5, "2", True, 1_001])
def test_a_claim_is_for_a_whole_number_of_units(units: object):
    with pytest.raises(ValidationError):
        ClaimIn.model_validate({"key": "k", "item": "i", "customer": "user_id:1", "units": units})
