"""Quotes: points pay by the terms of the moment they were quoted, until the quote lapses."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.loyalty.checkout.domain.payment import Rate, fewest
from services.loyalty.checkout.domain.promise import Promise, refusal
from services.loyalty.checkout.errors import BadTtl, PointsRefused, QuoteLapsed, QuoteMismatch, QuoteUnknown
from services.loyalty.checkout.repository import promises
from services.loyalty.checkout.schemas.quotes import QuoteIn, QuoteOut
from services.loyalty.checkout.service.quoting import rate_of
from services.loyalty.checkout.settings import CheckoutSettings
from services.loyalty.points.service import Points
from services.loyalty.programs.service import Programs
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import members
from shared.identity.person import Member
from shared.ids import uuid7

# For so long a lapsed quote is told from one that never was.
KEPT = timedelta(days=7)
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Promising:
    """Quotes what points pay. A quote is of the key that asked for it, and holds no points."""

    db: Database
    clock: Clock
    settings: CheckoutSettings
    programs: Programs
    points: Points

    async def quote(self, person: UUID, body: QuoteIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Promise the terms of now.

        Raises:
            BadTtl: it is asked for too long.
            UnknownWallet: the programme has no such wallet.
            PointsRefused: points do not pay that, on no basket.
        """
        ttl = self.settings.quote_for(body.ttl_seconds)
        if ttl is None:
            raise BadTtl(self.settings.max_quote_seconds, "quote")
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            now = self.clock.now()
            rate = rate_of(await self.programs.current(tx, now), body.wallet, body.currency)
            if rate is None:
                raise PointsRefused("not_offered", {})
            if (reason := refusal(rate, body.points)) is not None:
                raise PointsRefused(reason, {"minimum_points": rate.minimum_points})
            member = await members.find(tx, person)
            balance = await self.points.balance(tx, member, rate.wallet)
            made = Promise(uuid7(), person, by, rate, fewest(rate, body.points), now, now + ttl)
            made = await promises.add(tx, made, ttl)
            answer = Answer(201, QuoteOut.of(made, available=balance.available).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def get(self, quote_id: UUID, *, by: str) -> QuoteOut:
        """A quote, and whether it is still honoured.

        Raises:
            QuoteUnknown: there is none of this id, or it is another caller's.
        """
        async with self.db.read() as tx:
            found = await promises.find(tx, quote_id)
        if found is None or found.owner != by:
            raise QuoteUnknown
        return QuoteOut.of(found)

    async def forget_old(self) -> None:
        """Remove quotes that lapsed long ago."""
        gone = _AT_ONCE
        while gone == _AT_ONCE:
            async with self.db.write() as tx:
                gone = await promises.forget(tx, KEPT, limit=_AT_ONCE)


async def promised(
    tx: ReadTx, quote_id: UUID | None, *, by: str, member: Member, currency: str, wallet: str | None, points: int
) -> tuple[int, Rate | None]:
    """How many points pay (0 asked: as many as were quoted), and by which terms; None: by those of now.

    Raises:
        QuoteUnknown, QuoteLapsed: it is not, or no longer, to be honoured.
        QuoteMismatch: it was given to another customer, for another wallet or currency.
        PointsRefused: more are asked for than were quoted.
    """
    if quote_id is None:
        return points, None
    promise = await promises.find(tx, quote_id)
    if promise is None or promise.owner != by:
        raise QuoteUnknown
    if promise.person not in member.keys:
        raise QuoteMismatch("customer")
    if promise.rate.currency != currency:
        raise QuoteMismatch("currency")
    if wallet is not None and wallet != promise.rate.wallet:
        raise QuoteMismatch("wallet")
    if promise.is_over:
        raise QuoteLapsed(promise.expires_at)
    if points > promise.points:
        raise PointsRefused("above_quote", {"wallet": promise.rate.wallet, "max_points": promise.points})
    return points or promise.points, promise.rate
