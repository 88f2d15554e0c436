"""Responses over HTTP, with one platform for all tests: brought, changed, found, withdrawn, refused."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from answers_world import RELATIONSHIP

from services.surveys.app import service as manifest
from shared.ids import user_key
from shared.testing.platform import Running, running_platform


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Running]:
    async with running_platform(database_url, (manifest,)) as platform:
        yield platform


async def published(running: Running, **changes: Any) -> str:
    """A survey that takes answers."""
    made = await running.crm.post("/v1/surveys", json={**RELATIONSHIP, **changes})
    assert made.status_code == 201, made.text
    key = made.json()["id"]
    done = await running.crm.post(f"/v1/surveys/{key}/publish", json={"note": ""})
    assert done.status_code == 200, done.text
    return str(key)


async def test_a_kiosk_brings_answers_and_staff_finds_them(running: Running) -> None:
    crm, survey = running.crm, await published(running)
    body = {
        "survey_id": survey,
        "customer": "user_id:lan",
        "reference": "call-17",
        "channel": "call_centre",
        "staff_id": "s-7",
        "touchpoint": "support",
        "answered_at": "2026-01-02T10:00:00+07:00",
        "answers": {"nps": {"score": 2}, "comment": {"text": "Giao hàng <script>chậm</script>\x07 quá"}},
    }

    made = await crm.post("/v1/responses", json=body)
    again = await crm.post("/v1/responses", json=body)

    assert (made.status_code, again.status_code) == (201, 200), made.text
    assert made.json() == again.json()
    key = made.json()["id"]
    found = (await crm.get(f"/v1/responses/{key}")).json()
    assert found["customer_id"] == str(user_key("lan"))
    assert found["answers"]["comment"] == {"text": "Giao hàng <script>chậm</script> quá"}
    assert (found["score"], found["staff_id"], found["touchpoint"], found["revisions"]) == (2, "s-7", "support", [])
    assert found["answered_at"] == "2026-01-02T03:00:00Z"

    tagged = await crm.put(f"/v1/responses/{key}/tags/hàng trễ")
    assert tagged.json()["tags"] == ["hàng trễ"]
    for wanted in (
        {"survey": survey},
        {"staff": "s-7", "score_to": 6},
        {"touchpoint": "support", "channel": "call_centre", "state": "complete"},
        {"tag": "hàng trễ"},
        {"q": "giao hang cha"},
        {"q": "CHẬM quá"},
        {"customer": "user_id:lan", "answered_from": "2026-01-02T00:00:00Z", "answered_until": "2026-01-03T00:00:00Z"},
    ):
        page = await crm.get("/v1/responses", params=wanted)
        assert [each["id"] for each in page.json()["items"]] == [key], (wanted, page.text)
    for other in ({"survey": str(uuid4())}, {"score_from": 3}, {"q": "nhanh"}, {"tag": "khác"}, {"state": "partial"}):
        assert (await crm.get("/v1/responses", params=other)).json()["items"] == [], other
    assert (await crm.delete(f"/v1/responses/{key}/tags/hàng trễ")).json()["tags"] == []


async def test_a_response_is_changed_and_withdrawn(running: Running) -> None:
    crm, survey = running.crm, await published(running)
    made = await crm.post("/v1/responses", json={"survey_id": survey, "answers": {"nps": {"score": 2}}})
    place = f"/v1/responses/{made.json()['id']}"

    changed = await crm.patch(place, json={"answers": {"nps": {"score": 9}}})
    same = await crm.patch(place, json={"answers": {"nps": {"score": 9}}})
    gone = await crm.post(f"{place}/withdraw", json={"reason": "a machine's"})
    twice = await crm.post(f"{place}/withdraw", json={"reason": "a machine's"})
    late = await crm.patch(place, json={"answers": {"nps": {"score": 1}}})

    assert (changed.json()["revision"], same.json()["revision"]) == (2, 2)
    assert (gone.json()["state"], gone.json()["revision"], gone.json()["withdrawn_reason"]) == (
        "withdrawn",
        3,
        "a machine's",
    )
    assert [(each.status_code, each.json()["code"]) for each in (twice, late)] == [
        (409, "surveys.answer_withdrawn")
    ] * 2
    whole = (await crm.get(place)).json()
    assert [(each["revision"], each["answers"]["nps"]["score"]) for each in whole["revisions"]] == [(1, 2), (2, 9)]


async def test_what_cannot_be_is_refused_with_the_reason(running: Running) -> None:
    crm, survey = running.crm, await published(running)
    anonymous = await published(running, is_anonymous=True)

    async def refused(body: dict[str, Any], **headers: str) -> tuple[int, str]:
        got = await crm.post("/v1/responses", json={"answers": {"nps": {"score": 9}}, **body}, headers=headers)
        return got.status_code, got.json()["code"]

    bad = {
        "score 11": {"nps": {"score": 11}},
        "half a score": {"nps": {"score": 7.5}},
        "true": {"nps": {"score": True}},
        "a megabyte": {"nps": {"score": 9}, "comment": {"text": "a" * 1_000_000}},
        "no such question": {"nps": {"score": 9}, "age": {"score": 3}},
        "nothing": {},
        "a required one missing": {"comment": {"text": "hay"}},
    }
    for name, answers in bad.items():
        assert await refused({"survey_id": survey, "answers": answers}) == (422, "surveys.bad_answers"), name
    assert await refused({}) == (422, "surveys.survey_needed")
    assert await refused({"survey_id": str(uuid4())}) == (404, "surveys.survey_not_found")
    assert await refused({"invitation_id": str(uuid4())}) == (404, "surveys.invitation_not_found")
    assert (await refused({"invitation_id": str(uuid4()), "customer": "user_id:a"}))[0] == 422
    assert await refused({"survey_id": survey, "customer": "lan@shop.example"}) == (
        422,
        "surveys.bad_response_customer",
    )
    assert await refused({"survey_id": survey, "answered_at": "2199-01-01T00:00:00Z"}) == (
        422,
        "surveys.answered_later",
    )
    assert await refused({"survey_id": anonymous, "customer": "user_id:a"}) == (422, "surveys.nobody_may_be_named")
    assert await refused({"survey_id": anonymous, "is_final": False}) == (422, "surveys.whole_answer_needed")
    assert (await crm.get("/v1/responses")).json()["items"] == []


async def test_an_idempotency_key_gives_the_first_answer_again(running: Running) -> None:
    crm, survey = running.crm, await published(running)
    body, key = {"survey_id": survey, "answers": {"nps": {"score": 9}}}, {"Idempotency-Key": "k-1"}

    first = await crm.post("/v1/responses", json=body, headers=key)
    again = await crm.post("/v1/responses", json=body, headers=key)

    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (201, 201, "true")
    assert first.json() == again.json()
    assert len((await crm.get("/v1/responses")).json()["items"]) == 1


async def test_pages_hold_every_response_once(running: Running) -> None:
    crm, survey = running.crm, await published(running)
    moments = ["2026-01-02T10:00:00Z", "2026-01-02T10:00:00Z", "2026-01-03T10:00:00Z", "2026-01-01T10:00:00Z"]
    for moment in moments:
        body = {"survey_id": survey, "answered_at": moment, "answers": {"nps": {"score": 9}}}
        assert (await crm.post("/v1/responses", json=body)).status_code == 201

    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while cursor is not None or not seen:
        page = (await crm.get("/v1/responses", params={"limit": 1, **({"cursor": cursor} if cursor else {})})).json()
        seen += page["items"]
        cursor = page["next_cursor"]

    assert [each["answered_at"] for each in seen] == sorted(moments, reverse=True)
    assert len({UUID(each["id"]) for each in seen}) == 4


async def test_responses_leave_as_files_that_run_nothing(running: Running) -> None:
    crm, survey = running.crm, await published(running)
    said = [
        ({"nps": {"score": 2}, "why": {"chosen": ["late", "price"]}, "comment": {"text": "=HYPERLINK(1)\n@x"}}, "en"),
        ({"nps": {"score": 10}, "comment": {"text": 'Tuyệt, "rất" tuyệt'}}, "vi"),
    ]
    for answers, locale in said:
        made = await crm.post("/v1/responses", json={"survey_id": survey, "answers": answers, "locale": locale})
        assert made.status_code == 201, made.text

    sheet = await crm.get(f"/v1/surveys/{survey}/responses.csv")
    plain = await crm.get(f"/v1/surveys/{survey}/responses.csv", params={"labels": "ids", "score_to": 6})
    lines = await crm.get(f"/v1/surveys/{survey}/responses.jsonl")
    none = await crm.get(f"/v1/surveys/{uuid4()}/responses.csv")

    assert (sheet.headers["X-Tam-Responses"], plain.headers["X-Tam-Responses"]) == ("2", "1")
    header, second, first = list(csv.reader(io.StringIO(sheet.content.decode("utf-8-sig"))))
    assert header[-3:] == ["Bạn có giới thiệu chúng tôi không?", "Vì sao?", "Kể cho chúng tôi"]
    assert first[-3:] == ["2", "Late; Price", "'=HYPERLINK(1)\n@x"]
    assert second[-3:] == ["10", "", 'Tuyệt, "rất" tuyệt']
    assert next(csv.reader(io.StringIO(plain.content.decode("utf-8-sig"))))[-3:] == ["nps", "why", "comment"]
    assert list(csv.reader(io.StringIO(plain.text)))[1][-2] == "late; price"
    assert [json.loads(line)["score"] for line in lines.text.splitlines()] == [10, 2]
    assert none.json()["code"] == "surveys.survey_not_found"
