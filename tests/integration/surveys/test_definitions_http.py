"""Surveys over HTTP, as staff makes them: written, looked at, published, changed; and what is refused."""

import asyncio
import copy
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from services.surveys.app import service as manifest
from services.surveys.definitions.domain.library import KEYS, ready
from shared.testing.platform import running_platform
from shared.testing.postgres import fresh_database

# Of nothing. The same in every process: tests are told apart by it.
NOWHERE = "01900000-0000-7000-8000-000000000000"
TEXT = {"vi": "Có", "en": "Yes"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crm(pg_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Staff of a platform with surveys alone."""
    async with fresh_database(pg_url) as url, running_platform(url, [manifest]) as platform:
        yield platform.crm


def a_document(**changed: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ready("after_delivery")["survey"]), **changed}


async def a_survey(crm: httpx.AsyncClient, document: dict[str, Any] | None = None) -> dict[str, Any]:
    """A draft."""
    made = await crm.post("/v1/surveys", json=a_document() if document is None else document)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def published(crm: httpx.AsyncClient, key: str) -> dict[str, Any]:
    done = await crm.post(f"/v1/surveys/{key}/publish", json={"note": ""})
    assert done.status_code == 200, done.text
    answer: dict[str, Any] = done.json()
    return answer


async def test_a_survey_of_the_library_is_taken_and_published(crm: httpx.AsyncClient):
    offered = (await crm.get("/v1/survey-library")).json()["items"]
    assert [each["key"] for each in offered] == list(KEYS)
    assert (await crm.get("/v1/survey-library/relationship_nps")).json() == offered[3]

    made = await crm.post("/v1/surveys", json={"library": "relationship_nps", "name": "NPS quý 4"})
    survey = made.json()

    assert (made.status_code, survey["state"], survey["why_not"]) == (201, "draft", "draft")
    assert (survey["name"], survey["draft"]["name"], survey["library_key"]) == (*["NPS quý 4"] * 2, "relationship_nps")
    assert survey["draft"]["questions"] == offered[3]["survey"]["questions"]
    live = await published(crm, survey["id"])
    assert (live["state"], live["why_not"], live["version"], live["draft"]) == ("active", None, 1, None)
    assert live["published"] == survey["draft"]
    assert (await crm.get(f"/v1/surveys/{survey['id']}")).json() == live


async def test_a_change_of_what_is_asked_is_a_draft_until_it_is_published(crm: httpx.AsyncClient):
    survey = await a_survey(crm)
    path = f"/v1/surveys/{survey['id']}"
    await published(crm, survey["id"])
    document = a_document(quota=50)
    document["questions"][0]["text"]["vi"] = "Bạn thấy giao hàng thế nào?"

    changed = (await crm.put(path, json=document)).json()

    assert (changed["version"], changed["published"], changed["draft"]["quota"]) == (1, survey["draft"], 50)
    diff = (await crm.get(f"{path}/versions/0/diff")).json()
    assert (diff["before"], diff["after"]) == (1, 0)
    assert [each["path"] for each in diff["changes"]] == ["/quota", "/questions/csat/text/vi"]
    await published(crm, survey["id"])
    assert (await crm.get(f"{path}/versions/2/diff")).json()["changes"] == diff["changes"]
    back = (await crm.get(f"{path}/versions/1/diff", params={"from": 2})).json()["changes"]
    assert (back[0]["before"], back[0]["after"]) == (50, None)
    assert (await crm.get(f"{path}/versions/0/diff")).status_code == 404
    page = (await crm.get(f"{path}/versions", params={"limit": 1})).json()
    rest = (await crm.get(f"{path}/versions", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    assert [each["version"] for each in (*page["items"], *rest["items"])] == [2, 1]
    assert rest["next_cursor"] is None
    assert (await crm.get(f"{path}/versions/1")).json() == {**rest["items"][0], "survey": survey["draft"]}


async def test_two_who_edit_do_not_undo_each_other(crm: httpx.AsyncClient):
    survey = await a_survey(crm)
    path = f"/v1/surveys/{survey['id']}"
    tag = (await crm.get(path)).headers["ETag"]
    assert (await crm.get(path, headers={"If-None-Match": tag})).status_code == 304

    first = await crm.put(path, json=a_document(name="Một"), headers={"If-Match": tag})
    second = await crm.put(path, json=a_document(name="Hai"), headers={"If-Match": tag})

    assert (first.status_code, second.status_code) == (200, 412)
    assert (second.json()["code"], second.json()["revision"]) == ("surveys.survey_moved", 2)
    assert (await crm.get(path)).json()["draft"]["name"] == "Một"
    assert (await crm.put(path, json=a_document(name="Ba"), headers={"If-Match": "2"})).status_code == 200
    for what in ("publish", "close", "reopen"):
        refused = await crm.post(f"{path}/{what}", json={}, headers={"If-Match": '"2"'})
        assert (refused.status_code, refused.json()["code"]) == (412, "surveys.survey_moved"), what
    assert (await crm.put(path, json=a_document(name="Bốn"), headers={"If-Match": "*"})).status_code == 200


async def test_a_request_that_is_sent_again_is_done_once(crm: httpx.AsyncClient):
    key = {"Idempotency-Key": str(uuid4())}
    first, again = [await crm.post("/v1/surveys", json=a_document(), headers=key) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"

    path, key = f"/v1/surveys/{first.json()['id']}/publish", {"Idempotency-Key": str(uuid4())}
    first, again = [await crm.post(path, json={}, headers=key) for _ in range(2)]
    assert (first.status_code, again.status_code, first.json()) == (200, 200, again.json())
    without = await crm.post(path, json={})
    assert (without.status_code, without.json()["code"]) == (409, "surveys.nothing_to_publish")


async def test_a_closed_survey_is_opened_before_it_is_published(crm: httpx.AsyncClient):
    survey = await a_survey(crm)
    path = f"/v1/surveys/{survey['id']}"
    assert (await crm.post(f"{path}/reopen")).json()["code"] == "surveys.not_closed"
    await published(crm, survey["id"])

    closed = (await crm.post(f"{path}/close")).json()
    again = (await crm.post(f"{path}/close")).json()

    assert (closed["state"], closed["why_not"]) == ("closed", "closed")
    assert again == closed
    await crm.put(path, json=a_document(name="Mới"))
    refused = await crm.post(f"{path}/publish", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "surveys.closed")
    opened = (await crm.post(f"{path}/reopen")).json()
    assert (opened["state"], opened["closed_at"], opened["version"]) == ("active", None, 1)
    assert (await crm.get(path)).json() == opened
    assert (await published(crm, survey["id"]))["version"] == 2


async def test_a_draft_is_thrown_away(crm: httpx.AsyncClient):
    survey = await a_survey(crm)
    path = f"/v1/surveys/{survey['id']}"
    assert (await crm.post(f"{path}/discard")).json()["code"] == "surveys.never_published"
    live = await published(crm, survey["id"])
    assert (await crm.post(f"{path}/discard")).json()["code"] == "surveys.nothing_to_publish"
    await crm.put(path, json=a_document(name="Nháp"))

    back = (await crm.post(f"{path}/discard")).json()

    assert (back["draft"], back["published"], back["name"]) == (None, live["published"], live["name"])


async def test_a_version_measures_what_the_ones_before_it_measured(crm: httpx.AsyncClient):
    """Figures go by the id of a question: five points and seven under one id would be added up."""
    survey = await a_survey(crm)
    path = f"/v1/surveys/{survey['id']}"
    await published(crm, survey["id"])
    document = a_document(is_anonymous=True, purpose="staff")
    document["questions"][0] |= {"points": 7}
    document["questions"][3] |= {"kind": "nps"}
    # Gone in the version between, and back as something else.
    await crm.put(path, json=a_document(questions=a_document()["questions"][:3]))
    await published(crm, survey["id"])

    await crm.put(path, json=document)
    refused = await crm.post(f"{path}/publish", json={})

    assert [(each["path"], each["code"]) for each in refused.json()["problems"]] == [
        ("/purpose", "fixed"), ("/is_anonymous", "fixed"), ("/questions/0", "measures_another"),
        ("/questions/3", "measures_another"),
    ]  # fmt: skip
    assert (await crm.get(f"{path}/problems")).json()["problems"] == refused.json()["problems"]
    for number, key in ((0, "csat_seven"), (3, "recommend")):
        document["questions"][number]["id"] = key
    document |= {"is_anonymous": False, "purpose": "customers", "metric": "csat_seven"}
    document["questions"][1]["show_if"]["question"] = "csat_seven"
    await crm.put(path, json=document)
    assert (await published(crm, survey["id"]))["version"] == 3


async def test_of_two_who_publish_at_once_one_does(crm: httpx.AsyncClient):
    survey = await a_survey(crm)

    answers = await asyncio.gather(
        *(crm.post(f"/v1/surveys/{survey['id']}/publish", json={"note": str(n)}) for n in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    assert [each["version"] for each in (await crm.get(f"/v1/surveys/{survey['id']}/versions")).json()["items"]] == [1]


async def test_surveys_are_listed_by_their_state(crm: httpx.AsyncClient):
    draft, live, closed = [(await a_survey(crm))["id"] for _ in range(3)]
    for key in (live, closed):
        await published(crm, key)
    await crm.post(f"/v1/surveys/{closed}/close")

    for state, key in (("draft", draft), ("active", live), ("closed", closed)):
        items = (await crm.get("/v1/surveys", params={"state": state, "limit": 500})).json()["items"]
        assert key in [each["id"] for each in items]
        assert {each["state"] for each in items} == {state}
    line = next(each for each in (await crm.get("/v1/surveys")).json()["items"] if each["id"] == closed)
    assert (line["why_not"], line["version"], line["has_draft"], line["completed"]) == ("closed", 1, False, 0)


async def test_a_survey_is_exported_and_imported_as_it_was(crm: httpx.AsyncClient):
    survey = await a_survey(crm)
    await published(crm, survey["id"])

    document = (await crm.get(f"/v1/surveys/{survey['id']}/versions/1/export")).json()
    copied = await a_survey(crm, document)

    assert copied["draft"] == document == survey["draft"]
    assert copied["id"] != survey["id"]
    assert (await published(crm, copied["id"]))["published"] == document


async def test_surveys_are_listed_page_by_page(crm: httpx.AsyncClient):
    made = [(await a_survey(crm))["id"] for _ in range(3)]

    page = (await crm.get("/v1/surveys", params={"limit": 2})).json()
    rest = (await crm.get("/v1/surveys", params={"limit": 1, "cursor": page["next_cursor"]})).json()

    assert [each["id"] for each in (*page["items"], *rest["items"])] == made[::-1]
    assert (await crm.get("/v1/surveys", params={"cursor": "x"})).json()["code"] == "bad_cursor"


async def test_a_preview_shows_what_somebody_would_see(crm: httpx.AsyncClient):
    document = a_document()
    document["thanks"]["vi"] = "Cảm ơn bạn! Bạn đã viết: {{answer:comment|không gì cả}}"
    survey = await a_survey(crm, document)
    path = f"/v1/surveys/{survey['id']}/preview"
    body = {
        "answers": {"csat": {"score": 2}, "comment": {"text": "<script>alert('{{order}}')</script>"}},
        "locale": "vi-VN", "order_id": "DH-17", "seed": "lan",
    }  # fmt: skip

    unhappy = (await crm.post(path, json=body)).json()
    happy = (await crm.post(path, json={"answers": {"csat": {"score": 5}}, "locale": "en"})).json()

    assert [each["id"] for each in unhappy["questions"]] == ["csat", "problem", "ces", "comment"]
    assert (unhappy["locale"], unhappy["version"], unhappy["is_complete"]) == ("vi", 0, True)
    assert unhappy["intro"].startswith("Đơn hàng DH-17 đã được giao.")
    assert unhappy["thanks"] == "Cảm ơn bạn! Bạn đã viết: <script>alert('{{order}}')</script>"
    assert unhappy["questions"][0]["labels"]["1"] == "Rất không hài lòng"
    assert unhappy["questions"][1]["options"][-1]["is_other"]
    assert [each["id"] for each in happy["questions"]] == ["csat", "ces", "comment"]
    assert happy["intro"].startswith("Your order has been delivered.")
    assert (await crm.post(path, json={})).json()["is_complete"] is False
    refused = await crm.post(path, json={"answers": {"csat": {"score": 11}}})
    assert (refused.status_code, refused.json()["code"]) == (422, "surveys.bad_answers")
    assert refused.json()["problems"][0]["path"] == "/csat/score"
    assert (await crm.post(path, json={"version": 1})).json()["code"] == "surveys.version_not_found"


QUESTION = {
    "name": "Hài lòng chung",
    "content": {"kind": "csat", "text": {"vi": "Bạn hài lòng không?", "en": "Are you satisfied?"}},
}


async def test_a_question_of_the_bank_stands_in_surveys_in_the_version_they_took(crm: httpx.AsyncClient):
    made = await crm.post("/v1/questions", json=QUESTION)
    assert made.status_code == 201, made.text
    key = made.json()["id"]
    taken = {"id": "general", "is_required": True, "bank": {"id": key, "version": 1}}
    document = a_document(questions=[taken], metric="general")

    survey = await a_survey(crm, document)
    await published(crm, survey["id"])
    changed = copy.deepcopy(QUESTION)
    changed["content"]["text"]["vi"] = "Bạn có hài lòng không?"  # type: ignore[index]
    newer = (await crm.put(f"/v1/questions/{key}", json=changed, headers={"If-Match": "1"})).json()

    (question,) = survey["draft"]["questions"]
    assert question["text"] == QUESTION["content"]["text"]  # type: ignore[index]
    assert question["bank"] == {"id": key, "version": 1}
    assert newer["version"] == 2
    assert (await crm.get(f"/v1/surveys/{survey['id']}")).json()["published"]["questions"] == [question]
    uses = (await crm.get(f"/v1/questions/{key}/uses")).json()["used_by"]
    assert uses == [
        {
            "survey_id": survey["id"], "survey_name": "After delivery", "survey_version": 1, "question_version": 1,
            "is_asked": True,
        }
    ]  # fmt: skip
    # Written out and taken from the bank at once, it must be the same.
    assert (await crm.put(f"/v1/surveys/{survey['id']}", json=survey["draft"])).status_code == 200
    other = {**question, "text": TEXT}
    differs = await crm.put(f"/v1/surveys/{survey['id']}", json={**survey["draft"], "questions": [other]})
    assert [each["code"] for each in differs.json()["problems"]] == ["differs"]


async def test_a_retired_question_is_taken_no_more(crm: httpx.AsyncClient):
    key = (await crm.post("/v1/questions", json={**QUESTION, "name": f"Cũ {uuid4()}"})).json()["id"]
    taken = {"id": "general", "bank": {"id": key, "version": 1}}
    before = await a_survey(crm, a_document(questions=[taken], metric=None))

    assert (await crm.post(f"/v1/questions/{key}/retire")).json()["is_retired"]

    refused = await crm.post("/v1/surveys", json=a_document(questions=[taken], metric=None))
    assert (refused.status_code, refused.json()["problems"][0]["code"]) == (422, "retired")
    assert (await published(crm, before["id"]))["state"] == "active"
    await crm.post(f"/v1/questions/{key}/restore")
    assert (await crm.post("/v1/surveys", json=a_document(questions=[taken], metric=None))).status_code == 201


async def test_questions_of_the_bank_have_one_name_and_are_not_undone(crm: httpx.AsyncClient):
    named = {**QUESTION, "name": f"Tên {uuid4()}"}
    key = (await crm.post("/v1/questions", json=named)).json()["id"]

    twin = await crm.post("/v1/questions", json=named)
    late = await crm.put(f"/v1/questions/{key}", json=named, headers={"If-Match": '"7"'})

    assert (twin.status_code, twin.json()["code"]) == (409, "surveys.question_name_taken")
    assert (late.status_code, late.json()["code"], late.json()["version"]) == (412, "surveys.question_moved", 1)
    found = await crm.get(f"/v1/questions/{key}")
    assert (await crm.get(f"/v1/questions/{key}", headers={"If-None-Match": found.headers["ETag"]})).status_code == 304
    listed = (await crm.get("/v1/questions", params={"limit": 1})).json()
    assert listed["items"] == [found.json()]


def changed(place: str, value: Any) -> dict[str, Any]:
    """The document with something else at `place`."""
    document = a_document()
    *steps, last = place.split("/")
    node: Any = document
    for step in steps:
        node = node[int(step) if step.isdigit() else step]
    node[int(last) if last.isdigit() else last] = value
    return document


LOOP = [{"to": "csat"}]
NEVER = {"and": [{"question": "csat", "score": {"lte": 2}}, {"question": "csat", "score": {"gte": 4}}]}


@pytest.mark.parametrize(
    ("document", "place", "code"),
    [
        (changed("questions/2/next", LOOP), "/questions/2/next/0/to", "loops"),
        (changed("questions/0/next", LOOP), "/questions/0/next/0/to", "loops"),
        (changed("questions/2/show_if", NEVER), "/questions/2", "unreachable"),
        (changed("questions/0/next", [{"to": "end"}]), "/questions/1", "unreachable"),
        (changed("questions/1/show_if", {"question": "ces", "answered": True}), "/questions/1/show_if", "asks_later"),
        (changed("thanks", {"vi": "Cảm ơn"}), "/thanks/en", "text_missing"),
        (changed("questions/1/options/2/label", {"en": "Wrong"}), "/questions/1/options/2/label/vi", "text_missing"),
        (changed("questions/0/labels/3", {"vi": "Vừa", "en": ""}), "/questions/0/labels/3/en", "text_missing"),
        (changed("locales", ["vi", "en", "fr"]), "/title/fr", "text_missing"),
        (changed("closes_at", "2020-01-01T00:00:00+07:00"), "/closes_at", "past"),
    ],
    ids=[
        "back to the first", "back to itself", "no score is both", "all end before", "asks what comes later",
        "no English thanks", "no Vietnamese option", "an empty label", "a language without texts", "over already",
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_is_held_back_with_its_reason(
    crm: httpx.AsyncClient, document: dict[str, Any], place: str, code: str
):
    survey = await a_survey(crm, document)
    path = f"/v1/surveys/{survey['id']}"

    refused = await crm.post(f"{path}/publish", json={})

    assert (refused.status_code, refused.json()["code"]) == (422, "surveys.bad_survey")
    assert (place, code) in [(each["path"], each["code"]) for each in refused.json()["problems"]]
    assert (await crm.get(f"{path}/problems")).json()["problems"] == refused.json()["problems"]
    assert (await crm.get(path)).json()["state"] == "draft"


@pytest.mark.parametrize(
    "document",
    [
        {}, [], {"library": 5}, {"library": "after_delivery", "quota": 5}, a_document(colour="red"),
        a_document(questions=[]), a_document(questions=[{"id": "x"}] * 51), a_document(locales=[]),
        changed("questions/0/id", "Điểm"), changed("questions/0/id", "a" * 41), changed("questions/0/kind", "slider"),
        changed("questions/0/points", 12), changed("questions/0/text", "Hello"), changed("title", {"vi": "x" * 4_001}),
        changed("title", {"tiếng Việt": "x"}), changed("title/vi", "a\x00b"), changed("quota", 0),
        changed("quota", 2**80), changed("edit_window_seconds", -1), changed("closes_at", "2027-01-01T00:00:00"),
        changed("name", " "), changed("questions/0/labels", {"one": TEXT}), changed("purpose", "spying"),
        changed("touchpoint", "Giao hàng"), changed("questions/3/max_length", 10**6),
    ],
)  # fmt: skip
async def test_what_is_no_survey_is_refused(crm: httpx.AsyncClient, document: Any):
    refused = await crm.post("/v1/surveys", json=document)

    assert refused.status_code == 422, refused.text
    assert refused.headers["Content-Type"] == "application/problem+json"


DEEP: dict[str, Any] = {"question": "csat", "answered": True}
for _ in range(9):
    DEEP = {"not": DEEP}


@pytest.mark.parametrize(
    ("rule", "place", "code"),
    [
        ({}, "", "no_condition"),
        ({"question": "csat"}, "", "no_condition"),
        ({"question": "csat", "score": {"gte": 1}, "answered": True}, "", "no_condition"),
        ({"question": "csat", "answered": True, "more": 1}, "", "no_condition"),
        ({"answered": True}, "", "no_question"),
        ({"question": 5, "answered": True}, "", "no_question"),
        ({"question": "csat", "answered": "yes"}, "/answered", "not_a_truth"),
        ({"question": "csat", "score": {}}, "/score", "not_a_range"),
        ({"question": "csat", "score": {"gt": 1}}, "/score", "not_a_range"),
        ({"question": "csat", "score": {"gte": 1.5}}, "/score", "not_a_range"),
        ({"question": "csat", "score": 5}, "/score", "not_a_range"),
        ({"question": "csat", "chosen": "late"}, "/chosen", "not_a_list"),
        ({"question": "csat", "chosen": []}, "/chosen", "not_a_list"),
        ({"and": []}, "/and", "not_a_list"),
        ({"or": [{"not": 5}]}, "/or/0/not", "not_an_object"),
        ({"eval": "1 + 1"}, "", "no_condition"),
        ({"or": [{"and": [{"question": "csat", "answered": True}] * 20}] * 4}, "", "too_long"),
        (DEEP, "/not" * 8, "too_deep"),
    ],
)
async def test_what_is_no_condition_is_refused_at_once(
    crm: httpx.AsyncClient, rule: dict[str, Any], place: str, code: str
):
    refused = await crm.post("/v1/surveys", json=changed("questions/1/show_if", rule))

    assert (refused.status_code, refused.json()["code"]) == (422, "surveys.bad_survey")
    (problem,) = refused.json()["problems"]
    assert (problem["path"], problem["code"]) == (f"/questions/1/show_if{place}", code)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", f"/v1/surveys/{NOWHERE}", "surveys.survey_not_found"),
        ("PUT", f"/v1/surveys/{NOWHERE}", "surveys.survey_not_found"),
        ("GET", f"/v1/surveys/{NOWHERE}/problems", "surveys.survey_not_found"),
        ("POST", f"/v1/surveys/{NOWHERE}/publish", "surveys.survey_not_found"),
        ("POST", f"/v1/surveys/{NOWHERE}/close", "surveys.survey_not_found"),
        ("POST", f"/v1/surveys/{NOWHERE}/reopen", "surveys.survey_not_found"),
        ("POST", f"/v1/surveys/{NOWHERE}/preview", "surveys.survey_not_found"),
        ("GET", f"/v1/surveys/{NOWHERE}/versions", "surveys.survey_not_found"),
        ("GET", f"/v1/surveys/{NOWHERE}/versions/1", "surveys.version_not_found"),
        ("GET", f"/v1/surveys/{NOWHERE}/versions/1/export", "surveys.version_not_found"),
        ("GET", f"/v1/surveys/{NOWHERE}/versions/1/diff", "surveys.survey_not_found"),
        ("GET", "/v1/survey-library/nothing", "surveys.library_not_found"),
        ("GET", f"/v1/questions/{NOWHERE}", "surveys.question_not_found"),
        ("PUT", f"/v1/questions/{NOWHERE}", "surveys.question_not_found"),
        ("GET", f"/v1/questions/{NOWHERE}/uses", "surveys.question_not_found"),
        ("POST", f"/v1/questions/{NOWHERE}/retire", "surveys.question_not_found"),
    ],
)
async def test_what_is_not_there_is_said(crm: httpx.AsyncClient, method: str, path: str, code: str):
    body = None if method == "GET" else QUESTION if "questions" in path else a_document() if method == "PUT" else {}

    answer = await crm.request(method, path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_a_survey_that_the_library_lacks_is_said(crm: httpx.AsyncClient):
    answer = await crm.post("/v1/surveys", json={"library": "after_everything"})

    assert (answer.status_code, answer.json()["code"]) == (404, "surveys.library_not_found")


async def test_answers_that_come_together_never_exceed_a_quota(crm: httpx.AsyncClient):
    """The whole way, from a request to the database, for named answers and for anonymous ones."""
    for is_anonymous in (False, True):
        survey = await a_survey(crm, a_document(quota=5, is_anonymous=is_anonymous))
        await published(crm, survey["id"])
        bodies = [
            {
                "survey_id": survey["id"],
                "channel": "kiosk",
                "answers": {"csat": {"score": 1 + number % 5}},
                **({} if is_anonymous else {"customer": f"user_id:{uuid4()}"}),
            }
            for number in range(24)
        ]

        answers = await asyncio.gather(*(crm.post("/v1/responses", json=body) for body in bodies))

        refused = [answer.json()["code"] for answer in answers if not answer.is_success]
        # Who comes in with the last place finds none; who comes after finds the survey closed.
        assert set(refused) <= {"surveys.full", "surveys.not_active"}
        assert len(refused) == 24 - 5
        shown = (await crm.get(f"/v1/surveys/{survey['id']}")).json()
        assert (shown["state"], shown["why_not"], shown["completed"]) == ("closed", "full", 5)
