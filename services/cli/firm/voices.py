"""What customers of the firm said: scores that fit what happened to them, and words in their language."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.cli.firm.past import CUSTOMERS, NAME, SEED, TROUBLE_DAYS, Past
from shared.load.chance import stream

RELATIONSHIP, DELIVERY, SUPPORT = "relationship_nps", "after_delivery", "after_support"
LIBRARY = (RELATIONSHIP, DELIVERY, SUPPORT)
_NPS_DAYS, _SUPPORT_DAYS, _DELIVERY_DAYS = 160, 130, 120
# Shares of those who were asked and answer.
_AFTER_ORDER, _NPS, _SUPPORT = 0.3, 0.95, 0.35
_ENGLISH = 0.15
_GOOD = ("Cà phê thơm, đóng gói cẩn thận.", "Giao nhanh, sẽ mua tiếp.", "Trà sen rất ngon!", "Nhân viên dễ thương.")
_FAIR = ("Ổn, nhưng phí giao hơi cao.", "Hàng đúng mô tả.", "Ứng dụng đôi khi chậm.")
_BAD = (
    "Giao trễ hai ngày, không ai báo.",
    "Shipper không gọi trước.",
    "Hộp bị móp.",
    "Gọi mãi không ai nghe.",
)
_GOOD_EN = ("Best lotus tea I have had.", "Fast delivery, lovely wrapping.", "Will order again.")
_FAIR_EN = ("Fine, though shipping costs a bit.", "As described.")
_BAD_EN = ("Two days late and nobody told me.", "Box was crushed.", "Support never called back.")


@dataclass(frozen=True, slots=True)
class Voice:
    """An answer to a survey of the library. `reference` is the firm's own name for it: it counts once."""

    survey: str
    customer: str
    reference: str
    locale: str
    at: datetime
    answers: dict[str, Any]


def voices(past: Past) -> Iterator[Voice]:
    """Everything that was said, survey by survey."""
    yield from _after_deliveries(past)
    yield from _each_day(past, RELATIONSHIP, _NPS_DAYS, _NPS)
    yield from _each_day(past, SUPPORT, _SUPPORT_DAYS, _SUPPORT)


def said(chance: random.Random, locale: str, mood: float) -> str:
    """Words of somebody in a mood from 0 to 1."""
    good, fair, bad = (_GOOD_EN, _FAIR_EN, _BAD_EN) if locale == "en" else (_GOOD, _FAIR, _BAD)
    return chance.choice(good if mood > 0.75 else fair if mood > 0.5 else bad)


def _after_deliveries(past: Past) -> Iterator[Voice]:
    since = past.today - timedelta(days=_DELIVERY_DAYS)
    for each in past.orders():
        chance = stream(SEED, NAME, "heard", each.order_id)
        if each.delivered_at is None or each.delivered_at < since or chance.random() > _AFTER_ORDER:
            continue
        at = each.delivered_at + timedelta(hours=2 + chance.random() * 20)
        if at >= past.now:
            continue
        mood = chance.betavariate(2, 3) if each.is_late else chance.betavariate(7, 1.6)
        score = 1 + round(mood * 4)
        answers: dict[str, Any] = {"csat": {"score": score}, "ces": {"score": 1 + round(mood * 6)}}
        if score <= 3:
            answers["problem"] = {
                "chosen": ["late" if each.is_late else chance.choice(("damaged", "wrong", "courier"))]
            }
        yield _voice(past, chance, DELIVERY, each.customer, f"{each.order_id}-csat", at, mood, answers, "comment")


def _each_day(past: Past, survey: str, days: int, share: float) -> Iterator[Voice]:
    """Somebody on such a share of days, in the last weeks two, who are less content."""
    for ago in range(days, 0, -1):
        is_bad = ago <= TROUBLE_DAYS
        for place in range(2 if is_bad else 1):
            chance = stream(SEED, NAME, survey, ago, place)
            if chance.random() > share:
                continue
            at = past.today - timedelta(days=ago) + timedelta(hours=9 + chance.random() * 12)
            mood = chance.betavariate(4, 2) if is_bad else chance.betavariate(9, 1.1)
            answers, words = _served(mood) if survey == SUPPORT else _recommends(mood)
            customer = chance.randrange(CUSTOMERS)
            yield _voice(past, chance, survey, customer, f"{survey}-{ago}-{place}", at, mood, answers, words)


def _served(mood: float) -> tuple[dict[str, Any], str | None]:
    solved = "yes" if mood > 0.6 else "partly" if mood > 0.35 else "no"
    return {"ces": {"score": 1 + round(mood * 6)}, "solved": {"chosen": [solved]}}, None


def _recommends(mood: float) -> tuple[dict[str, Any], str | None]:
    """A score, and which of the questions after it is shown."""
    score = round(mood * 10)
    return {"nps": {"score": score}}, "loved" if score >= 9 else "better" if score >= 7 else "fix"


def _voice(
    past: Past,
    chance: random.Random,
    survey: str,
    customer: int,
    reference: str,
    at: datetime,
    mood: float,
    answers: dict[str, Any],
    words: str | None,
) -> Voice:
    locale = "en" if chance.random() < _ENGLISH else "vi"
    if words is not None and chance.random() < 0.5:
        answers[words] = {"text": said(chance, locale, mood)}
    return Voice(survey, f"user_id:{past.user_id(customer)}", f"{NAME}-{reference}", locale, at, answers)
