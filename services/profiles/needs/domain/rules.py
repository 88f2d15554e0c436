"""The rules of the next best action, as one list. Each takes the facts and speaks, or is silent.

A rule on a fact that comes later is one more function in `RULES` and one more field of `Facts`; nothing else knows how
many there are. Those on loyalty, on what customers said and on what models expect stand in `rules_told.py`.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

from services.profiles.needs.domain.actions import Action, Fact, Facts, Limits, Score, Text, days
from services.profiles.needs.domain.interests import ORDERED
from services.profiles.needs.domain.rules_told import (
    churn_risk_high,
    complaint_open,
    detractor_without_contact,
    points_ending,
    promoter_referral,
    tier_ending,
    tier_near,
)

Rule = Callable[[Facts, Limits], Action | None]

_ADDED = ("Product Added", "Wishlist Product Added to Cart")
_REMOVED = "Product Removed"
# Two gaps are the least that can be usual.
_MIN_PURCHASES = 3

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_KINDS = {"category": ("nhóm hàng", "category"), "brand": ("thương hiệu", "brand"), "product": ("sản phẩm", "product")}


def birthday_near(facts: Facts, limits: Limits) -> Action | None:
    """The customer's birthday is today or in some days, by the local day of the firm."""
    if facts.birthday is None:
        return None
    born, trait, source, time = facts.birthday
    coming = born.next_from(facts.today)
    left = (coming - facts.today).days
    if left > limits.birthday_days:
        return None
    when = Text("Hôm nay", "Today") if left == 0 else Text(f"Còn {left} ngày nữa", f"In {days(left).en}")
    date_vi, date_en = f"{coming.day}/{coming.month}", f"{coming.day} {_MONTHS[coming.month - 1]}"
    return Action(
        "birthday_near",
        Text(
            f"{when.vi} là sinh nhật của khách ({date_vi}): hãy gửi lời chúc mừng.",
            f"{when.en} is the customer's birthday ({date_en}): send congratulations.",
        ),
        needs_message=True,
        score=Score(
            70,
            1 - 0.5 * left / limits.birthday_days if limits.birthday_days else 1.0,
            Text(f"Sinh nhật sau {days(left).vi}; càng gần điểm càng cao.", f"{days(left).en} away; nearer is more."),
        ),
        facts=(
            Fact(trait, f"{born.month:02}-{born.day:02}", "month-day", time, source),
            Fact("next_birthday", coming.isoformat(), "date"),
            Fact("days_until", left, "days"),
        ),
    )


def purchase_overdue(facts: Facts, limits: Limits) -> Action | None:
    """No purchase for longer than the person's own usual gap, the median between the days they bought on."""
    bought = sorted(set(facts.order_days))
    if len(bought) < _MIN_PURCHASES:
        return None
    usual = median((later - earlier).days for earlier, later in pairwise(bought))
    since = (facts.today - bought[-1]).days
    if since <= limits.overdue_factor * usual:
        return None
    ratio = since / usual
    usual_text = f"{usual:g}"
    usual_days = "1 day" if usual == 1 else f"{usual_text} days"
    return Action(
        "purchase_overdue",
        Text(
            f"Khách chưa mua lại sau {since} ngày, trong khi thường cách {usual_text} ngày: hãy hỏi thăm nhu cầu.",
            f"No purchase for {days(since).en}, where {usual_days} between purchases are usual: ask what they need.",
        ),
        needs_message=True,
        score=Score(
            75,
            min(1.0, ratio / (2 * limits.overdue_factor)),
            Text(f"Gấp {ratio:.1f} lần khoảng cách thường lệ.", f"{ratio:.1f} times the usual gap."),
        ),
        facts=(
            Fact("last_order_at", facts.orders[-1].isoformat(), "time", facts.orders[-1]),
            Fact("days_since_last_order", since, "days"),
            Fact("usual_gap", usual, "days"),
            Fact("purchase_days", len(bought), "days"),
        ),
    )


def cart_left_behind(facts: Facts, limits: Limits) -> Action | None:
    """A product went into the cart, none came out after it, and no order followed."""
    added = max((facts.last_seen[name] for name in _ADDED if name in facts.last_seen), default=None)
    if added is None:
        return None
    # An order that states no amount is a touchpoint and no order.
    last_order = max((*facts.orders[-1:], *([facts.last_seen[ORDERED]] if ORDERED in facts.last_seen else [])),
                     default=None)  # fmt: skip
    ended = [each for each in (last_order, facts.last_seen.get(_REMOVED)) if each is not None]
    age = facts.now - added
    if any(each >= added for each in ended) or not (
        timedelta(hours=limits.cart_hours) <= age <= timedelta(days=limits.cart_days)
    ):
        return None
    hours = int(age.total_seconds() // 3600)
    ago = days(hours // 24) if hours >= 24 else Text(f"{hours} giờ", "1 hour" if hours == 1 else f"{hours} hours")
    known = Fact("last_added_at", added.isoformat(), "time", added)
    ordered = () if last_order is None else (Fact("last_order_at", last_order.isoformat(), "time", last_order),)
    return Action(
        "cart_left_behind",
        Text(
            f"Khách cho hàng vào giỏ cách đây {ago.vi} mà chưa đặt: hãy hỏi xem có vướng mắc gì.",
            f"A product went into the cart {ago.en} ago and no order followed: ask what is in the way.",
        ),
        needs_message=True,
        score=Score(
            80,
            1 - 0.5 * age / timedelta(days=limits.cart_days),
            Text(f"Đã qua {ago.vi}; càng lâu điểm càng thấp.", f"{ago.en} have passed; longer is less."),
        ),
        facts=(known, *ordered),
    )


def interest_without_purchase(facts: Facts, limits: Limits) -> Action | None:
    """The strongest interest of which nothing was ever ordered."""
    found = next((each for each in facts.interests if not each.is_bought), None)
    if found is None or found.strength < limits.interest_strength:
        return None
    kind_vi, kind_en = _KINDS[found.interest.kind]
    name = found.interest.name
    return Action(
        "interest_without_purchase",
        Text(
            f"Khách rất quan tâm đến {kind_vi} “{name}” nhưng chưa mua: hãy tư vấn khi tiếp xúc.",
            f"Strong interest in the {kind_en} “{name}” and no purchase of it yet: offer advice.",
        ),
        needs_message=False,
        score=Score(
            50,
            min(1.0, found.strength / (2 * limits.interest_strength)),
            Text(f"Mức quan tâm {found.strength:g} điểm.", f"An interest of {found.strength:g} points."),
        ),
        facts=(
            Fact("interest", f"{found.interest.kind}:{name}"),
            Fact("strength", found.strength, "points", found.last_at),
            *(Fact(each.event, each.times, "touchpoints", each.last_at) for each in found.evidence),
        ),
    )


def welcome_first_order(facts: Facts, limits: Limits) -> Action | None:
    """The first order of all was placed some days ago."""
    if len(facts.orders) != 1:
        return None
    since = (facts.today - facts.order_days[0]).days
    if since > limits.welcome_days:
        return None
    ago = Text("hôm nay", "today") if since == 0 else Text(f"{since} ngày trước", f"{days(since).en} ago")
    return Action(
        "welcome_first_order",
        Text(
            f"Khách vừa đặt đơn đầu tiên ({ago.vi}): hãy cảm ơn và hỏi xem có hài lòng không.",
            f"The first order was placed {ago.en}: say thank you and ask whether all is well.",
        ),
        needs_message=True,
        score=Score(
            60,
            1 - 0.5 * since / limits.welcome_days if limits.welcome_days else 1.0,
            Text(f"Đơn đầu tiên: {ago.vi}; càng mới điểm càng cao.", f"First order {ago.en}; newer is more."),
        ),
        facts=(
            Fact("first_order_at", facts.orders[0].isoformat(), "time", facts.orders[0]),
            Fact("orders", 1, "orders"),
        ),
    )


def contact_data_missing(facts: Facts, _: Limits) -> Action | None:
    """No address is known that a message could go to."""
    if facts.addresses:
        return None
    return Action(
        "contact_data_missing",
        Text(
            "Chưa có e-mail hay số điện thoại: hãy xin thông tin liên hệ ở lần tiếp xúc tới.",
            "No e-mail address and no phone number is known: ask for one at the next contact.",
        ),
        needs_message=False,
        score=Score(
            40, 1.0, Text("Không có kênh liên lạc thì không thể nhắn tin.", "Without an address nobody can write.")
        ),
        facts=(Fact("email_addresses", 0, "identifiers"), Fact("phone_numbers", 0, "identifiers")),
    )


RULES: Sequence[Rule] = (
    complaint_open,
    detractor_without_contact,
    churn_risk_high,
    promoter_referral,
    birthday_near,
    purchase_overdue,
    cart_left_behind,
    interest_without_purchase,
    welcome_first_order,
    tier_ending,
    tier_near,
    points_ending,
    contact_data_missing,
)


def suggestions(facts: Facts, limits: Limits, rules: Sequence[Rule] = RULES) -> list[Action]:
    """What the rules say, the highest score first."""
    found = [action for rule in rules if (action := rule(facts, limits)) is not None]
    return sorted(found, key=lambda action: (-action.score.value, action.code))
