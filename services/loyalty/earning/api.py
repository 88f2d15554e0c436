"""Earning rules over HTTP, what they would give, and why somebody has what they have."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.loyalty.api import Checkout, Loyalty, Reader, Writer
from services.loyalty.audience.domain import KnownTouchpoint
from services.loyalty.earning.errors import (
    BadEarner,
    BadQuote,
    BadRule,
    FactUnknown,
    FutureFact,
    RuleInPast,
    RuleLives,
    RuleMoved,
    RuleNameTaken,
    RuleUnknown,
    TooManyRules,
)
from services.loyalty.earning.schemas.explaining import (
    AwardOut,
    FactIn,
    PreviewIn,
    PreviewOut,
    QuoteIn,
    RecordedOut,
    WhyOut,
)
from services.loyalty.earning.schemas.rules import ProgressOut, RuleChangeIn, RuleIn, RuleOut
from services.loyalty.earning.service.simulation import Place
from shared.http.idempotency import BadIdempotencyKey, IdempotencyKey, answer
from shared.http.paging import BadCursor, Cursor, Limit, Page, decode_cursor, id_in, page_of, read_id, read_moment
from shared.http.problems import problems
from shared.ids import customer_key

router = APIRouter(prefix="/v1/loyalty", tags=["earning"])

Reference = Annotated[
    str, Path(max_length=300, description="A customer id, `user_id:<value>` or `anonymous_id:<value>`.")
]
_RULE = problems(BadIdempotencyKey, BadRule, RuleInPast, RuleNameTaken)


@router.post("/earning/rules", response_model=RuleOut, status_code=201, responses=_RULE | problems(TooManyRules))
async def create_rule(body: RuleIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Create an earning rule; without one nothing earns points. An active one holds for facts from now on."""
    return answer(await loyalty.earning_rules.create(body, by=caller.key_id, idem=idem))


@router.get("/earning/rules", responses=problems(BadCursor))
async def rules(_: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None) -> Page[RuleOut]:
    """List earning rules in their latest version, those made last first."""
    found = await loyalty.earning_rules.listed(after=id_in(cursor), limit=limit)
    return page_of(found, limit, lambda each: (each.rule_id,), RuleOut.of)


@router.post("/earning/rules/preview", responses=problems(BadRule))
async def preview_rule(body: PreviewIn, _: Reader, loyalty: Loyalty) -> PreviewOut:
    """Try a rule on what has happened, before it goes live: who would have got how much, and at what cost."""
    return await loyalty.simulation.preview(body)


@router.get("/earning/rules/{rule:uuid}", responses=problems(RuleUnknown))
async def rule(rule: UUID, _: Reader, loyalty: Loyalty) -> RuleOut:
    """Get an earning rule in its latest version."""
    return RuleOut.of(await loyalty.earning_rules.get(rule))


@router.put(
    "/earning/rules/{rule:uuid}",
    response_model=RuleOut,
    responses=_RULE | problems(RuleUnknown, RuleMoved, RuleNameTaken),
)
async def change_rule(
    rule: UUID, body: RuleChangeIn, caller: Writer, loyalty: Loyalty, idem: IdempotencyKey
) -> Response:
    """Store a further version of a rule. What was earned under the one before stays, unless you say `retroactive`."""
    return answer(await loyalty.earning_rules.change(rule, body, by=caller.key_id, idem=idem))


@router.delete("/earning/rules/{rule:uuid}", status_code=204, responses=problems(RuleUnknown, RuleLives))
async def delete_rule(rule: UUID, _: Writer, loyalty: Loyalty) -> None:
    """Delete a rule that was never more than a draft."""
    await loyalty.earning_rules.delete(rule)


@router.get("/earning/rules/{rule:uuid}/versions", responses=problems(RuleUnknown))
async def rule_versions(rule: UUID, _: Reader, loyalty: Loyalty) -> list[RuleOut]:
    """List what a rule was, the latest version first."""
    return [RuleOut.of(each) for each in await loyalty.earning_rules.versions(rule)]


@router.get("/earning/progress")
async def progress(_: Reader, loyalty: Loyalty) -> ProgressOut:
    """Tell how many people wait to be looked at again after a change of rules or tiers."""
    return ProgressOut.of(await loyalty.earning_rules.progress())


@router.post("/earning/quote", responses=problems(BadQuote, BadEarner))
async def quote(body: QuoteIn, _: Checkout, loyalty: Loyalty) -> WhyOut:
    """Reckon what a basket would earn the customer, rule by rule; nothing is stored."""
    return await loyalty.simulation.quote(body, _key(body.customer))


@router.post("/earning/facts", response_model=RecordedOut, responses=problems(BadIdempotencyKey, BadEarner, FutureFact))
async def record_fact(body: FactIn, _: Writer, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    """Say that it is a customer's birthday, or that they answered a survey; rules may give points for it."""
    fact = KnownTouchpoint(
        body.kind,
        body.id,
        _key(body.customer),
        "birthday" if body.kind == "birthday" else body.name,
        body.occurred_at or loyalty.clock.now(),
        body.source,
    )
    return answer(await loyalty.earning_facts.record(fact, idem=idem))


@router.get("/earning/orders/{order}", responses=problems(FactUnknown))
async def why_order(order: Annotated[str, Path(max_length=255)], _: Reader, loyalty: Loyalty) -> WhyOut:
    """Explain why an order earned these points: what each rule says of it."""
    return await loyalty.simulation.why(order)


@router.get("/members/{customer}/awards", responses=problems(BadCursor, BadEarner))
async def awards(
    customer: Reference, _: Reader, loyalty: Loyalty, limit: Limit = 50, cursor: Cursor = None
) -> Page[AwardOut]:
    """List what a customer has earned, fact by fact and rule by rule, the latest fact first."""
    before = None if cursor is None else _place(cursor)
    found = await loyalty.simulation.awards(_key(customer), before=before, limit=limit)
    return page_of(found, limit, lambda each: (each.occurred_at, each.source, each.rule_id), AwardOut.of)


def _key(reference: str) -> UUID:
    try:
        return customer_key(reference)
    except ValueError:
        raise BadEarner from None


def _place(cursor: str) -> Place:
    at, source, rule = decode_cursor(cursor, length=3)
    if not isinstance(source, str) or "\x00" in source:
        raise BadCursor
    return read_moment(at), source, read_id(rule)
