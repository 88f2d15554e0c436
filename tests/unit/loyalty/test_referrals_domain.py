"""What speaks against a referral, and what one has earned."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.loyalty.audience.domain import KnownOrder
from services.loyalty.referrals.domain.fraud import Evidence, digest, is_disposable, judge
from services.loyalty.referrals.domain.likeness import folded_name, plain_mail
from services.loyalty.referrals.domain.program import REASONS, Terms, terms_of
from services.loyalty.referrals.domain.referral import Done, Reached, Referral, outcome
from services.loyalty.referrals.schemas import ProgramIn, TermsIn
from shared.ids import uuid7

CAME = datetime(2026, 11, 1, tzinfo=UTC)
CLEAN = Evidence(
    is_self=False,
    is_cycle=False,
    has_ordered=False,
    shared=frozenset(),
    mail_domain="shop.example",
    friends_lately=0,
    at_place_lately=0,
)
MILESTONE = {"name": "second", "event": "order", "nth": 2, "min_minor": 100, "currency": "VND", "friend": {"points": 5}}


def terms(**rest: Any) -> Terms:
    body = TermsIn.model_validate({"milestones": [MILESTONE], "hold_days": 7, "window_days": 30, **rest})
    return terms_of(body.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("evidence", "action", "reasons"),
    [
        ({}, "allow", ()),
        ({"is_self": True}, "block", ("self",)),
        ({"is_cycle": True}, "block", ("cycle",)),
        ({"has_ordered": True}, "block", ("existing_customer",)),
        ({"shared": frozenset({"device"})}, "review", ("same_device",)),
        ({"shared": frozenset({"payment", "household"})}, "block", ("same_payment", "same_household")),
        ({"mail_domain": "mailinator.com"}, "review", ("disposable_mail",)),
        ({"friends_lately": 9}, "allow", ()),
        ({"friends_lately": 10}, "review", ("advocate_velocity",)),
        ({"at_place_lately": 3}, "review", ("address_velocity",)),
        ({"at_network_lately": 9}, "allow", ()),
        ({"at_network_lately": 10}, "review", ("ip_velocity",)),
        ({"shared": frozenset({"name"})}, "review", ("same_name",)),
        ({"shared": frozenset({"email", "name"})}, "block", ("same_email", "same_name")),
        ({"was_referred": True}, "review", ("merged_account",)),
    ],
)
def test_what_is_known_decides(evidence: dict[str, Any], action: str, reasons: tuple[str, ...]):
    found = judge(CLEAN._replace(**evidence), terms())

    assert (found.action, found.reasons) == (action, reasons)


def test_a_firm_says_what_it_minds_but_never_pays_somebody_for_themselves():
    lenient = terms(fraud={"actions": dict.fromkeys(REASONS, "allow")})
    everything = Evidence(True, True, True, frozenset({"device", "ip"}), "yopmail.com", 99, 99)

    assert judge(everything._replace(is_self=False, is_cycle=False), lenient).action == "allow"
    assert judge(everything, lenient).reasons == ("self", "cycle")


@pytest.mark.parametrize(
    ("domain", "is_thrown_away"),
    [
        ("mailinator.com", True),
        ("a.b.MAILINATOR.com", True),
        ("notmailinator.com", False),
        ("com", False),
        ("mine.example", True),
        (None, False),
    ],
)
def test_disposable_mail_is_known_by_its_domain(domain: str | None, *, is_thrown_away: bool):
    assert is_disposable(domain, {"mine.example"}) is is_thrown_away


def test_what_is_kept_of_a_hash_is_not_the_hash_and_differs_by_kind():
    assert digest("device", "abcdefgh") != digest("ip", "abcdefgh")
    assert b"abcdefgh" not in digest("device", "abcdefgh")


def a_referral(**rest: Any) -> Referral:
    return Referral(
        **{
            "id": uuid7(),
            "program_id": uuid7(),
            "terms": terms(),
            "advocate_id": uuid7(),
            "friend_id": uuid7(),
            "code": "C",
            "state": "active",
            "reasons": (),
            "hindrance": None,
            "registered_at": CAME,
            **rest,
        }
    )


def order(day: float, net: int = 100, *, currency: str = "VND", **rest: Any) -> KnownOrder:
    return KnownOrder(f"o{day}", uuid7(), CAME + timedelta(days=day), net, net, currency, **rest)


def after(days: float, orders: list[KnownOrder], known: list[Reached] | None = None, **rest: Any) -> list[Reached]:
    return outcome(a_referral(**rest), Done(orders), known or [], now=CAME + timedelta(days=days))


@pytest.mark.parametrize(
    "orders",
    [
        [order(1)],
        [order(1), order(2, 99)],
        [order(1), order(2, currency="USD")],
        [order(1), order(2, is_cancelled=True)],
        [order(-1), order(2)],
        [order(1), order(30)],
        [order(1), order(2, 0)],
    ],
)
def test_what_does_not_count(orders: list[KnownOrder]):
    assert after(300, orders) == []


def test_the_nth_order_counts_from_its_time_whatever_order_they_come_in():
    early, second, third = order(1), order(2), order(3)
    (found,) = after(9, [third, early, second])

    assert (found.state, found.order_id, found.due_at) == ("paid", "o2", CAME + timedelta(days=9))


def test_what_is_paid_waits_for_its_time_and_for_review():
    orders = [order(1), order(2)]

    assert [each.state for each in after(8.99, orders)] == ["held"]
    assert [each.state for each in after(9, orders)] == ["paid"]
    assert [each.state for each in after(99, orders, state="review")] == ["review"]
    assert after(99, orders, state="blocked") == []
    assert after(99, orders, hindrance="self") == []


def test_what_falls_before_it_is_paid_is_lost_and_after_it_is_taken_back():
    orders = [order(1), order(2)]
    held, paid = after(8, orders), after(9, orders)

    assert [each.state for each in after(9, orders[:1], held)] == ["lost"]
    (back,) = after(10, orders[:1], paid)
    assert (back.state, back.completed_at) == ("taken_back", paid[0].completed_at)
    (again,) = after(11, orders, [back])
    assert (again.state, again.completed_at) == ("paid", paid[0].completed_at)


@given(st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 200), st.booleans()), max_size=6), st.integers(0, 60))
def test_nothing_is_paid_without_two_orders_that_stand(said: list[tuple[int, int, bool]], days: int):
    orders = [order(day, net, is_cancelled=gone) for day, net, gone in said]
    counting = [each for each in said if 0 <= each[0] < 30 and each[1] >= 100 and not each[2]]

    found = after(days, orders)

    assert bool(found) is (len(counting) >= 2)
    if found and found[0].state == "paid":
        assert sorted(each[0] for each in counting)[1] + 7 <= days


@pytest.mark.parametrize(
    "wrong",
    [
        {"milestones": []},
        {"milestones": [MILESTONE, MILESTONE]},
        {"milestones": [{**MILESTONE, "friend": None}]},
        {"milestones": [{**MILESTONE, "friend": {"points": -1}}]},
        {"milestones": [{**MILESTONE, "friend": {"points": 1.5}}]},
        {"milestones": [{**MILESTONE, "friend": {"points": 1, "campaign": str(uuid7())}}]},
        {"milestones": [{**MILESTONE, "friend": {}}]},
        {"milestones": [{**MILESTONE, "currency": None}]},
        {"milestones": [{**MILESTONE, "event": "signup"}]},
        {"fraud": {"actions": {"self": "allow"}}},
        {"fraud": {"disposable_domains": ["not a domain"]}},
        {"link": "http://shop.example/?ref={code}"},
        {"link": "https://shop.example/"},
        {"hold_days": -1},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, Any]):
    good = {"name": "Bạn rủ bạn", "milestones": [MILESTONE]}
    ProgramIn.model_validate(good)
    with pytest.raises(ValidationError):
        ProgramIn.model_validate({**good, **wrong})


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Nguyễn Văn Đức", "DUC NGUYEN VAN", True),
        ("Trần Thị Bích Ngọc", "tran thi bich ngoc", True),
        ("Trần Thị Bích Ngọc", "Ngọc, Trần Thị Bích", True),
        (unicodedata.normalize("NFD", "Lê Thị Hồng Ánh"), "Le Thi Hong Anh", True),
        ("Nguyễn Văn Đức", "Nguyễn Văn Đạt", False),
        ("Anna-Maria O'Neill", "maria anna o neill", True),
        ("An Nguyễn", "An An Nguyễn", False),
    ],
)
def test_names_are_one_without_marks_and_order(one: str, other: str, *, is_same: bool):
    assert (folded_name(one) == folded_name(other)) is is_same


def test_a_name_that_says_too_little_is_none():
    assert [folded_name(each) for each in ("Lan", "  ", "123 456", "!?")] == [None] * 4


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("An.Nguyen+shop@GoogleMail.com", "annguyen@gmail.com"),
        ("an.nguyen+shop@firm.vn", "an.nguyen@firm.vn"),
        (" AN@Firm.VN. ", "an@firm.vn"),
        ("an", None),
        ("@firm.vn", None),
        ("+x@gmail.com", None),
    ],
)
def test_mail_addresses_are_compared_in_their_plainest_form(address: str, plain: str | None):
    assert plain_mail(address) == plain


def test_a_suspect_reward_waits_longer_where_the_firm_says_so():
    patient = terms(fraud={"actions": {"same_ip": "delay", "same_device": "delay"}, "delay_days": 30})

    assert judge(CLEAN._replace(shared=frozenset({"ip"})), patient) == ("delay", ("same_ip",))
    assert judge(CLEAN._replace(shared=frozenset({"ip"}), has_ordered=True), patient).action == "block"
    order = KnownOrder("o1", uuid7(), CAME, 200, 200, "VND")
    orders = [order, order._replace(order_id="o2")]
    held = outcome(a_referral(delay_days=30), Done(orders), [], now=CAME + timedelta(days=36))
    paid = outcome(a_referral(delay_days=30), Done(orders), [], now=CAME + timedelta(days=37))
    assert [each.state for each in (*held, *paid)] == ["held", "paid"]


def test_the_nth_touchpoint_counts_in_its_time():
    asked = {"name": "app", "event": "touchpoint", "touchpoint": "App Installed", "nth": 2, "friend": {"points": 5}}
    found = a_referral(terms=terms(milestones=[asked]))
    times = [("App Installed", CAME - timedelta(days=1)), ("App Installed", CAME), ("Other", CAME)]

    def states(*more: timedelta) -> list[str]:
        done = Done((), [*times, *(("App Installed", CAME + each) for each in more)])
        return [each.state for each in outcome(found, done, [], now=CAME + timedelta(days=29))]

    assert states() == []
    assert states(timedelta(days=2)) == ["paid"]
    assert states(timedelta(days=30)) == [], "after the time of the programme"


@pytest.mark.parametrize(
    "asked",
    [
        {"event": "touchpoint"},
        {"event": "order", "touchpoint": "x"},
        {"event": "touchpoint", "touchpoint": "x", "min_minor": 5},
    ],
)
def test_a_milestone_that_makes_no_sense_is_refused(asked: dict[str, Any]):
    with pytest.raises(ValidationError):
        terms(milestones=[{"name": "m", "currency": "VND", "friend": {"points": 5}, **asked}])
