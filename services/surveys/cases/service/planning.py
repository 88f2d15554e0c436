"""Plan all cases anew that are not closed: the calendar, a target or a ladder is another."""

from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.cases.domain.case import planned
from services.surveys.cases.repository import cases as rows
from services.surveys.cases.repository import standing as standing_rows
from shared.db.engine import WriteTx

_FIRST = UUID(int=0)
_AT_ONCE = 500


async def replan(tx: WriteTx, zone: ZoneInfo) -> int:
    """Work out anew what is due when, in the transaction that changed what it hangs on; how many cases were looked at.

    Whoever calls it has claimed what holds for all: no case is opened or changed meanwhile, so none keeps an old due.
    """
    standing = await standing_rows.standing(tx, zone)
    after, count = _FIRST, 0
    while found := await rows.lock_all_unclosed(tx, after, _AT_ONCE):
        taken = await rows.steps(tx, [each.id for each in found]) if standing.policy.ladder else {}
        anew = [
            planned(each, standing.policy, standing.calendar(each.team), taken.get(each.id, frozenset()))
            for each in found
        ]
        await rows.save(tx, [new for new, old in zip(anew, found, strict=True) if new != old])
        after, count = found[-1].id, count + len(found)
    return count
