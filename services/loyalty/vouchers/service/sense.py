"""What a campaign says that contradicts itself: refused before anything is written, with all that is wrong."""

import math
from collections import Counter
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from services.loyalty.vouchers.domain import codes, forms
from services.loyalty.vouchers.domain.jurisdictions import EXPIRY
from services.loyalty.vouchers.domain.terms import Terms
from services.loyalty.vouchers.domain.voucher import Codes
from services.loyalty.vouchers.errors import BadTerms, Problem
from services.loyalty.vouchers.repository.campaigns import Coding
from services.loyalty.vouchers.schemas.campaigns import CampaignChangeIn, CampaignIn

Body = CampaignIn | CampaignChangeIn


def check(body: Body, terms: Terms, coding: Coding, kind: Codes, currency: str, zone: ZoneInfo) -> None:
    """Refuse what contradicts itself.

    Raises:
        BadTerms: with everything that does.
    """
    problems = [
        *_times(body, terms, zone),
        *_amounts(body, terms),
        *_codes(terms, coding, kind),
        *_pool(terms, coding),
        *_expiry(body, terms, coding),
        *_pattern(terms, coding),
        *_stacking(terms),
        *_budgets(body, terms, currency),
    ]
    if problems:
        raise BadTerms(problems)


def _times(body: Body, terms: Terms, zone: ZoneInfo) -> Iterator[Problem]:
    if body.starts_on is not None and body.ends_on is not None and body.starts_on > body.ends_on:
        yield Problem("/ends_on", "contradiction", "It would end before it starts.")
    elif terms.schedule is not None and not terms.schedule.opens_within(body.starts_on, body.ends_on, zone):
        yield Problem("/terms/schedule", "never_opens", "No window opens on the days that the campaign runs.")


def _amounts(body: Body, terms: Terms) -> Iterator[Problem]:
    amount = getattr(terms.benefit, "amount_minor", None)
    budgets = [
        ("/budget_minor", body.budget_minor),
        ("/terms/max_minor_per_customer", terms.max_minor_per_customer),
        *(
            (f"/terms/budgets/{number}/max_minor", each.max_minor)
            for number, each in enumerate(terms.budgets)
            if not each.is_soft
        ),
    ]
    for pointer, budget in budgets:
        if amount is not None and budget is not None and amount > budget and not terms.grants_partly:
            yield Problem(pointer, "contradiction", "The budget is not enough for a single use.")
    most = terms.max_uses_per_customer
    if most is not None and body.max_uses is not None and most > body.max_uses:
        yield Problem("/terms/max_uses_per_customer", "contradiction", "More uses than there are in all.")


def _codes(terms: Terms, coding: Coding, kind: Codes) -> Iterator[Problem]:
    if terms.benefit.type == "stored_value":
        if kind == "shared":
            yield Problem("/codes", "contradiction", "A gift card cannot be known to everybody.")
        if coding.pattern is None and coding.length < codes.VALUE_LENGTH:
            message = f"Codes that hold money have {codes.VALUE_LENGTH} symbols or more."
            yield Problem("/coding/length", "too_short", message)
    if kind == "shared" and (coding.days is not None or coding.once_per_customer or coding.pool_min is not None):
        yield Problem("/coding", "contradiction", "A shared code is not assigned to anybody.")
    if kind != "automatic":
        return
    if terms.benefit.type == "stored_value":
        yield Problem("/terms/benefit/type", "contradiction", "A gift card is a code; a promotion has none.")
    if coding.days is not None or coding.once_per_customer or coding.prefix or coding.pattern:
        yield Problem("/coding", "contradiction", "A promotion has no codes.")
    if terms.max_uses_per_code is not None:
        yield Problem("/terms/max_uses_per_code", "contradiction", "A promotion has no codes; limit it by `max_uses`.")
    if terms.max_per_order != 1:
        yield Problem("/terms/max_per_order", "contradiction", "A promotion counts once on an order.")


def _expiry(body: Body, terms: Terms, coding: Coding) -> Iterator[Problem]:
    if coding.jurisdiction is None:
        return
    rule = EXPIRY[coding.jurisdiction]
    if terms.benefit.type != "stored_value":
        yield Problem("/coding/jurisdiction", "contradiction", "Only gift cards hold money.")
    if body.ends_on is not None:
        yield Problem("/ends_on", "expires_too_soon", f"All cards would end with their campaign. {rule.source}.")
    if coding.days is not None and (rule.least_days is None or coding.days < rule.least_days):
        least = "Cards may not expire" if rule.least_days is None else f"{rule.least_days} days are enough"
        yield Problem("/coding/days", "expires_too_soon", f"{least}. {rule.source}.")


def _pool(terms: Terms, coding: Coding) -> Iterator[Problem]:
    if coding.pool_min is None or coding.pool_max is None:
        return
    if coding.pool_min > coding.pool_max:
        yield Problem("/coding/pool", "contradiction", "More free codes than there may be in all.")
    if terms.benefit.type == "stored_value":
        yield Problem("/coding/pool", "contradiction", "What a gift card is worth is said when it is assigned.")


def _pattern(terms: Terms, coding: Coding) -> Iterator[Problem]:
    if coding.pattern is None:
        if coding.charset is not None or not coding.has_check:
            yield Problem("/coding/pattern", "pattern_needed", "A charset, or no check symbol, is of a pattern.")
        return
    if coding.prefix:
        yield Problem("/coding/prefix", "contradiction", "The pattern says how codes begin.")
    if reason := forms.trouble(coding.pattern, coding.charset or codes.ALPHABET, has_check=coding.has_check):
        yield Problem("/coding/pattern", reason, "Codes cannot be written so.")
        return
    form, count = coding.form, coding.pool_max or 1
    needed = form.symbols_for(count)
    if terms.benefit.type == "stored_value" and form.possible < forms.VALUE_SPACE:
        needed = math.ceil(math.log(forms.VALUE_SPACE) / math.log(len(form.charset)) - 1e-9)
        yield Problem("/coding/pattern", "too_easy_to_guess", f"Codes that hold money need {needed} random symbols.")
    elif not form.has_room(count):
        yield Problem("/coding/pattern", "too_easy_to_guess", f"{count} codes need {needed} random symbols.")


def _stacking(terms: Terms) -> Iterator[Problem]:
    if terms.max_per_order > 1 and terms.is_exclusive:
        yield Problem("/terms/is_exclusive", "contradiction", "What applies alone cannot apply more than once.")
    if terms.max_per_order > 1 and terms.group is not None:
        yield Problem("/terms/group", "contradiction", "Of a group one applies to an order; `max_per_order` says more.")


def _budgets(body: Body, terms: Terms, currency: str) -> Iterator[Problem]:
    names = Counter(each.name for each in body.terms.budgets)
    for number, each in enumerate(body.terms.budgets):
        at = f"/terms/budgets/{number}"
        if names[each.name] > 1:
            yield Problem(f"{at}/name", "duplicate_name", "Another budget has this name.")
        if each.max_uses is None and each.max_minor is None:
            yield Problem(at, "no_limit", "Say `max_uses`, `max_minor`, or both.")
        if each.currency is not None and each.currency.upper() != currency:
            yield Problem(f"{at}/currency", "currency_mismatch", f"The campaign is in {currency}.")
        if (each.by == "identifier") != (each.identifier is not None):
            yield Problem(f"{at}/identifier", "contradiction", "Name the identifier where the budget is by one.")
        if each.max_uses is not None and body.max_uses is not None and each.max_uses > body.max_uses:
            yield Problem(f"{at}/max_uses", "contradiction", "More uses than there are in all.")
        if each.max_minor is not None and body.budget_minor is not None and each.max_minor > body.budget_minor:
            yield Problem(f"{at}/max_minor", "contradiction", "More money than there is in all.")
    if terms.max_uses_per_customer is not None and any(
        each.by == "customer" and each.per is None and each.max_uses is not None and not each.is_soft
        for each in terms.budgets
    ):
        yield Problem("/terms/max_uses_per_customer", "contradiction", "A budget says how often a customer may use it.")
