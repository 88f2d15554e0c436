"""Why people came, taken in: each call is part of the consumer's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.metrics.earned import repository
from services.metrics.earned.domain.joining import Earned, chosen_in, earned_options, reason
from services.metrics.earned.repository import JoiningAnswer, Version
from shared.db.engine import WriteTx
from shared.events.catalogue.loyalty import ReferralCompleted
from shared.events.catalogue.surveys import SurveyAnswered, SurveyPublished
from shared.events.envelope import Event, EventData, those_of

HEARD: tuple[type[EventData], ...] = (SurveyPublished, SurveyAnswered, ReferralCompleted)
TABLES = ("joining_versions", "joining_answers", "completed_referrals")


@dataclass(frozen=True, slots=True)
class Joining:
    """Takes in answers to surveys of new customers, and referrals that came true.

    An answer may come before the version it answers: it is kept until it is known what was asked, and goes if it was
    another thing. Versions are rare, answers are not: a version waits for the answers under way, they for no other.
    """

    async def take(self, tx: WriteTx, events: Sequence[Event[EventData]]) -> None:
        """Take facts in; the rows are the same whatever their order and number of repeats."""
        published = [each.data for each in those_of(events, (SurveyPublished,))]
        answered = [(each, each.data) for each in those_of(events, (SurveyAnswered,))]
        referrals = {(each.subject, each.data.referral_id) for each in those_of(events, (ReferralCompleted,))}
        if published:
            await repository.claim_versions(tx)
            await self._learn(tx, published)
        elif answered:
            await repository.hold_versions(tx)
        if answered:
            await self._answer(tx, [_answer_of(event, said) for event, said in answered])
        if referrals:
            await repository.add_referrals(tx, referrals)

    async def _learn(self, tx: WriteTx, published: Sequence[SurveyPublished]) -> None:
        asked = {(each.survey_id, each.version): earned_options(each) for each in published}
        for version in await repository.add_versions(tx, asked):
            earned = asked[version]
            if earned is None:
                await repository.drop_answers(tx, version)
            else:
                waiting = await repository.answers_of(tx, version)
                await repository.store_answers(tx, [_judged(each, earned) for each in waiting])

    async def _answer(self, tx: WriteTx, answers: Sequence[JoiningAnswer]) -> None:
        newest: dict[object, JoiningAnswer] = {}
        for answer in answers:
            known = newest.get(answer.response_id)
            if known is None or known.revision < answer.revision:
                newest[answer.response_id] = answer
        asked = await repository.versions(tx, {(each.survey_id, each.version) for each in newest.values()})
        await repository.store_answers(
            tx, [judged for each in newest.values() if (judged := _as_known(each, asked)) is not None]
        )


def _answer_of(event: Event[EventData], said: SurveyAnswered) -> JoiningAnswer:
    return JoiningAnswer(
        said.response_id,
        said.revision,
        event.subject,
        said.survey_id,
        said.version,
        event.time,
        chosen_in(said),
        None,
    )


def _as_known(answer: JoiningAnswer, asked: dict[Version, Earned | None]) -> JoiningAnswer | None:
    version = answer.survey_id, answer.version
    if version not in asked:
        return answer
    earned = asked[version]
    return None if earned is None else _judged(answer, earned)


def _judged(answer: JoiningAnswer, earned: Earned) -> JoiningAnswer:
    return answer._replace(reason=reason(earned, answer.chosen))
