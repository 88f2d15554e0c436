"""Use cases of promotions: how vouchers stand together, what stands at a moment, and what budgets have left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.loyalty.promotions import repository as rows
from services.loyalty.promotions.errors import BadStacking, StackingMoved
from services.loyalty.promotions.repository import Standing
from services.loyalty.promotions.schemas import BudgetOut, StackingIn, StackingOut
from services.loyalty.vouchers.domain.budgets import Budget
from services.loyalty.vouchers.errors import CampaignUnknown, Problem
from services.loyalty.vouchers.repository import campaigns as campaign_rows
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed

# How long a process goes by what it read: so long after a change another one may still go by what was before.
FRESH_SECONDS = 1.0


@dataclass(slots=True)
class Board:
    """What every basket is held against besides its codes; one per process.

    It is read once in a second at most, so that a shop without promotions pays nothing for them. A promotion that was
    stopped meanwhile gives nothing all the same: the statement that counts its use says so.
    """

    seconds: Callable[[], float] = monotonic
    _standing: Standing = field(default_factory=Standing)
    _until: float = float("-inf")

    async def standing(self, tx: ReadTx) -> Standing:
        """What stands now."""
        if self.seconds() >= self._until:
            self._standing = await rows.standing(tx)
            self._until = self.seconds() + FRESH_SECONDS
        return self._standing

    def forget(self) -> None:
        """Something has changed: look again."""
        self._until = float("-inf")


@dataclass(frozen=True, slots=True)
class Promotions:
    """Use cases of promotions; `by` names the key that asks, `configured` how many codes count on an order."""

    db: Database
    clock: Clock
    board: Board
    vault: Vault
    configured: int

    async def stacking(self) -> StackingOut:
        """How vouchers stand together now."""
        async with self.db.read() as tx:
            return StackingOut.of((await rows.standing(tx)).stacking, self.configured)

    async def set_stacking(self, body: StackingIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Say how vouchers stand together from now on.

        Raises:
            BadStacking: the rules contradict each other.
            StackingMoved: somebody else changed them since they were read.
        """
        _check(body)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            wanted = body.stacking(body.version + 1)
            if not await rows.put(tx, wanted, self.clock.now(), by):
                raise StackingMoved((await rows.standing(tx)).stacking.version)
            answer = Answer(200, StackingOut.of(wanted, self.configured).model_dump_json().encode())
            await remember(tx, idem, answer)
        self.board.forget()
        return answer

    async def budgets(self, campaign: UUID, *, after: Sequence[str] | None, limit: int) -> Sequence[BudgetOut]:
        """The counters of a campaign's budgets, the latest periods first; one more than `limit` if there are more.

        Raises:
            CampaignUnknown: there is none.
        """
        async with self.db.read() as tx:
            row = (await campaign_rows.rows(tx, (campaign,))).get(campaign)
            if row is None:
                raise CampaignUnknown
            version = (await self.vault.versions(tx, {(campaign, row.version)}))[campaign, row.version]
            found = await rows.counters(tx, campaign, after=after, limit=limit + 1)
        budgets = {each.name: each for each in version.terms.budgets}
        return [_out(each, budgets.get(each.budget)) for each in found]


def _out(row: Row[Any], budget: Budget | None) -> BudgetOut:
    kinds = {"c": "customer", "s": "store", "i": "identifier"}
    kind, _, who = row.who.partition(":")
    return BudgetOut.model_validate(
        {
            "budget": row.budget,
            "period": row.period or None,
            "by": kinds.get(kind),
            "who": who or None,
            "redeemed": row.redeemed,
            "reserved": row.reserved,
            "spent_minor": row.spent_minor,
            "reserved_minor": row.reserved_minor,
            "max_uses": budget and budget.max_uses,
            "max_minor": budget and budget.max_minor,
            "is_soft": budget is not None and budget.is_soft,
            "is_overdrawn": budget is not None
            and (
                _is_more(row.redeemed + row.reserved, budget.max_uses)
                or _is_more(row.spent_minor + row.reserved_minor, budget.max_minor)
            ),
        }
    )


def _is_more(taken: int, most: int | None) -> bool:
    return most is not None and taken > most


def _check(body: StackingIn) -> None:
    """Refuse what contradicts itself."""
    problems = []
    if body.max_vouchers == 0 and body.max_promotions == 0:
        problems.append(Problem("/max_promotions", "contradiction", "Nothing could ever count on an order."))
    if body.choice == "best" and (body.max_vouchers or 2) + body.max_promotions < 2:
        problems.append(Problem("/choice", "contradiction", "Of one there is no combination to choose."))
    if problems:
        raise BadStacking(problems)
