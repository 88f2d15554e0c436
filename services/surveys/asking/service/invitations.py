"""What other rooms do with an invitation: find it, lock it, say that it arrived or was answered."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.surveys.asking.domain.invitation import Invitation
from services.surveys.asking.errors import InvitationNotFound
from services.surveys.asking.repository import invitations as repository
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.events.catalogue.surveys import SurveyDelivered, SurveyExpired
from shared.events.envelope import Event
from shared.ids import derived_id

# Invitations ended in one transaction.
EXPIRED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Invitations:
    """Invitations by their id. Everything here but `expire` runs in the caller's transaction."""

    db: Database
    clock: Clock

    async def get(self, tx: ReadTx, key: UUID) -> Invitation:
        """An invitation.

        Raises:
            InvitationNotFound: there is none.
        """
        if (found := await repository.get(tx, key)) is None:
            raise InvitationNotFound
        return found

    async def lock(self, tx: WriteTx, key: UUID) -> Invitation:
        """An invitation that stays as it is until the transaction ends; lock the person first where both are needed.

        Raises:
            InvitationNotFound: there is none.
        """
        if (found := await repository.lock(tx, key)) is None:
            raise InvitationNotFound
        return found

    async def mark_delivered(self, tx: WriteTx, key: UUID, at: datetime) -> None:
        """Note, once, that it reached its channel, and announce it; told again it changes nothing."""
        found = await repository.set_delivered(tx, key, at)
        if found is None:
            return
        tx.emit(
            Event(
                derived_id("survey_delivered", str(key)),
                found.person,
                at,
                self.clock.now(),
                SurveyDelivered(
                    invitation_id=key,
                    survey_id=found.survey_id,
                    version=found.version,
                    channel=found.channel,
                    touchpoint=found.touchpoint,
                    stage=found.stage,
                    staff_id=found.staff_id,
                ),
            )
        )

    async def mark_answered(self, tx: WriteTx, key: UUID, at: datetime) -> None:
        """Note, once, that it was answered: it expires no more, and nobody is reminded.

        Of an anonymous survey nothing is noted: that somebody answered would lead to what they answered.
        """
        await repository.set_answered(tx, key, at)

    async def expire(self) -> int:
        """End some of the invitations that nobody answered in time; how many.

        Of an anonymous survey nothing is announced: who is left out would be who answered.
        """
        now = self.clock.now()
        async with self.db.write() as tx:
            ended = await repository.expire(tx, now, EXPIRED_AT_ONCE)
            for each in ended:
                if each.is_anonymous:
                    continue
                tx.emit(
                    Event(
                        derived_id("survey_expired", str(each.id)),
                        each.person,
                        each.expires_at,
                        now,
                        SurveyExpired(
                            invitation_id=each.id,
                            survey_id=each.survey_id,
                            version=each.version,
                            channel=each.channel,
                            touchpoint=each.touchpoint,
                            stage=each.stage,
                            staff_id=each.staff_id,
                        ),
                    )
                )
        return len(ended)
