"""Who is asked and who is not: facts in, decisions with their reasons out."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from answers_world import take
from asking_world import DAY, DELIVERED, Asking, somebody
from surveys_world import open_world

from services.surveys.asking.domain.sampling import is_sampled
from services.surveys.asking.repository import rights
from shared.events.catalogue.surveys import SurveyDelivered, SurveyExpired, SurveyInvited
from shared.ids import user_key, uuid7
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_asking(pg_url: str) -> AsyncIterator[Asking]:
    async with fresh_database(pg_url) as url, open_world(url) as world:
        yield Asking(world)


@pytest_asyncio.fixture(loop_scope="module")
async def asking(module_asking: Asking) -> AsyncIterator[Asking]:
    """The firm as it is before it has said anything but that nobody sleeps; its surveys are closed afterwards."""
    await module_asking.rules({"limit": 1, "window_days": 30})
    yield module_asking
    for row in await module_asking.world.rows("SELECT id FROM surveys WHERE closed_at IS NULL"):
        await module_asking.world.close(row.id)


async def test_a_delivery_asks_who_agreed(asking: Asking):
    survey = await asking.survey(channel="email")
    name = somebody()
    await asking.agree(name)
    event = asking.delivered(name, order_id="o-1", staff_id="shipper-7")

    await asking.hear(event)
    await asking.decide()

    (decision,) = await asking.of(name)
    (invited,) = [each for each in await asking.world.announced(SurveyInvited) if each.subject == user_key(name)]
    assert (decision.reason, decision.policy_version, decision.source_id) == ("asked", 1, event.id)
    assert invited.data.invitation_id == decision.invitation_id
    assert (invited.data.survey_id, invited.data.version, invited.data.channel) == (survey.survey_id, 1, "email")
    assert (invited.data.staff_id, invited.data.weight, invited.data.wave) == ("shipper-7", 1.0, 1)
    assert invited.data.touchpoint == survey.touchpoint
    assert invited.data.expires_at == asking.now + timedelta(days=14)


async def test_a_fact_that_comes_again_proposes_nobody_again(asking: Asking):
    await asking.survey()
    name = somebody()
    await asking.agree(name)
    event = asking.delivered(name)

    await asking.hear(event, event)
    await asking.decide()
    await asking.hear(event)
    await asking.decide()

    assert await asking.reasons(name) == ["asked"]


async def test_nobody_is_asked_who_did_not_agree(asking: Asking):
    await asking.survey()
    silent, withdrawn, ended, changed = somebody(), somebody(), somebody(), somebody()
    await asking.agree(withdrawn, state="withdrawn")
    await asking.agree(ended, expires_at=asking.now)
    await asking.agree(changed)
    await asking.agree(changed, state="none")

    assert [await asking.happen(each) for each in (silent, withdrawn, ended, changed)] == ["no_consent"] * 4
    assert [(await asking.of(each))[0].detail for each in (silent, withdrawn, ended)] == [
        "nothing was said",
        "withdrawn",
        "expired",
    ]


async def test_of_words_out_of_order_the_highest_version_holds(asking: Asking):
    await asking.survey()
    name = somebody()
    await asking.agree(name)
    await asking.agree(name, state="withdrawn")
    await asking.agree(name, version=1)

    assert await asking.happen(name) == "no_consent"


async def test_a_survey_that_needs_no_consent(asking: Asking):
    await asking.survey(consent=None)

    assert await asking.happen(somebody()) == "asked"


async def test_after_so_many_days_at_a_local_hour(asking: Asking):
    await asking.survey(consent=None, triggers=[{**DELIVERED, "delay": {"days": 3, "at": "10:00"}}])
    name = somebody()
    # 23:30 in Vietnam: the third day after is the 24th + 1.
    late = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    assert asking.now >= late
    await asking.happen(name)
    (waiting,) = await asking.of(name)
    local = asking.now + timedelta(hours=7)
    assert waiting.reason is None
    assert waiting.due_at == datetime(local.year, local.month, local.day, 3, tzinfo=UTC) + timedelta(days=3)

    asking.forward(seconds=(waiting.due_at - asking.now).total_seconds() - 1)
    await asking.decide()
    assert await asking.reasons(name) == [None]
    asking.forward(seconds=1)
    await asking.decide()
    assert await asking.reasons(name) == ["asked"]


async def test_nobody_is_asked_late(asking: Asking):
    await asking.survey(consent=None, stale_after_seconds=3_600)
    in_time, late = somebody(), somebody()
    asking.forward(seconds=1)
    await asking.hear(asking.delivered(in_time), asking.delivered(late, at=asking.now - timedelta(seconds=1)))

    asking.forward(seconds=3_599)
    await asking.decide()

    assert (await asking.reasons(in_time), await asking.reasons(late)) == (["asked"], ["expired"])


async def test_facts_from_before_the_policy_propose_nobody(asking: Asking):
    await asking.survey(consent=None, stale_after_seconds=30 * DAY)
    name = somebody()

    await asking.hear(asking.delivered(name, at=asking.now - timedelta(seconds=1)))

    assert await asking.reasons(name) == []


@pytest.mark.parametrize("by", ["order", "person"])
@pytest.mark.parametrize("is_first", [False, True], ids=["after", "before"])
async def test_what_takes_a_candidate_back(asking: Asking, by: str, is_first: bool):
    cancel = {"on": "order_cancelled"} if by == "order" else {"name": "Order Returned", "by": "person"}
    await asking.survey(consent=None, triggers=[{**DELIVERED, "delay": {"seconds": DAY}}], cancel_if=[cancel])
    name, other = somebody(), somebody()
    order, kept = f"o-{name}", f"o-{other}"
    back = asking.cancelled(name, order) if by == "order" else asking.delivered(name, touchpoint="Order Returned")
    facts = [asking.delivered(name, order_id=order), asking.delivered(other, order_id=kept)]

    await asking.hear(*([back, *facts] if is_first else [*facts, back]))
    asking.forward(days=1)
    await asking.decide()

    assert (await asking.reasons(name), await asking.reasons(other)) == (["cancelled"], ["asked"])


async def test_facts_about_orders_and_their_properties(asking: Asking):
    trigger = {
        "id": "large",
        "on": "order_placed",
        "where": [
            {"property": "total_minor", "op": "gte", "value": 1_000_000},
            {"property": "currency", "value": "VND"},
        ],
    }
    await asking.survey(consent=None, triggers=[trigger])
    small, large = somebody(), somebody()

    await asking.hear(asking.placed(small, "o-small", 999_999), asking.placed(large, "o-large", 1_000_000))
    await asking.decide()

    assert (await asking.reasons(small), await asking.reasons(large)) == ([], ["asked"])
    assert (await asking.of(large))[0].order_id == "o-large"


async def test_only_who_is_in_a_segment(asking: Asking):
    wanted, unwanted = uuid7(), uuid7()
    await asking.survey(consent=None, segments_any=[wanted], segments_none=[unwanted])
    inside, outside, left, both = somebody(), somebody(), somebody(), somebody()
    await asking.enter(wanted, inside, left, both)
    await asking.enter(unwanted, both)
    asking.forward(seconds=1)
    await asking.leave(wanted, left)

    assert await asking.happen(inside) == "asked"
    assert await asking.happen(outside) == "not_in_segment"
    assert await asking.happen(left) == "not_in_segment"
    assert await asking.happen(both) == "in_excluded_segment"


async def test_a_share_is_asked_always_the_same(asking: Asking):
    survey = await asking.survey(consent=None, share=0.5)
    people = [somebody() for _ in range(40)]

    await asking.hear(*[asking.delivered(each) for each in people])
    await asking.decide()

    for name in people:
        sampled = is_sampled(survey.survey_id, 1, user_key(name), 0.5)
        assert await asking.reasons(name) == ["asked" if sampled else "not_sampled"]
    invited = [each for each in await asking.world.announced(SurveyInvited) if each.data.survey_id == survey.survey_id]
    assert 5 <= len(invited) <= 35
    assert {each.data.weight for each in invited} == {2.0}


async def test_the_budget_over_all_surveys(asking: Asking):
    await asking.rules({"limit": 2, "window_days": 30, "gap_days": 7})
    for library in ("after_delivery", "after_support"):
        await asking.survey(
            library, consent=None, triggers=[{**DELIVERED, "where": [{"property": "category", "value": library}]}]
        )
    name = somebody()

    assert await asking.happen(name, category="after_delivery") == "asked"
    assert await asking.happen(name, category="after_support") == "over_budget"
    asking.forward(days=7)
    assert await asking.happen(name, category="after_support") == "asked"
    asking.forward(days=22, hours=23)
    assert await asking.happen(name, category="after_delivery") == "over_budget"
    asking.forward(hours=1)
    assert await asking.happen(name, category="after_delivery") == "asked"
    assert (await asking.of(name))[1].detail == "all: 2 in 30 days, 7 days apart"


async def test_the_budget_of_a_kind_and_of_a_survey(asking: Asking):
    await asking.rules({"kind": "nps", "limit": 1, "window_days": 90})
    nps = await asking.survey("relationship_nps", consent=None, triggers=[])
    other = await asking.survey("relationship_nps", consent=None, triggers=[])
    csat = await asking.survey("after_delivery", consent=None, triggers=[], budget=[{"gap_days": 1}])
    name = somebody()

    assert (await asking.invite(nps.survey_id, name))["reason"] == "asked"
    assert (await asking.invite(other.survey_id, name))["reason"] == "over_budget"
    assert (await asking.invite(csat.survey_id, name))["reason"] == "asked"
    assert (await asking.invite(csat.survey_id, name))["reason"] == "over_budget"
    asking.forward(days=1)
    assert (await asking.invite(csat.survey_id, name))["reason"] == "asked"


async def test_the_frequency_somebody_agreed_to(asking: Asking):
    await asking.rules()
    survey = await asking.survey("after_delivery", triggers=[], channel="email")
    name = somebody()
    await asking.agree(name, frequency_max=2, frequency_per="week")

    reasons = [(await asking.invite(survey.survey_id, name))["reason"] for _ in range(3)]
    asking.forward(days=7)

    assert reasons == ["asked", "asked", "over_frequency"]
    assert (await asking.invite(survey.survey_id, name))["reason"] == "asked"


async def test_the_more_urgent_survey_goes_first(asking: Asking):
    await asking.survey("after_delivery", consent=None, priority=0)
    urgent = await asking.survey("after_support", consent=None, priority=5)
    name = somebody()

    await asking.hear(asking.delivered(name))
    await asking.decide()

    found = {each.reason: each for each in await asking.of(name)}
    assert set(found) == {"asked", "over_budget"}
    assert found["asked"].survey_id == urgent.survey_id


async def test_a_place_is_kept_for_what_is_more_urgent_and_comes_later(asking: Asking):
    urgent = await asking.survey(
        "after_support", consent=None, priority=5, triggers=[{**DELIVERED, "delay": {"seconds": 3 * DAY}}]
    )
    await asking.survey("after_delivery", consent=None, priority=0)
    name = somebody()

    await asking.hear(asking.delivered(name))
    await asking.decide()
    found = {each.survey_id == urgent.survey_id: each for each in await asking.of(name)}
    assert (found[False].reason, found[False].detail) == ("lower_priority", str(urgent.survey_id))

    asking.forward(days=3)
    await asking.decide()
    assert (await asking.of(name))[0].reason in ("asked", "lower_priority")
    assert sorted(str(each.reason) for each in await asking.of(name)) == ["asked", "lower_priority"]


async def test_quiet_hours_put_off_until_the_morning(asking: Asking):
    await asking.rules(quiet={"start": "21:00", "end": "08:00"})
    survey = await asking.survey(consent=None, stale_after_seconds=3_600)
    name = somebody()
    now = asking.now
    # To half past ten in the evening in Vietnam.
    evening = datetime(now.year, now.month, now.day, 15, 30, tzinfo=UTC) + timedelta(days=1)
    asking.forward(seconds=(evening - now).total_seconds())

    assert await asking.happen(name) is None
    assert (await asking.invite(survey.survey_id, somebody()))["status"] == 202
    (waiting,) = await asking.of(name)
    assert waiting.due_at == evening + timedelta(hours=9, minutes=30)
    assert (await asking.invite(survey.survey_id, somebody(), time_zone="America/New_York"))["reason"] == "asked"
    assert (await asking.invite(survey.survey_id, somebody(), channel="widget"))["reason"] == "asked"

    asking.forward(hours=9, minutes=30)
    await asking.decide()
    assert await asking.reasons(name) == ["asked"]


async def test_a_merge_sums_what_two_were_asked(asking: Asking):
    survey = await asking.survey(consent=None, triggers=[])
    one, two = somebody(), somebody()
    assert (await asking.invite(survey.survey_id, one))["reason"] == "asked"

    await asking.world.merge(user_key(one), user_key(two))
    merged = await asking.invite(survey.survey_id, two)
    await asking.world.unmerge(user_key(one), user_key(two))
    alone = await asking.invite(survey.survey_id, two)

    assert (merged["reason"], alone["reason"]) == ("over_budget", "asked")


async def test_a_merged_person_is_who_their_root_says(asking: Asking):
    await asking.survey()
    one, root = somebody(), somebody()
    await asking.agree(one)
    await asking.world.merge(user_key(one), user_key(root))

    assert await asking.happen(one) == "no_consent"
    await asking.agree(root)
    assert await asking.happen(one) == "asked"


async def test_reminders_only_for_who_has_not_answered(asking: Asking):
    await asking.rules({"limit": 10, "window_days": 30})
    survey = await asking.survey(consent=None, triggers=[], reminders={"most": 2, "after_seconds": 3 * DAY})
    silent, prompt = somebody(), somebody()
    for name in (silent, prompt):
        await asking.invite(survey.survey_id, name)
    answered = (await asking.of(prompt))[-1]
    async with asking.world.db.write() as tx:
        await asking.service.invitations.mark_answered(tx, answered.invitation_id, asking.now)

    for _ in range(5):
        asking.forward(days=3)
        await asking.decide()

    assert await asking.reasons(prompt) == ["asked", "answered"]
    assert await asking.reasons(silent) == ["asked"] * 3
    contacts = await asking.world.rows(
        "SELECT number, at FROM contacts WHERE person = :key ORDER BY number", key=user_key(silent)
    )
    assert [each.number for each in contacts] == [0, 1, 2]


async def test_nobody_is_reminded_of_what_was_taken_back(asking: Asking):
    await asking.rules()
    await asking.survey(consent=None, cancel_if=[{"on": "order_refunded"}], reminders={"most": 1, "after_seconds": DAY})
    name = somebody()
    assert await asking.happen(name, order_id=f"o-{name}") == "asked"

    await asking.hear(asking.refunded(name, f"o-{name}"))
    asking.forward(days=1)
    await asking.decide()

    assert {each.number: each.reason for each in await asking.of(name)} == {0: "asked", 1: "cancelled"}


async def test_reminders_count_against_the_budget_unless_they_are_free(asking: Asking):
    counted = await asking.survey(consent=None, triggers=[], reminders={"most": 1, "after_seconds": DAY})
    free = await asking.survey(
        consent=None, triggers=[], reminders={"most": 1, "after_seconds": DAY, "is_counted": False}
    )
    first, second = somebody(), somebody()
    await asking.invite(counted.survey_id, first)
    await asking.invite(free.survey_id, second)

    asking.forward(days=1)
    await asking.decide()

    assert await asking.reasons(first) == ["asked", "over_budget"]
    assert await asking.reasons(second) == ["asked", "asked"]


async def test_an_anonymous_survey_reminds_nobody_and_remembers_no_answer(asking: Asking):
    survey = await asking.survey(
        changes={"is_anonymous": True}, consent=None, triggers=[], reminders={"most": 3, "after_seconds": 3_600}
    )
    name = somebody()
    asked = await asking.invite(survey.survey_id, name)
    async with asking.world.db.write() as tx:
        await asking.service.invitations.mark_answered(tx, asked["invitation_id"], asking.now)

    asking.forward(days=14)
    await asking.decide()
    await asking.service.invitations.expire()

    found = await asking.world.rows(
        "SELECT answered_at, expired_at FROM invitations WHERE id = :id", id=asked["invitation_id"]
    )
    expired = [each for each in await asking.world.announced(SurveyExpired) if each.subject == user_key(name)]
    assert await asking.reasons(name) == ["asked"]
    assert (found[0].answered_at, found[0].expired_at, expired) == (None, asking.now, [])


async def test_what_nobody_answers_expires_and_is_told_once(asking: Asking):
    survey = await asking.survey(consent=None, triggers=[], expires_after_seconds=DAY)
    name, other = somebody(), somebody()
    asked = await asking.invite(survey.survey_id, name, staff_id="Chị Lan")
    answered = await asking.invite(survey.survey_id, other)
    async with asking.world.db.write() as tx:
        await asking.service.invitations.mark_delivered(tx, asked["invitation_id"], asking.now)
        await asking.service.invitations.mark_delivered(tx, asked["invitation_id"], asking.now)
        await asking.service.invitations.mark_answered(tx, answered["invitation_id"], asking.now)

    asking.forward(days=1)
    while await asking.service.invitations.expire():
        pass
    await asking.service.invitations.expire()

    said = [
        each
        for each in await asking.world.announced(SurveyDelivered, SurveyExpired)
        if each.subject in (user_key(name), user_key(other))
    ]
    assert [type(each.data) for each in said] == [SurveyDelivered, SurveyExpired]
    assert {each.data.staff_id for each in said} == {"Chị Lan"}


async def test_nobody_is_asked_while_a_case_of_theirs_is_open(asking: Asking):
    survey = await asking.survey("relationship_nps", consent=None, triggers=[])
    unhappy, happy, other_key = somebody(), somebody(), somebody()
    for name, score in ((unhappy, 1), (happy, 9)):
        answers = {"nps": {"score": score}}
        about = {"survey_id": survey.survey_id, "version": survey.version, "person": user_key(name)}
        await take(asking.world, answers=answers, **about)
    await asking.world.merge(user_key(other_key), user_key(unhappy))

    reasons = [(await asking.invite(survey.survey_id, each))["reason"] for each in (unhappy, other_key, happy)]

    assert reasons == ["open_case", "open_case", "asked"]


async def test_a_paused_policy_and_a_closed_survey(asking: Asking):
    paused = await asking.survey(consent=None)
    closed = await asking.survey("after_support", consent=None, triggers=[{**DELIVERED, "name": "Ticket Solved"}])
    first, second, third = somebody(), somebody(), somebody()
    await asking.hear(asking.delivered(first), asking.delivered(second, touchpoint="Ticket Solved"))

    await asking.policy(paused.survey_id, consent=None, is_active=False)
    await asking.world.close(closed.survey_id)
    await asking.decide()

    assert (await asking.reasons(first), await asking.reasons(second)) == (["policy_paused"], ["survey_not_active"])
    assert (await asking.of(first))[0].policy_version == 2
    await asking.hear(asking.delivered(third), asking.delivered(third, touchpoint="Ticket Solved"))
    assert await asking.reasons(third) == []


async def test_a_decision_cannot_be_made_twice(asking: Asking):
    await asking.survey(consent=None)
    name = somebody()
    await asking.happen(name)

    with pytest.raises(Exception, match="a decision is made once"):
        async with asking.world.db.write() as tx:
            await tx.execute("UPDATE candidates SET reason = 'expired' WHERE person = :key", {"key": user_key(name)})


async def test_what_is_kept_of_a_person_is_shown_and_forgotten(asking: Asking):
    segment = uuid7()
    await asking.survey(
        "after_delivery", segments_any=[segment], cancel_if=[{"name": "Order Returned", "by": "person"}]
    )
    name, other = somebody(), somebody()
    await asking.agree(name, other)
    await asking.enter(segment, name, other)
    await asking.hear(*[asking.delivered(each, touchpoint="Order Returned") for each in (name, other)])
    asking.forward(seconds=1)
    for each in (name, other):
        assert await asking.happen(each) == "asked"
    places = {"candidates", "asking_cancels", "contacts", "invitations", "consents", "segment_moves"}

    async with asking.world.db.read() as tx:
        shown = {table async for table, _ in rights.sections(tx, [user_key(name)])}
    async with asking.world.db.write() as tx:
        gone = await rights.forget(tx, [user_key(name)])
    async with asking.world.db.read() as tx:
        left = [table async for table, _ in rights.sections(tx, [user_key(name)])]
        others = {table async for table, _ in rights.sections(tx, [user_key(other)])}

    assert (shown, set(gone), left, others) == (places, places, [], places)
    assert all(gone.values())
