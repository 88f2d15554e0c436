"""Personas over HTTP: written down together, versioned, and beside them how many people they really are."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from profiles_world import NOW, HandClock
from sqlalchemy.exc import DBAPIError

from services.profiles.app import service as profiles
from services.profiles.personas.consumers import record_figures
from shared.events.catalogue.metrics import SatisfactionTold, SegmentOutlookTold
from shared.events.envelope import Event
from shared.ids import user_key, uuid7
from shared.testing.platform import Running, running_platform

LAN = "/v1/personas/lan"
VI = {
    "name": "Chị Lan",
    "summary": "Mẹ bận rộn, mua sắm sau giờ con ngủ.",
    "who": "Ba mươi tư tuổi, hai con nhỏ.",
    "needs": ["Giao đúng hẹn", "Đổi trả dễ"],
    "problems": ["Không nghe máy giờ làm"],
    "expectations": ["Nhớ cỡ của con"],
}
QUOTE = {"text": "Tôi chỉ có mười phút.", "source": "survey:nps-2026-10/answer-118", "said_on": "2026-10-02"}


@pytest.fixture
async def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def running(database_url: str, clock: HandClock) -> AsyncIterator[Running]:
    async with running_platform(database_url, (profiles,), role="api", clock=clock) as platform:
        for user in ("1", "2", "3"):
            await platform.crm.post("/v1/customers", json={"user_id": user})
        yield platform


@pytest.fixture
async def segment(running: Running) -> str:
    made = await running.crm.post("/v1/segments", json={"kind": "static", "name": "Mẹ bận rộn"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def written(segment: str, **fields: Any) -> dict[str, Any]:
    return {"status": "active", "segment": segment, "owner": "Trưởng nhóm CX", "texts": {"vi": VI}, **fields}


async def created(running: Running, segment: str, key: str = "lan", **fields: Any) -> dict[str, Any]:
    answer = await running.crm.post("/v1/personas", json={"key": key, **written(segment, **fields)})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def put(running: Running, body: dict[str, Any], if_match: str | None = None) -> httpx.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return await running.crm.put(LAN, json=body, headers=headers)


async def moved(running: Running, segment: str, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> None:
    answer = await running.crm.post(f"/v1/segments/{segment}/members", json={"add": add, "remove": remove})
    assert answer.json()["refused"] == []


def code(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["code"])


async def test_what_is_written_is_what_everybody_reads(running: Running, segment: str):
    made = await created(running, segment, picture="👩‍🌾", quotes=[QUOTE], note="Sau khảo sát tháng 10")

    read = (await running.crm.get(LAN)).json()

    assert read == made
    assert (read["key"], read["version"], read["latest_version"], read["status"]) == ("lan", 1, 1, "active")
    assert read["text"] == read["texts"]["vi"] == VI
    assert read["quotes"] == [{**QUOTE, "language": "vi"}]
    assert read["segment"] == {"id": segment, "name": "Mẹ bận rộn"}
    assert read["changed_at"] == "2026-11-21T09:00:00Z"


async def test_the_size_follows_membership_merges_included(running: Running, segment: str):
    await created(running, segment)
    assert (await running.crm.get(LAN)).json()["figures"]["members"]["value"] == 0

    await moved(running, segment, add=("user_id:1", "user_id:2"))
    figures = (await running.crm.get(LAN)).json()["figures"]
    assert figures["members"]["value"] == 2
    assert figures["share"] == {
        "value": 2 / 3,
        "unit": "ratio",
        "definition": "persona.share.v1",
        "numerator": 2,
        "denominator": 3,
        "interval": None,
        "as_of": "2026-11-21",
        "time_zone": "Asia/Ho_Chi_Minh",
        "staleness_seconds": 0.0,
        "currency": None,
        "parameters": {},
    }

    await running.crm.post("/v1/customers/user_id:2/merge", json={"into": "user_id:1", "reason": "one person"})
    share = (await running.crm.get(LAN)).json()["figures"]["share"]
    assert (share["numerator"], share["denominator"]) == (1, 2)

    await running.crm.post("/v1/customers/user_id:2/unmerge", json={"reason": "two after all"})
    await moved(running, segment, remove=("user_id:1",))
    share = (await running.crm.get("/v1/personas")).json()["items"][0]["figures"]["share"]
    assert (share["numerator"], share["denominator"]) == (1, 3)


async def test_a_rule_that_was_not_asked_of_everybody_is_no_live_figure(running: Running):
    rule = {"kind": "rule", "name": "Khách quen", "rule": {"identified": True}}
    segment = (await running.crm.post("/v1/segments", json=rule)).json()["id"]
    await created(running, segment)

    before = (await running.crm.get(LAN)).json()["figures"]["members"]
    await running.platform.app.state.services["profiles"].upkeep.run()
    after = (await running.crm.get(LAN)).json()["figures"]["members"]

    assert (before["value"], before["staleness_seconds"]) == (0, None)
    assert (after["value"], after["staleness_seconds"]) == (3, 0.0)


async def test_each_edit_is_a_version_with_author_time_and_note(running: Running, segment: str, clock: HandClock):
    await created(running, segment, note="first")
    clock.time += timedelta(hours=1)

    changed = await put(running, written(segment, owner="Giám đốc CX", note="new owner"))
    same = await put(running, written(segment, owner="Giám đốc CX", note="nothing new"))

    assert (changed.json()["version"], same.json()["version"], same.json()["note"]) == (2, 2, "new owner")
    page = (await running.crm.get(f"{LAN}/versions", params={"limit": 1})).json()
    rest = (await running.crm.get(f"{LAN}/versions", params={"limit": 1, "cursor": page["next_cursor"]})).json()
    (second,), (first,) = page["items"], rest["items"]
    assert rest["next_cursor"] is None
    assert (second["version"], second["note"], second["changed_at"]) == (2, "new owner", "2026-11-21T10:00:00Z")
    assert (first["version"], first["note"], first["changed_at"]) == (1, "first", "2026-11-21T09:00:00Z")
    assert first["changed_by"] == changed.json()["changed_by"] != ""

    old = (await running.crm.get(LAN, params={"version": 1})).json()
    assert (old["owner"], old["version"], old["latest_version"]) == ("Trưởng nhóm CX", 1, 2)
    diff = (await running.crm.get(f"{LAN}/diff")).json()
    assert diff == {
        "key": "lan",
        "from_version": 1,
        "to_version": 2,
        "changes": [{"kind": "changed", "pointer": "/owner", "before": "Trưởng nhóm CX", "after": "Giám đốc CX"}],
    }
    back = (await running.crm.get(f"{LAN}/diff", params={"from_version": 2, "to_version": 1})).json()
    assert back["changes"][0]["after"] == "Trưởng nhóm CX"
    unknown = await running.crm.get(f"{LAN}/diff", params={"from_version": 3})
    assert code(unknown, 404) == "profiles.persona_version_unknown"
    assert unknown.json()["current_version"] == 2


async def test_the_database_itself_keeps_versions_as_they_are(running: Running, segment: str):
    await created(running, segment)
    db = running.platform.app.state.services["profiles"].db

    with pytest.raises(DBAPIError, match="never changed"):
        async with db.write() as tx:
            await tx.execute("UPDATE persona_versions SET note = 'other'")


async def test_who_edits_an_outdated_version_is_refused(running: Running, segment: str):
    await created(running, segment)
    tag = (await running.crm.get(LAN)).headers["etag"]

    first = await put(running, written(segment, owner="A"), tag)
    second = await put(running, written(segment, owner="B"), tag)

    assert first.status_code == 200
    assert code(second, 412) == "profiles.persona_moved"
    assert second.json()["version"] == 2
    assert (await running.crm.get(LAN)).json()["owner"] == "A"
    assert code(await put(running, written(segment, owner="B"), "rubbish"), 412) == "profiles.persona_moved"
    retiring = await running.crm.post(f"{LAN}/retire", json={}, headers={"If-Match": tag})
    assert code(retiring, 412) == "profiles.persona_moved"
    assert (await put(running, written(segment, owner="B"), '"1", W/"2"')).json()["version"] == 3


async def test_a_new_size_changes_the_tag_but_not_whether_one_may_edit(running: Running, segment: str):
    await created(running, segment)
    tag = (await running.crm.get(LAN)).headers["etag"]
    assert (await running.crm.get(LAN, headers={"If-None-Match": tag})).status_code == 304

    await moved(running, segment, add=("user_id:1",))

    assert (await running.crm.get(LAN, headers={"If-None-Match": tag})).status_code == 200
    assert (await put(running, written(segment, owner="A"), tag)).status_code == 200


async def test_of_two_who_edit_at_once_one_is_refused(running: Running, segment: str):
    await created(running, segment)

    answers = await asyncio.gather(*(put(running, written(segment, owner=f"owner {n}"), '"1"') for n in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert (await running.crm.get(LAN)).json()["version"] == 2


async def test_a_request_that_is_repeated_has_one_effect(running: Running, segment: str):
    key = {"Idempotency-Key": "make-lan"}
    body = {"key": "lan", **written(segment)}

    first = await running.crm.post("/v1/personas", json=body, headers=key)
    again = await running.crm.post("/v1/personas", json=body, headers=key)
    other = await running.crm.post("/v1/personas", json=body)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert code(other, 409) == "profiles.persona_exists"


async def test_a_customer_belongs_to_the_active_personas_of_their_segments(running: Running, segment: str):
    await created(running, segment, texts={"vi": VI, "en": {"name": "Lan"}})
    await created(running, segment, key="draft", status="draft")
    url = "/v1/customers/user_id:1/personas"
    assert (await running.crm.get(url)).json() == {"customer": str(user_key("1")), "personas": []}

    await moved(running, segment, add=("user_id:1",))
    (belonging,) = (await running.crm.get(url, params={"language": "en"})).json()["personas"]
    assert (belonging["key"], belonging["name"], belonging["summary"]) == ("lan", "Lan", VI["summary"])
    assert (belonging["segment"], belonging["since"]) == (segment, "2026-11-21T09:00:00Z")

    await running.crm.post("/v1/customers/user_id:1/merge", json={"into": "user_id:2", "reason": "one person"})
    assert [each["key"] for each in (await running.crm.get("/v1/customers/user_id:2/personas")).json()["personas"]] == [
        "lan"
    ]
    await running.crm.post(f"{LAN}/retire", json={"note": "merged into another"})
    assert (await running.crm.get(url)).json()["personas"] == []
    assert code(await running.crm.get("/v1/customers/user_id:404/personas"), 404) == "profiles.customer_unknown"


async def test_a_retired_persona_can_be_read_and_brought_back(running: Running, segment: str):
    await created(running, segment)

    retired = (await running.crm.post(f"{LAN}/retire", json={"note": "nobody shops like this"})).json()
    again = (await running.crm.post(f"{LAN}/retire", json={})).json()

    assert (retired["status"], retired["version"], again["version"]) == ("retired", 2, 2)
    assert retired["texts"]["vi"] == VI
    statuses = {"active": 0, "retired": 1, "draft": 0}
    for status, number in statuses.items():
        assert len((await running.crm.get("/v1/personas", params={"status": status})).json()["items"]) == number
    assert (await put(running, written(segment), '"2"')).json()["status"] == "active"


async def test_lists_go_on_where_they_ended(running: Running, segment: str):
    for key in ("c", "a", "b"):
        await created(running, segment, key=key)

    first = (await running.crm.get("/v1/personas", params={"limit": 2})).json()
    rest = (await running.crm.get("/v1/personas", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [[each["key"] for each in page["items"]] for page in (first, rest)] == [["a", "b"], ["c"]]
    assert rest["next_cursor"] is None
    assert code(await running.crm.get("/v1/personas", params={"cursor": "WzFd"}), 400) == "bad_cursor"


async def test_a_persona_names_nobody(running: Running, segment: str):
    pointed = {"user_id": None, "external_ids": [{"type": "crm", "id": "77"}]}
    known = (await running.crm.post("/v1/customers", json=pointed)).json()["id"]
    body = written(
        segment,
        owner="Lan <lan@example.vn>",
        texts={"vi": {**VI, "needs": ["Gọi 0912 345 678"]}},
        quotes=[{**QUOTE, "source": f"crm:{known}"}, {**QUOTE, "source": f"survey:{uuid7()}"}],
        note="user_id:42 said so",
    )

    refused = await running.crm.post("/v1/personas", json={"key": "lan", **body})

    assert code(refused, 422) == "profiles.persona_personal_data"
    assert {(each["pointer"], each["kind"]) for each in refused.json()["findings"]} == {
        ("/owner", "email"),
        ("/texts/vi/needs/0", "phone"),
        ("/quotes/0/source", "customer_id"),
        ("/note", "customer_id"),
    }
    assert "0912" not in refused.text
    assert known not in refused.text
    assert (await running.crm.get(LAN)).status_code == 404

    await created(running, segment)
    assert code(await put(running, body), 422) == "profiles.persona_personal_data"
    retiring = await running.crm.post(f"{LAN}/retire", json={"note": "ask +84 912 345 678"})
    assert code(retiring, 422) == "profiles.persona_personal_data"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"segment": str(uuid7())}, "profiles.persona_segment_unknown"),
    ({"quotes": [{**QUOTE, "said_on": "2026-11-22"}]}, "profiles.future_time"),
    ({"texts": {}}, "invalid"),
    ({"texts": {"en": {"name": "Lan", "summary": "A busy mother."}}}, "invalid"),
    ({"texts": {"vi": {"name": " ", "summary": "x"}}}, "invalid"),
    ({"texts": {"vi": VI, "fr": VI}}, "invalid"),
    ({"texts": {"vi": {**VI, "needs": ["x"] * 8}}}, "invalid"),
    ({"texts": {"vi": {**VI, "needs": ["  "]}}}, "invalid"),
    ({"texts": {"vi": {**VI, "who": "a\x00b"}}}, "invalid"),
    ({"picture": "data:image/png;base64,AAAA"}, "invalid"),
    ({"picture": "https://example.vn/lan.png"}, "invalid"),
    ({"picture": "../etc/passwd"}, "invalid"),
    ({"picture": "😀 x"}, "invalid"),
    ({"quotes": [{**QUOTE, "source": "somewhere"}]}, "invalid"),
    ({"quotes": [{**QUOTE, "said_on": "2.10.2026"}]}, "invalid"),
    ({"quotes": [{**QUOTE, "said_on": "2026-W40-5"}]}, "invalid"),
    ({"quotes": [{**QUOTE, "said_on": "2026-02-30"}]}, "invalid"),
    ({"quotes": [{**QUOTE, "said_on": 1}]}, "invalid"),
    ({"segment": "none"}, "invalid"),
    ({"owner": " "}, "invalid"),
    ({"status": "dead"}, "invalid"),
    ({"mood": "good"}, "invalid"),
    ({"key": "Lan"}, "invalid"),
    ({"key": "lan-"}, "invalid"),
    ({"key": "a0912345678"}, "profiles.persona_personal_data"),
]


async def test_bad_input_is_refused_with_a_code(running: Running, segment: str):
    """One platform for all: to start one takes longer than to ask it."""
    for fields, refusal in BAD:
        answer = await running.crm.post("/v1/personas", json={"key": "lan", **written(segment), **fields})
        assert code(answer, 422) == refusal, fields

    assert (await running.crm.get("/v1/personas")).json()["items"] == []


async def test_an_edit_says_whether_the_persona_is_in_use(running: Running, segment: str):
    """To leave it out would take it out of use by the way."""
    await created(running, segment)
    body = written(segment)
    del body["status"]

    assert code(await put(running, body), 422) == "invalid"
    assert (await running.crm.get(LAN)).json()["status"] == "active"


async def test_unknown_personas_are_not_found(running: Running):
    for url in (LAN, f"{LAN}/versions", f"{LAN}/diff", f"{LAN}/card"):
        assert code(await running.crm.get(url), 404) == "profiles.persona_unknown"
    assert code(await running.crm.post(f"{LAN}/retire", json={}), 404) == "profiles.persona_unknown"
    assert code(await running.crm.get("/v1/personas/Not-A-Key"), 422) == "invalid"
    assert code(await running.crm.get(LAN, params={"language": "fr"}), 422) == "invalid"


async def test_a_persona_outlives_its_segment(running: Running, segment: str):
    await moved(running, segment, add=("user_id:1",))
    await created(running, segment)
    in_use = await running.crm.delete(f"/v1/segments/{segment}")
    assert (in_use.status_code, in_use.json()["code"], in_use.json()["personas"]) == (
        409,
        "profiles.segment_in_use",
        ["lan"],
    )
    assert (await running.crm.post(f"{LAN}/retire", json={})).status_code == 200

    assert (await running.crm.delete(f"/v1/segments/{segment}")).status_code == 204

    read = (await running.crm.get(LAN)).json()
    assert read["segment"] == {"id": segment, "name": None}
    assert (read["figures"]["members"]["value"], read["figures"]["share"]["value"]) == (None, None)
    assert (await running.crm.get("/v1/customers/user_id:1/personas")).json()["personas"] == []
    assert (await put(running, written(segment, owner="A"))).status_code == 200
    assert "không còn nữa" in (await running.crm.get(f"{LAN}/card")).text


async def test_keys_need_their_scopes(running: Running, segment: str):
    await created(running, segment)
    keyring = running.platform.keyring
    _, reader = await keyring.create("secret", "reader", scopes=("profiles:read",))
    _, stranger = await keyring.create("secret", "stranger", scopes=("metrics:read",))

    def auth(key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    assert (await running.crm.get(f"{LAN}/card", headers=auth(reader))).status_code == 200
    assert code(await running.crm.get(f"{LAN}/card", headers=auth(stranger)), 403) == "missing_scope"
    assert code(await running.crm.put(LAN, json=written(segment), headers=auth(reader)), 403) == "missing_scope"


async def test_the_card_is_a_page_that_loads_and_runs_nothing(running: Running, segment: str):
    texts = {"vi": VI, "en": {"name": "Lan <3", "summary": "A busy mother."}}
    await created(running, segment, texts=texts, picture="👩‍🌾", quotes=[QUOTE])
    await moved(running, segment, add=("user_id:1",))

    english = await running.crm.get(f"{LAN}/card", headers={"Accept-Language": "fr, en;q=0.5"})
    own = await running.crm.get(f"{LAN}/card")
    asked = await running.crm.get(f"{LAN}/card?language=vi", headers={"Accept-Language": "en"})

    assert english.headers["content-type"] == "text/html; charset=utf-8"
    assert english.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert english.headers["x-content-type-options"] == "nosniff"
    assert (english.headers["content-language"], english.headers["vary"]) == ("en", "Accept-Language")
    assert "<h1>Lan &lt;3</h1>" in english.text
    assert "<strong>1</strong>" in english.text
    assert "<script" not in english.text
    assert "http" not in english.text
    assert own.text == asked.text
    assert "<h1>Chị Lan</h1>" in own.text
    unmodified = await running.crm.get(f"{LAN}/card", headers={"If-None-Match": own.headers["etag"]})
    assert (unmodified.status_code, unmodified.text) == (304, "")
    assert unmodified.headers["vary"] == "Accept-Language"


async def test_others_are_told_whose_people_a_persona_describes(running: Running, segment: str):
    await created(running, segment, status="draft")
    await put(running, written(segment))
    await put(running, written(segment, owner="Giám đốc CX"))
    await running.crm.post(f"{LAN}/retire", json={})

    async with running.platform.units["profiles"].db.read() as tx:
        rows = await tx.execute('SELECT "values" FROM outbox ORDER BY id')
        told = [json.loads(value) for row in rows for value in row.values]
    said = [each for each in told if each["type"] == "tam.profiles.persona_changed.v1"]

    assert [(each["data"]["version"], each["data"]["status"]) for each in said] == [
        (1, "draft"),
        (2, "active"),
        (4, "retired"),
    ]
    assert {each["data"]["segment_id"] for each in said} == {segment}
    assert len({each["subject"] for each in said}) == 1
    assert "Lan" not in json.dumps(said, ensure_ascii=False)


def told(segment: str, metric: str, value: int, n: int = 412, **time: float) -> Event[SatisfactionTold]:
    data = SatisfactionTold.model_validate(
        {
            "segment_id": segment,
            "metric": metric,
            "definition": f"satisfaction.{metric}.v1",
            "value_hundredths": value,
            "low_hundredths": value - 810,
            "high_hundredths": value + 790,
            "n": n,
            "days": 90,
            "as_of": "2026-11-21",
        }
    )
    at = NOW - timedelta(**time)
    return Event(uuid7(), data.segment_id or uuid7(), at, at, data)


def outlook(segment: str, **figures: Any) -> Event[SegmentOutlookTold]:
    at = NOW - timedelta(minutes=figures.pop("minutes", 5))
    said = {
        "customers": 1_204,
        "lapsed_hundredths": 3_150,
        "lapsed_low_hundredths": 2_894,
        "lapsed_high_hundredths": 3_418,
        "lapse_days": 90,
        "valued": 1_190,
        "currency": "VND",
        "churn_risk_hundredths": 4_240,
        "clv_minor": 1_250_000,
        "clv_low_minor": 1_100_000,
        "clv_high_minor": 1_420_000,
        "horizon_days": 365,
        "as_of": "2026-11-21",
    }
    data = SegmentOutlookTold.model_validate({"segment_id": segment, **said, **figures})
    return Event(uuid7(), data.segment_id, at, at, data)


async def hear(running: Running, *events: Event[SatisfactionTold] | Event[SegmentOutlookTold]) -> None:
    async with running.platform.units["profiles"].db.write() as tx:
        await record_figures(running.platform.value("profiles"), tx, events)


async def test_how_content_they_are_stands_beside_them_and_how_sure_that_is(running: Running, segment: str):
    await created(running, segment)
    assert (await running.crm.get(LAN)).json()["figures"]["nps"] is None
    assert "Họ hài lòng đến đâu" not in (await running.crm.get(f"{LAN}/card")).text

    late, new = told(segment, "nps", -4_125, minutes=5), told(segment, "nps", 1_000, hours=1)
    await hear(running, late, new, told(segment, "csat", 8_700, minutes=5))
    await hear(running, new, told(str(uuid7()), "nps", 9_900), late)

    figures = (await running.crm.get(LAN)).json()["figures"]
    assert figures["nps"] == {
        "value": -41.25,
        "unit": "points",
        "definition": "satisfaction.nps.v1",
        "interval": {"low": -49.35, "high": -33.35, "level": 0.95},
        "n": 412,
        "days": 90,
        "as_of": "2026-11-21",
        "time_zone": "Asia/Ho_Chi_Minh",
        "staleness_seconds": 300.0,
    }
    assert (figures["csat"]["value"], figures["csat"]["unit"], figures["ces"]) == (87.0, "percent", None)
    page = (await running.crm.get(f"{LAN}/card")).text
    assert "NPS <strong>−41,2</strong>" in page
    assert "95 % nằm giữa −49,4 và −33,4. 412 câu trả lời trong 90 ngày" in page

    await hear(running, told(segment, "nps", 0, n=0))
    assert (await running.crm.get(LAN)).json()["figures"]["nps"] is None


async def test_who_leaves_and_what_they_will_bring_stands_beside_them(running: Running, segment: str):
    await created(running, segment)
    assert (await running.crm.get(LAN)).json()["figures"]["outlook"] is None

    await hear(running, outlook(segment), outlook(segment, minutes=60, customers=1, valued=0), outlook(str(uuid7())))
    # What comes late changes nothing.
    await hear(running, outlook(segment, minutes=30, clv_minor=9))

    figures = (await running.crm.get(LAN)).json()["figures"]["outlook"]
    common = {"as_of": "2026-11-21", "time_zone": "Asia/Ho_Chi_Minh", "staleness_seconds": 300.0}
    assert figures["lapse_rate"] == {
        "value": 31.5,
        "unit": "percent",
        "definition": "lapse_rate.v1",
        "interval": {"low": 28.94, "high": 34.18, "level": 0.95},
        "n": 1_204,
        "parameters": {"window_days": 90},
        **common,
    }
    assert figures["predicted_clv"] == {
        "value": "1250000",
        "unit": "money",
        "currency": "VND",
        "definition": "predicted_clv.v1",
        "interval": {"low": "1100000", "high": "1420000", "level": 0.95},
        "n": 1_190,
        "parameters": {"horizon_days": 365},
        **common,
    }
    assert figures["churn_risk"]["value"] == 42.4
    page = (await running.crm.get(f"{LAN}/card")).text
    assert "<strong>31,5 %</strong> không mua hàng từ 90 ngày" in page
    assert "<strong>1.250.000 VND</strong> kỳ vọng ở mỗi khách trong 365 ngày" in page
    assert "95 % nằm giữa 1.100.000 VND và 1.420.000 VND. 1.190 khách hàng" in page

    # Where no model is served, who lapsed can be said all the same; of nobody, nothing.
    await hear(running, outlook(segment, minutes=4, valued=0, currency=None))
    unknown = (await running.crm.get(LAN)).json()["figures"]["outlook"]
    assert (unknown["predicted_clv"], unknown["churn_risk"], unknown["lapse_rate"]["value"]) == (None, None, 31.5)
    await hear(running, outlook(segment, minutes=3, customers=0))
    assert (await running.crm.get(LAN)).json()["figures"]["outlook"] is None
