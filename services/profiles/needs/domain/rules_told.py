"""The rules on what other services tell: loyalty, and what the customer said of the firm."""

from datetime import datetime, timedelta

from services.profiles.needs.domain.actions import Action, Fact, Facts, Limits, Score, Text, days
from services.profiles.told.domain import LastNps, OpenCase

# Whoever complains is called before anybody is offered anything: above all other rules, whatever their factor.
_COMPLAINT = {"urgent": 1.0, "high": 0.98, "normal": 0.96, "low": 0.94}
_SURVEYS, _LOYALTY, _METRICS = "surveys", "loyalty", "metrics"


def complaint_open(facts: Facts, _: Limits) -> Action | None:
    """A complaint is not mended: of several the one that weighs most, then the oldest."""
    if not facts.told.cases:
        return None
    case = max(facts.told.cases, key=lambda each: _COMPLAINT.get(each.priority, 0))
    is_late = case.contacted_at is None and case.contact_due_at is not None and case.contact_due_at < facts.now
    late = Text(" Đã quá hạn liên hệ.", " The time to call is over.") if is_late else Text("", "")
    again = case.contacted_at is not None
    return Action(
        "complaint_open",
        Text(
            ("Khách có khiếu nại đang xử lý: hãy gọi báo tình hình trước khi giới thiệu bất cứ điều gì." if again else
             "Khách có khiếu nại chưa được giải quyết: hãy gọi cho khách trước tiên.") + late.vi,
            ("A complaint is being mended: call with the news before you offer anything." if again else
             "A complaint is open: call the customer first.") + late.en,
        ),
        needs_message=False,
        score=Score(
            100,
            _COMPLAINT.get(case.priority, 0.94),
            Text(f"Mức ưu tiên: {case.priority}.", f"Its priority is {case.priority}."),
        ),
        facts=(*_of_case(case), Fact("open_cases", len(facts.told.cases), "cases", source=_SURVEYS)),
    )  # fmt: skip


def _of_case(case: OpenCase) -> tuple[Fact, ...]:
    moments = (
        ("case_since", case.since),
        ("contact_due_at", case.contact_due_at),
        ("contacted_at", case.contacted_at),
    )
    told = [Fact(name, at.isoformat(), "time", at, _SURVEYS) for name, at in moments if at is not None]
    return (
        Fact("case_id", str(case.case_id), source=_SURVEYS),
        Fact("priority", case.priority, source=_SURVEYS),
        *told,
    )


def detractor_without_contact(facts: Facts, limits: Limits) -> Action | None:
    """The last answer was that of a detractor, no case is open, and nobody spoke to them since."""
    nps = _recent(facts, limits)
    if nps is None or nps.band != "detractor" or facts.told.cases:
        return None
    if facts.told.contacted_at is not None and facts.told.contacted_at >= nps.at:
        return None
    ago = (facts.now - nps.at).days
    return Action(
        "detractor_without_contact",
        Text(
            f"Khách chấm {nps.score}/10 ({days(ago).vi} trước) và chưa ai liên hệ: hãy gọi để lắng nghe.",
            f"The customer gave {nps.score} of 10 ({days(ago).en} ago) and nobody called: call and listen.",
        ),
        needs_message=False,
        score=Score(
            90,
            1 - 0.1 * min(1.0, ago / limits.nps_days),
            Text("Càng mới càng nên gọi sớm.", "The fresher, the sooner to be called."),
        ),
        facts=_of_nps(nps),
    )


def promoter_referral(facts: Facts, limits: Limits) -> Action | None:
    """The last answer was that of a promoter, and nothing is wrong since."""
    nps = _recent(facts, limits)
    if nps is None or nps.band != "promoter" or facts.told.cases:
        return None
    ago = (facts.now - nps.at).days
    return Action(
        "promoter_referral",
        Text(
            f"Khách chấm {nps.score}/10: hãy mời khách giới thiệu bạn bè.",
            f"The customer gave {nps.score} of 10: ask whom they would bring.",
        ),
        needs_message=True,
        score=Score(
            55,
            1 - 0.5 * ago / limits.nps_days,
            Text(f"Trả lời {days(ago).vi} trước; càng mới điểm càng cao.", f"Said {days(ago).en} ago; newer is more."),
        ),
        facts=_of_nps(nps),
    )


def churn_risk_high(facts: Facts, _: Limits) -> Action | None:
    """Somebody who is worth much will probably buy nothing for a year: win them back while nothing else is wrong."""
    risk, worth = facts.told.churn_risk, facts.told.clv
    if risk is None or risk.band != "high" or worth is None or worth.band == "low" or facts.told.cases:
        return None
    return Action(
        "churn_risk_high",
        Text(
            f"Khách có giá trị nhưng nguy cơ rời bỏ {risk.percent} %: hãy gửi mã giảm giá để mời quay lại.",
            f"A customer of value, {risk.percent} % likely not to come back within a year: send a win-back voucher.",
        ),
        needs_message=True,
        score=Score(
            75,
            1.0 if worth.band == "high" else 0.8,
            Text(f"Giá trị dự báo: mức {worth.band}.", f"The predicted value is {worth.band}."),
        ),
        facts=(
            Fact("churn_risk", risk.percent, "percent", risk.since, _METRICS),
            Fact("clv_minor", worth.value_minor, worth.currency, worth.since, _METRICS),
            Fact("clv_band", worth.band, source=_METRICS),
        ),
    )


def _recent(facts: Facts, limits: Limits) -> LastNps | None:
    nps = facts.told.nps
    return nps if nps is not None and facts.now - nps.at <= timedelta(days=limits.nps_days) else None


def _of_nps(nps: LastNps) -> tuple[Fact, ...]:
    return (
        Fact("nps_score", nps.score, "points of 10", nps.at, _SURVEYS),
        Fact("nps_band", nps.band, source=_SURVEYS),
        Fact("survey_id", str(nps.survey_id), source=_SURVEYS),
    )


def tier_near(facts: Facts, _: Limits) -> Action | None:
    """The next tier of a track is near: of several the nearest."""
    if not facts.told.ahead:
        return None
    track, ahead = min(facts.told.ahead.items(), key=lambda each: each[1].missing / each[1].threshold)
    unit = {"points": Text("điểm", "points"), "orders": Text("đơn hàng", "orders")}
    currency = ahead.currency or ""
    missing = unit.get(ahead.measure, Text(f"đơn vị nhỏ nhất {currency}", f"minor units of {currency}"))
    share = 1 - ahead.missing / ahead.threshold
    return Action(
        "tier_near",
        Text(
            f"Khách còn thiếu {ahead.missing} {missing.vi} để lên hạng “{ahead.tier}”: hãy cho khách biết.",
            f"{ahead.missing} {missing.en} are missing for the tier “{ahead.tier}”: tell the customer.",
        ),
        needs_message=True,
        score=Score(62, share, Text(f"Đã đạt {share:.0%} của ngưỡng.", f"{share:.0%} of the threshold is reached.")),
        facts=(
            Fact("next_tier", ahead.tier, time=ahead.since, source=_LOYALTY),
            Fact("track", track),
            Fact("missing", ahead.missing, currency or ahead.measure, ahead.since, _LOYALTY),
            Fact("threshold", ahead.threshold, currency or ahead.measure, source=_LOYALTY),
        ),
    )


def points_ending(facts: Facts, limits: Limits) -> Action | None:
    """Points that can be spent end soon: of several wallets those that end first."""
    soon = [
        (ending.at, wallet, points)
        for wallet, ending in facts.told.ending.items()
        if (points := min(ending.points, facts.told.points.get(wallet, 0))) > 0
        and _is_soon(ending.at, facts.now, limits.expiry_days)
    ]
    if not soon:
        return None
    at, wallet, points = min(soon)
    left = (at - facts.now).days
    said = Text(
        f"{points} điểm của khách hết hạn sau {days(left).vi}: hãy gợi ý cách dùng.",
        f"{points} points of the customer end in {days(left).en}: suggest what to spend them on.",
    )
    told = (
        Fact("points_ending", points, "points", source=_LOYALTY),
        Fact("points_end_at", at.isoformat(), "time"),
        Fact("wallet", wallet),
    )
    return Action("points_ending", said, needs_message=True, score=_nearer(68, left, limits.expiry_days), facts=told)


def tier_ending(facts: Facts, limits: Limits) -> Action | None:
    """The tier of a track ends soon, unless it is earned again."""
    soon = [
        (tier.valid_until, track, tier)
        for track, tier in facts.told.tiers.items()
        if tier.valid_until is not None and _is_soon(tier.valid_until, facts.now, limits.tier_days)
    ]
    if not soon:
        return None
    until, track, tier = min(soon)
    left = (until - facts.now).days
    said = Text(
        f"Hạng “{tier.tier}” của khách hết hạn sau {days(left).vi}: hãy gợi ý cách giữ hạng.",
        f"The customer's tier “{tier.tier}” ends in {days(left).en}: suggest how to keep it.",
    )
    told = (
        Fact("tier", tier.tier, time=tier.since, source=_LOYALTY),
        Fact("track", track),
        Fact("tier_valid_until", until.isoformat(), "time"),
    )
    return Action("tier_ending", said, needs_message=True, score=_nearer(65, left, limits.tier_days), facts=told)


def _is_soon(at: datetime, now: datetime, within_days: int) -> bool:
    return timedelta() < at - now <= timedelta(days=within_days)


def _nearer(weight: int, left: int, within_days: int) -> Score:
    """What ends in `left` days: half of the weight is for how near that is."""
    why = Text(f"Còn {days(left).vi}; càng gần điểm càng cao.", f"{days(left).en} left; nearer is more.")
    return Score(weight, 1 - 0.5 * left / within_days, why)
