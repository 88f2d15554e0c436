"""Policies and contact rules as staff makes them: each change is a further version."""

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from services.surveys.asking.domain.policy import PolicyVersion, RulesVersion
from services.surveys.asking.errors import ContactRulesMoved, PolicyMoved, PolicyVersionNotFound
from services.surveys.asking.repository import policies as rows
from services.surveys.asking.schemas.policy import AskingIn, AskingOut, ContactRulesIn, ContactRulesOut
from services.surveys.definitions.errors import SurveyNotActive
from services.surveys.definitions.service.reading import Surveys
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed


@dataclass(frozen=True, slots=True)
class Policies:
    """Whom surveys ask. Use cases that write name the key that asks (`by`)."""

    db: Database
    clock: Clock
    surveys: Surveys

    async def put(self, survey_id: UUID, body: AskingIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let a version follow the one you read.

        Raises:
            SurveyNotFound: there is no such survey.
            PolicyMoved: it is of another version by now.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await must_exist(tx, self.surveys, survey_id)
            before = (await rows.current(tx, (survey_id,))).get(survey_id)
            now, is_at = self.clock.now(), 0 if before is None else before.version
            policy = body.policy(survey_id, None if before is None else before.policy, now)
            version = PolicyVersion(survey_id, body.version + 1, policy, now, by)
            if body.version != is_at or not await rows.add(tx, version):
                raise PolicyMoved(is_at)
            answer = Answer(200, AskingOut.of(survey_id, version).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def get(self, survey_id: UUID, number: int | None = None) -> AskingOut:
        """The policy of a survey: what holds, or a version of it.

        Raises:
            SurveyNotFound: there is no such survey.
            PolicyVersionNotFound: it has no such version.
        """
        async with self.db.read() as tx:
            await must_exist(tx, self.surveys, survey_id)
            found = await self._version(tx, survey_id, number)
        if found is None and number:
            raise PolicyVersionNotFound(number)
        return AskingOut.of(survey_id, found)

    async def _version(self, tx: ReadTx, survey_id: UUID, number: int | None) -> PolicyVersion | None:
        if number is None:
            return (await rows.current(tx, (survey_id,))).get(survey_id)
        return await rows.get(tx, survey_id, number)

    async def put_rules(self, body: ContactRulesIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let contact rules follow those you read; they hold for whoever is decided from now on.

        Raises:
            ContactRulesMoved: there are others by now.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            before = await rows.rules(tx)
            is_at = 0 if before is None else before.version
            version = RulesVersion(body.version + 1, body.rules(), self.clock.now(), by)
            if body.version != is_at or not await rows.add_rules(tx, version):
                raise ContactRulesMoved(is_at)
            answer = Answer(200, ContactRulesOut.of(version).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def rules(self) -> ContactRulesOut:
        """The contact rules that hold."""
        async with self.db.read() as tx:
            return ContactRulesOut.of(await rows.rules(tx))


async def must_exist(tx: ReadTx, surveys: Surveys, survey_id: UUID) -> None:
    """Make sure that there is a survey, whether it takes answers or not.

    Raises:
        SurveyNotFound: there is none.
    """
    with suppress(SurveyNotActive):
        await surveys.current(tx, survey_id)
