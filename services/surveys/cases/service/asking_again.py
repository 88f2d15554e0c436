"""Ask again, some days after a case was closed: are they happy now?"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.surveys.asking.schemas.deciding import InvitationIn
from services.surveys.asking.service.inviting import Inviting
from services.surveys.cases.repository import asking_again as rows
from services.surveys.cases.repository import cases as case_rows
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.repository.asking_again import AskAgain
from services.surveys.cases.service.writing import SYSTEM, Draft, store
from shared.clock import Clock
from shared.db.engine import Database
from shared.delivery.idempotency import Idempotent
from shared.errors import AppError

AT_ONCE = 50
# Why somebody is not asked today and may be tomorrow, as long as it is worth anything to ask.
PASSING = ("over_budget", "over_frequency", "lower_priority", "open_case")
TRY_AGAIN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AskingAgain:
    """Invites people once for each case. What holds for all invitations holds here: consent, budget, quiet hours.

    Whom the budget protects today is looked at again tomorrow.
    """

    db: Database
    clock: Clock
    zone: ZoneInfo
    inviting: Inviting

    async def run(self, *, limit: int = AT_ONCE) -> int:
        """Ask those who are due; how many cases were looked at."""
        now = self.clock.now()
        async with self.db.read() as tx:
            recovery = (await standing_rows.policy(tx)).recovery
            if recovery.ask_again_days is None:
                return 0
            since, until = (now - timedelta(days=each) for each in (recovery.within_days, recovery.ask_again_days))
            found = await rows.due(
                tx, since=since, until=until, passing=PASSING, tried_before=now - TRY_AGAIN, limit=limit
            )
        for each in found:
            await self._ask(each)
        return len(found)

    async def _ask(self, due: AskAgain) -> None:
        """Invite, then note it. If we die between the two, the same invitation is what is found next time."""
        invitation_id: UUID | None = None
        refusal: str | None = None
        body = InvitationIn(customer=str(due.person), touchpoint=due.touchpoint, stage=due.stage, skips_sampling=True)
        try:
            idem = Idempotent(f"case:{due.case_id}:{due.tries}", b"ask again")
            said = orjson.loads((await self.inviting.invite(due.survey_id, body, idem=idem)).body)
            invitation_id = UUID(said["invitation_id"]) if said["invitation_id"] else None
            refusal = None if said["reason"] in ("asked", None) else said["reason"]
        except AppError as refused:
            refusal = refused.code
        async with self.db.write() as tx:
            await standing_rows.hold(tx)
            case = (await case_rows.lock(tx, (due.case_id,)))[due.case_id]
            now = self.clock.now()
            is_news = await rows.done(tx, due, now, invitation_id, refusal)
            # To be told once more that it was not today says nothing.
            if is_news and (due.tries == 0 or invitation_id is not None):
                draft = Draft.of(case, by=SYSTEM, at=now)
                draft.enter("invited_again", invitation=invitation_id, refusal=refusal)
                await store(tx, [draft], await standing_rows.standing(tx, self.zone))
