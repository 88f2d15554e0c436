"""The page on which staff answers: in a browser without a script, by a link and nothing else."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.surveys.app import service as surveys
from shared.testing.platform import BASE_URL, Running, running_platform

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
GIVEN = {"a:csat": "4", "a:ces": "7"}
WORDS = {"vi": "<b>Chị Lan</b> có giới thiệu không?", "en": "Would you <b>recommend</b> us?"}
NPS = {
    "name": "Giới thiệu",
    "locales": ["vi", "en"],
    "default_locale": "vi",
    "title": WORDS,
    "thanks": WORDS,
    "metric": "nps",
    "questions": [{"id": "nps", "kind": "nps", "text": WORDS}],
}


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (surveys,)) as platform:
        yield platform


@pytest.fixture
async def staff(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without any key."""
    transport = httpx.ASGITransport(app=running.platform.app)
    headers = {"Accept-Language": "vi-VN,vi;q=0.9"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers) as client:
        yield client


async def post(running: Running, path: str, body: Any = None) -> Any:
    answer = await running.crm.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def a_wave(running: Running, survey: dict[str, Any]) -> str:
    """The address of a wave of this month, over tomorrow."""
    made: str = (await post(running, "/v1/surveys", survey))["id"]
    await post(running, f"/v1/surveys/{made}/publish", {"note": "first"})
    today = datetime.now(UTC)
    days = {"period_from": str(today.date()), "period_to": str(today.date() + timedelta(days=20))}
    closes_at = (today + timedelta(days=1)).isoformat()
    wave = await post(running, "/v1/mirror-waves", {"survey_id": made, "name": "Sóng", **days, "closes_at": closes_at})
    return f"/v1/mirror-waves/{wave['id']}"


async def answered(running: Running, wave: str) -> int:
    found: int = (await running.crm.get(wave)).json()["answered"]
    return found


async def test_somebody_answers_once_by_a_link_of_their_own(running: Running, staff: httpx.AsyncClient):
    wave = await a_wave(running, {"library": "after_delivery"})
    (token,) = (await post(running, f"{wave}/links", {"role": "manager", "count": 1}))["tokens"]
    address = f"/s/m/{token}"

    shown = [await staff.get(address) for _ in range(3)]
    await staff.head(address)
    before = await answered(running, wave)
    missing = await staff.post(address, data={"a:csat": "4"}, headers=FORM)
    impossible = await staff.post(address, data={**GIVEN, "a:csat": "11"}, headers=FORM)
    still = await answered(running, wave)
    taken = await staff.post(address, data=GIVEN, headers=FORM)
    again = await staff.post(address, data=GIVEN, headers=FORM)

    assert [each.status_code for each in shown] == [200] * 3
    assert "như bạn nghĩ khách hàng sẽ trả lời" in shown[0].text
    assert "Vai trò của bạn" not in shown[0].text
    # What customers are asked only in some cases, and texts, are not asked at all.
    assert set(re.findall(r'name="([^"]+)"', shown[0].text)) == {
        "viewport",
        "robots",
        "referrer",
        "lang",
        "a:csat",
        "a:ces",
    }
    assert (before, still) == (0, 0)
    assert (missing.status_code, impossible.status_code) == (422, 422)
    # What was given stands in it still.
    assert re.search(r'name="a:csat" value="4" checked', missing.text)
    assert (taken.status_code, again.status_code) == (200, 404)
    assert "Đã ghi nhận" in taken.text
    assert await answered(running, wave) == 1
    assert shown[0].headers["cache-control"] == "no-store"
    assert shown[0].headers["referrer-policy"] == "no-referrer"


async def test_who_shares_a_link_says_their_role_and_what_they_predict(running: Running, staff: httpx.AsyncClient):
    wave = await a_wave(running, NPS)
    (token,) = (await post(running, f"{wave}/shared-link"))["tokens"]
    address = f"/s/m/{token}"

    shown = await staff.get(address, params={"lang": "en"})
    nobody = await staff.post(address, data={"a:nps": "9", "predicted_nps": "40"}, headers=FORM)
    too_much = await staff.post(address, data={"a:nps": "9", "predicted_nps": "400", "role": "executive"}, headers=FORM)
    for predicted in ("-20", "−20"):
        told = {"a:nps": "9", "predicted_nps": predicted, "role": "executive"}
        assert (await staff.post(address, data=told, headers=FORM)).status_code == 200

    assert "Your role" in shown.text
    # What somebody wrote is text.
    assert "&lt;b&gt;recommend&lt;/b&gt;" in shown.text
    assert (nobody.status_code, too_much.status_code) == (422, 422)
    assert await answered(running, wave) == 2


async def test_a_form_of_a_shared_link_that_is_sent_twice_counts_once(running: Running, staff: httpx.AsyncClient):
    wave = await a_wave(running, {"library": "after_delivery"})
    (token,) = (await post(running, f"{wave}/shared-link"))["tokens"]
    address = f"/s/m/{token}"

    sheets = [re.search(r'name="sheet" value="([^"]+)"', (await staff.get(address)).text)[1] for _ in range(2)]  # type: ignore[index]
    given = {**GIVEN, "role": "manager"}
    incomplete = await staff.post(address, data={"a:csat": "4", "sheet": sheets[0]}, headers=FORM)
    both = [staff.post(address, data={**given, "sheet": sheets[0]}, headers=FORM) for _ in range(2)]
    twice = await asyncio.gather(*both)
    other = await staff.post(address, data={**given, "sheet": sheets[1]}, headers=FORM)

    assert sheets[0] != sheets[1]
    assert f'name="sheet" value="{sheets[0]}"' in incomplete.text
    assert [each.status_code for each in (incomplete, *twice, other)] == [422, 200, 200, 200]
    assert await answered(running, wave) == 2


async def test_forged_links_closed_waves_and_what_is_no_form(running: Running, staff: httpx.AsyncClient):
    wave = await a_wave(running, {"library": "after_delivery"})
    (token,) = (await post(running, f"{wave}/links", {"role": "manager", "count": 1}))["tokens"]

    forged = await staff.get("/s/m/" + "x" * 27)
    long = await staff.get("/s/m/" + "x" * 2_000)
    no_form = await staff.post(f"/s/m/{token}", json=GIVEN)
    other = await staff.put(f"/s/m/{token}")
    asked = await staff.request("OPTIONS", f"/s/m/{token}")
    await post(running, f"{wave}/close")
    closed = await staff.post(f"/s/m/{token}", data=GIVEN, headers=FORM)

    assert (forged.status_code, long.status_code, closed.status_code) == (404, 404, 404)
    assert forged.text == long.text == closed.text
    assert "x" * 27 not in forged.text
    assert (no_form.status_code, other.status_code, asked.status_code) == (400, 405, 204)
