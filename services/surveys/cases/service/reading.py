"""Cases as they are read: with what is due, and what is left until then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.cases.domain.case import Case
from services.surveys.cases.domain.filters import Filters
from services.surveys.cases.domain.standing import Standing
from services.surveys.cases.errors import BadCaseCustomer, CaseUnknown
from services.surveys.cases.repository import cases as rows
from services.surveys.cases.repository import history, inbox
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.schemas.case import CaseOut, CountsOut, EntryOut, normal_form
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.identity import members
from shared.ids import customer_key


@dataclass(frozen=True, slots=True)
class Reading:
    """The inbox."""

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def get(self, case_id: UUID) -> CaseOut:
        """A case.

        Raises:
            CaseUnknown: there is none.
        """
        async with self.db.read() as tx:
            case = await rows.get(tx, case_id)
            if case is None:
                raise CaseUnknown
            return (await self.out(tx, [case], await standing_rows.standing(tx, self.zone)))[0]

    async def listed(
        self,
        filters: Filters,
        *,
        customer: str | None,
        words: str | None,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> Sequence[CaseOut]:
        """Cases that fulfil the filters; one more than `limit` if there are more.

        Raises:
            BadCaseCustomer: the reference names nobody.
        """
        async with self.db.read() as tx:
            keys = None if customer is None else (await members.find(tx, read_customer(customer))).keys
            chosen = replace(filters, persons=keys, words=None if words is None else normal_form(words))
            found = await inbox.listed(tx, chosen, now=self.clock.now(), after=after, limit=limit + 1)
            return await self.out(tx, found, await standing_rows.standing(tx, self.zone))

    async def counts(self) -> CountsOut:
        """How many cases stand where."""
        now = self.clock.now()
        async with self.db.read() as tx:
            found = await inbox.counts(tx, now)
        return CountsOut.model_validate({**found, "as_of": now})

    async def history(self, case_id: UUID, *, after: int, limit: int) -> Sequence[EntryOut]:
        """What happened in a case, in order; one more than `limit` if there is more.

        Raises:
            CaseUnknown: there is none.
        """
        async with self.db.read() as tx:
            if await rows.get(tx, case_id) is None:
                raise CaseUnknown
            found = await history.entries(tx, case_id, after=after, limit=limit + 1)
        return [
            EntryOut(
                number=each.number,
                version=each.version,
                at=each.at,
                by=each.by,
                kind=each.kind,
                data=each.data,
                text=text,
            )
            for each, text in found
        ]

    async def out(self, tx: ReadTx, cases: Sequence[Case], standing: Standing) -> list[CaseOut]:
        """Cases as they go out."""
        ids, now = [each.id for each in cases], self.clock.now()
        watchers, merged = await inbox.watchers(tx, ids), await inbox.merged(tx, ids)
        return [
            CaseOut.of(
                each,
                standing.policy.targets[each.priority],
                standing.calendar(each.team),
                now,
                watchers=watchers.get(each.id, []),
                merged=merged.get(each.id, []),
            )
            for each in cases
        ]


def read_customer(reference: str) -> UUID:
    """The person key that a reference names.

    Raises:
        BadCaseCustomer: it names none.
    """
    try:
        return customer_key(reference)
    except ValueError:
        raise BadCaseCustomer from None
