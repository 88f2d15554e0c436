"""The next best action: each rule speaks when it should, is silent when it should not, in both languages."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.profiles.consent.domain import Pair, Registry, Word
from services.profiles.needs.domain.actions import Action, BirthdayFact, Facts, Score, Text
from services.profiles.needs.domain.birthdays import Birthday, birthday
from services.profiles.needs.domain.contact import Contact, contact
from services.profiles.needs.domain.interests import Evidence, Interest, Ranked
from services.profiles.needs.domain.languages import accepted
from services.profiles.needs.domain.rules import RULES, suggestions
from services.profiles.needs.settings import NeedsSettings
from services.profiles.told.domain import ChurnRisk, Ending, LastNps, OpenCase, Standing, Tier, TierAhead, Worth
from shared.ids import user_key, uuid7

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LIMITS = NeedsSettings().action_limits()


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def facts(**known: Any) -> Facts:
    """Somebody who can be reached, and of whom nothing else is known."""
    orders = sorted(known.pop("orders", ()))
    today = known.pop("today", NOW.astimezone(ZONE).date())
    return Facts(
        **{
            "now": NOW,
            "today": today,
            "birthday": None,
            "orders": orders,
            "order_days": [each.astimezone(ZONE).date() for each in orders],
            "last_seen": {},
            "interests": (),
            "addresses": frozenset({"email"}),
            "told": NOTHING._replace(**{name: known.pop(name) for name in Standing._fields if name in known}),
            **known,
        }
    )


NOTHING = Standing({}, {}, {}, {}, None, (), None)


def said(**known: Any) -> dict[str, Action]:
    return {action.code: action for action in suggestions(facts(**known), LIMITS)}


def born(month: int, day: int) -> BirthdayFact:
    return BirthdayFact(Birthday(month, day), "birthday", "web", ago(days=100))


def interest(strength: float, *names: str) -> Ranked:
    evidence = [Evidence(name, 2, ago(days=2), ago(days=1), ()) for name in names or ("Product Viewed",)]
    return Ranked(Interest("category", "giày"), strength, evidence)


def test_who_nothing_is_known_of_gets_nothing():
    assert said() == {}


@pytest.mark.parametrize(
    ("today", "born_on", "left"),
    [
        (date(2026, 11, 21), (11, 21), 0),
        (date(2026, 11, 21), (11, 28), 7),
        (date(2026, 11, 21), (11, 29), None),
        (date(2026, 11, 21), (11, 20), None),
        (date(2026, 12, 29), (1, 2), 4),
        (date(2026, 12, 31), (12, 31), 0),
        (date(2027, 2, 25), (2, 29), 3),
        (date(2028, 2, 25), (2, 29), 4),
        (date(2027, 3, 1), (2, 29), None),
        (date(2028, 2, 29), (2, 29), 0),
    ],
)
def test_a_birthday_is_near_by_the_calendar(today: date, born_on: tuple[int, int], left: int | None):
    found = said(today=today, birthday=born(*born_on)).get("birthday_near")

    assert (found and found.facts[2].value) == left


def test_a_birthday_in_both_languages():
    today = said(birthday=born(11, 21))["birthday_near"]
    later = said(birthday=born(11, 22))["birthday_near"]

    assert today.sentence == (
        "Hôm nay là sinh nhật của khách (21/11): hãy gửi lời chúc mừng.",
        "Today is the customer's birthday (21 November): send congratulations.",
    )
    assert later.sentence.en.startswith("In 1 day is")
    assert later.sentence.vi.startswith("Còn 1 ngày nữa là")
    assert today.score.value == 70 > later.score.value
    assert (today.facts[0].source, today.facts[0].time) == ("web", ago(days=100))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("1990-02-28", (2, 28)),
        ("1992-02-29", (2, 29)),
        ("--02-29", (2, 29)),
        (" 12-31 ", (12, 31)),
        ("1990-05-01T00:00:00.000Z", (5, 1)),
        ("1990-04-30T17:00:00.000Z", (5, 1)),
        ("1990-05-01T08:00:00", (5, 1)),
        ("1990-02-30", None),
        ("03/04/1990", None),
        ("13-01", None),
        ("0001-01-01T00:00:01+14:00", None),
        ("soon", None),
        (19900501, None),
        (None, None),
    ],
)
def test_what_states_a_birthday(value: object, wanted: tuple[int, int] | None):
    assert birthday(value, ZONE) == wanted


def test_a_purchase_is_overdue_by_the_customers_own_gap():
    regular = [ago(days=days) for days in (36, 26, 16)]

    found = said(orders=regular)["purchase_overdue"]

    assert {each.name: each.value for each in found.facts} == {
        "last_order_at": regular[-1].isoformat(),
        "days_since_last_order": 16,
        "usual_gap": 10,
        "purchase_days": 3,
    }
    assert found.sentence == (
        "Khách chưa mua lại sau 16 ngày, trong khi thường cách 10 ngày: hãy hỏi thăm nhu cầu.",
        "No purchase for 16 days, where 10 days between purchases are usual: ask what they need.",
    )


@pytest.mark.parametrize("days_ago", [(35, 25, 15), (26, 16), (100,), (16.1, 16.0, 15.9), (200, 16), ()], ids=str)
def test_no_purchase_is_overdue_before_its_time_or_without_a_habit(days_ago: tuple[float, ...]):
    assert "purchase_overdue" not in said(orders=[ago(days=days) for days in days_ago])


def test_a_cart_is_left_behind():
    found = said(last_seen={"Product Added": ago(hours=2)}, orders=[ago(days=100)])["cart_left_behind"]

    assert [each.name for each in found.facts] == ["last_added_at", "last_order_at"]
    assert found.sentence == (
        "Khách cho hàng vào giỏ cách đây 2 giờ mà chưa đặt: hãy hỏi xem có vướng mắc gì.",
        "A product went into the cart 2 hours ago and no order followed: ask what is in the way.",
    )
    assert "3 days ago" in said(last_seen={"Product Added": ago(days=3)})["cart_left_behind"].sentence.en


@pytest.mark.parametrize(
    "known",
    [
        {"last_seen": {"Product Viewed": ago(hours=2)}},
        {"last_seen": {"Product Added": ago(minutes=59)}},
        {"last_seen": {"Product Added": ago(days=15)}},
        {"last_seen": {"Product Added": ago(hours=2)}, "orders": [ago(hours=1)]},
        {"last_seen": {"Product Added": ago(hours=2), "Order Completed": ago(hours=1)}},
        {"last_seen": {"Product Added": ago(hours=2), "Product Removed": ago(hours=1)}},
    ],
)
def test_no_cart_is_left_behind(known: dict[str, Any]):
    assert "cart_left_behind" not in said(**known)


def test_a_strong_interest_without_a_purchase():
    found = said(interests=[interest(12, "Order Completed"), interest(5)])["interest_without_purchase"]

    assert [(each.name, each.value) for each in found.facts] == [
        ("interest", "category:giày"),
        ("strength", 5),
        ("Product Viewed", 2),
    ]
    assert found.sentence.vi.startswith("Khách rất quan tâm đến nhóm hàng “giày”")
    assert found.sentence.en.startswith("Strong interest in the category “giày”")
    assert (found.needs_message, found.score.value) == (False, 25.0)
    assert "interest_without_purchase" not in said(interests=[interest(4.9)])
    assert "interest_without_purchase" not in said(interests=[interest(9, "Order Completed")])


def test_a_first_order_is_welcomed_while_it_is_new():
    found = said(orders=[ago(days=14)])["welcome_first_order"]

    assert found.facts[0].time == ago(days=14)
    assert found.sentence.en.startswith("The first order was placed 14 days ago")
    assert said(orders=[NOW])["welcome_first_order"].sentence.vi.startswith("Khách vừa đặt đơn đầu tiên (hôm nay)")
    assert "welcome_first_order" not in said(orders=[ago(days=15)])
    assert "welcome_first_order" not in said(orders=[ago(days=1), ago(days=2)])


def test_who_cannot_be_reached_is_asked_for_an_address():
    assert "contact_data_missing" in said(addresses=frozenset())
    assert "contact_data_missing" not in said(addresses=frozenset({"phone"}))


def test_the_highest_score_leads_and_a_new_rule_is_one_more():
    known = facts(birthday=born(11, 21), orders=[ago(days=10)], last_seen={"Product Added": ago(hours=2)})
    complaint = Action("open_complaint", Text("Gọi ngay.", "Call first."), needs_message=False,
                       score=Score(100, 1.0, Text("", "")), facts=())  # fmt: skip

    found = [action.code for action in suggestions(known, LIMITS, (*RULES, lambda *_: complaint))]

    assert found == ["open_complaint", "cart_left_behind", "birthday_near", "welcome_first_order"]


REGISTRY = Registry(
    purposes=frozenset({"marketing"}),
    exempt={"transactional": "contract"},
    channels=frozenset({"email", "sms", "zalo", "push"}),
    frequency_required=frozenset(),
    texts_required=False,
    categories={},
)


def reach(*words: Word, addresses: tuple[str, ...] = ("email", "phone"), purpose: str = "marketing") -> Contact:
    held = {word.pair: word for word in words}
    return contact(REGISTRY, held, addresses, purpose=purpose, preferred="sms", now=NOW)


def word(channel: str, **more: Any) -> Word:
    said_at = {"granted": True, "time": ago(days=9), "recorded_at": NOW, "source": "web", "recorded_by": "web"}
    return Word(id=uuid7(), customer_id=user_key("42"), pair=Pair("marketing", channel), **{**said_at, **more})


def test_only_an_open_door_is_taken_and_the_preferred_one_first():
    both = reach(word("zalo"), word("sms"))
    other = reach(word("zalo"), word("sms", granted=False))

    assert [(door.channel, door.is_open) for door in both.doors] == [("sms", True), ("zalo", True), ("email", False)]
    assert (both.is_allowed, both.reason, both.channel) == (True, "granted", "sms")
    assert (other.is_allowed, other.reason, other.channel) == (True, "granted", "zalo")


def test_without_consent_or_address_no_door_is_open():
    assert (reach().is_allowed, reach().reason, reach().channel) == (False, "no_consent", None)
    assert reach(word("sms", granted=False)).reason == "withdrawn"
    assert reach(word("sms", expires_at=NOW)).reason == "expired"
    assert reach(word("push"), addresses=()).reason == "no_address"
    assert reach(purpose="other").reason == "undeclared"
    assert reach(purpose="transactional").reason == "not_needed"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, "en"),
        ("", "en"),
        ("vi", "vi"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("en;q=0.5, vi;q=0.7", "vi"),
        ("fr, en;q=0.3, vi;q=0.2", "en"),
        ("VI;q=0", "en"),
        ("vi;q=x;;,", "en"),
        ("vietnamese", "en"),
    ],
)
def test_the_language_is_what_is_accepted_most(header: str | None, wanted: str):
    assert accepted(header) == wanted


def gold(**until: float) -> dict[str, Tier]:
    return {
        "main": Tier("gold", 3, NOW + timedelta(**until), ago(days=300)),
        "club": Tier("member", 1, None, ago(days=9)),
    }


def test_a_tier_that_ends_soon_is_told_with_its_end() -> None:
    action = said(tiers=gold(days=12, hours=5))["tier_ending"]

    assert action.sentence.vi == "Hạng “gold” của khách hết hạn sau 12 ngày: hãy gợi ý cách giữ hạng."
    assert action.sentence.en == "The customer's tier “gold” ends in 12 days: suggest how to keep it."
    assert {fact.name: fact.value for fact in action.facts} == {
        "tier": "gold",
        "track": "main",
        "tier_valid_until": (NOW + timedelta(days=12, hours=5)).isoformat(),
    }
    assert action.score.value == 52.0


@pytest.mark.parametrize("tiers", [{}, gold(days=31), gold(days=-1), gold(days=0)])
def test_a_tier_that_ends_late_or_ended_is_not_told(tiers: dict[str, Tier]) -> None:
    assert "tier_ending" not in said(tiers=tiers)


def test_the_nearest_end_scores_most() -> None:
    near, far = said(tiers=gold(days=2))["tier_ending"], said(tiers=gold(days=29))["tier_ending"]
    assert near.score.value > far.score.value


def answered(score: int, **since: float) -> LastNps:
    return LastNps(score, ago(**since), uuid7())


def complaint(priority: str = "normal", *, contacted: float | None = None, **due: float) -> OpenCase:
    spoken = None if contacted is None else ago(days=contacted)
    return OpenCase(uuid7(), priority, ago(days=2), NOW + timedelta(**due), spoken)


def test_an_open_complaint_is_above_everything_else():
    case = complaint("low", days=1)
    found = suggestions(
        facts(
            cases=[case],
            nps=answered(2, days=1),
            birthday=born(NOW.astimezone(ZONE).month, NOW.astimezone(ZONE).day),
            last_seen={"Product Added": ago(hours=2)},
            points={"points": 500},
            ending={"points": Ending(500, NOW + timedelta(hours=1))},
        ),
        LIMITS,
    )

    assert found[0].code == "complaint_open"
    assert found[0].sentence.vi == "Khách có khiếu nại chưa được giải quyết: hãy gọi cho khách trước tiên."
    told = {fact.name: fact.value for fact in found[0].facts}
    assert (told["case_id"], told["priority"], told["open_cases"]) == (str(case.case_id), "low", 1)
    assert not found[0].needs_message
    assert len(found) > 3
    assert "detractor_without_contact" not in {each.code for each in found}


def test_of_complaints_the_most_urgent_is_told_and_that_it_is_late():
    action = said(cases=[complaint("low", days=1), complaint("urgent", hours=-1)])["complaint_open"]

    assert action.sentence.en == "A complaint is open: call the customer first. The time to call is over."
    assert "news" in said(cases=[complaint(contacted=1, days=1)])["complaint_open"].sentence.en


@pytest.mark.parametrize(
    ("known", "speaks"),
    [
        ({"nps": answered(6, days=3)}, True),
        ({"nps": answered(7, days=3)}, False),
        ({"nps": answered(0, days=91)}, False),
        ({"nps": answered(0, days=3), "contacted_at": ago(days=2)}, False),
        ({"nps": answered(0, days=3), "contacted_at": ago(days=4)}, True),
        ({"nps": answered(0, days=3), "cases": [complaint(days=1)]}, False),
        ({}, False),
    ],
)
def test_a_detractor_whom_nobody_called_is_told(known: dict[str, Any], speaks: bool):
    assert ("detractor_without_contact" in said(**known)) is speaks


@pytest.mark.parametrize(
    ("score", "since", "is_asked"), [(9, 1, True), (10, 90, True), (10, 91, False), (8, 1, False), (0, 1, False)]
)
def test_a_promoter_is_asked_for_a_referral_while_the_answer_is_fresh(score: int, since: int, is_asked: bool):
    known = said(nps=answered(score, days=since))
    assert ("promoter_referral" in known) is is_asked
    assert "promoter_referral" not in said(nps=answered(10, days=1), cases=[complaint(days=1)])


@pytest.mark.parametrize(
    ("risk", "worth", "speaks"),
    [("high", "high", True), ("high", "medium", True), ("high", "low", False), ("medium", "high", False)],
)
def test_whoever_is_worth_it_is_won_back(risk: Any, worth: Any, speaks: bool):
    known = {
        "churn_risk": ChurnRisk(risk, 84, ago(days=3)),
        "clv": Worth(worth, 2_400_000, "VND", ago(days=3)),
    }
    action = said(**known).get("churn_risk_high")

    assert (action is not None) is speaks
    assert "churn_risk_high" not in said(**known, cases=[complaint(days=1)])
    assert "churn_risk_high" not in said(churn_risk=known["churn_risk"])
    if action is not None:
        assert "84 %" in action.sentence.vi
        assert {fact.name: fact.value for fact in action.facts}["clv_minor"] == 2_400_000


def test_the_nearest_tier_is_told_with_what_is_missing():
    far = TierAhead("silver", 25, 100, "points", None, ago(days=1))
    near = TierAhead("gold", 500_000, 5_000_000, "spend", "VND", ago(days=1))
    action = said(ahead={"club": far, "main": near})["tier_near"]

    assert action.sentence.en.startswith("500000 minor units of VND are missing for the tier “gold”")
    assert {fact.name: (fact.value, fact.unit) for fact in action.facts}["missing"] == (500_000, "VND")
    assert action.score.value == round(62 * 0.9, 1)
    assert "tier_near" not in said()


@pytest.mark.parametrize(
    ("ending", "available", "told"),
    [
        (Ending(300, NOW + timedelta(days=3)), 900, 300),
        (Ending(300, NOW + timedelta(days=3)), 200, 200),
        (Ending(300, NOW + timedelta(days=31)), 900, None),
        (Ending(300, NOW - timedelta(days=1)), 900, None),
        (Ending(300, NOW + timedelta(days=3)), 0, None),
    ],
)
def test_points_about_to_end_are_told_as_far_as_they_are_there(ending: Ending, available: int, told: int | None):
    action = said(points={"points": available}, ending={"points": ending}).get("points_ending")
    assert (None if action is None else action.facts[0].value) == told
