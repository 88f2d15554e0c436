"""How a wave is opened, lets people in, and is closed: then, and not before, its answers are told."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.service.reading import Surveys
from services.surveys.mirror import repository as rows
from services.surveys.mirror.domain.asked import asked, asks_nps, items
from services.surveys.mirror.domain.telling import MirrorAnswer, tellable
from services.surveys.mirror.domain.wave import OTHER_ROLES, Wave, end_of
from services.surveys.mirror.errors import BadWave, WaveClosed, WaveNotFound
from services.surveys.mirror.schemas.wire import LinksIn, LinksOut, WaveIn, WaveOut
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.surveys import MirrorAnswered, MirrorWaveClosed
from shared.events.envelope import Event
from shared.ids import uuid7

_LONGEST = timedelta(days=366)
# 160 random bits: nobody guesses one.
_TOKEN_BYTES = 20
MAX_LINKS_OF_A_WAVE = 20_000


def new_token() -> str:
    """The secret of a new link."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest_of(token: str) -> bytes:
    """What is kept of a link. Its secret is random and long: a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Waves:
    """Waves as staff makes them. Use cases name the key that asks (`by`)."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    surveys: Surveys

    async def open(self, body: WaveIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Open a wave.

        Raises:
            SurveyNotFound, SurveyNotActive: there is nothing to answer.
            BadWave: the survey asks customers for no score, or the times make no wave.
        """
        now = self.clock.now()
        visible_from = self._visible_from(body, now)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            definition = await self._definition(tx, body)
            wave = Wave(
                id=uuid7(),
                survey_id=definition.survey_id,
                version=definition.version,
                name=body.name,
                touchpoint=definition.touchpoint,
                stage=definition.stage,
                period_from=body.period_from,
                period_to=body.period_to,
                roles=tuple(dict.fromkeys(body.roles)),
                asks_prediction=_asks_prediction(body, definition),
                opened_at=now,
                opened_by=by,
                closes_at=body.closes_at,
                results_visible_from=visible_from,
                closed_at=None,
                has_shared_link=False,
                links={},
            )
            await rows.add(tx, wave)
            return await _answer(tx, idem, 201, wave, 0)

    def _visible_from(self, body: WaveIn, now: datetime) -> datetime:
        if body.period_from > body.period_to or body.period_to - body.period_from > _LONGEST:
            raise BadWave("period_to", "A period is of 1 to 367 days, and does not end before it begins.")
        if not now < body.closes_at <= now + _LONGEST:
            raise BadWave("closes_at", "A wave closes in the future, at most 366 days from now.")
        if OTHER_ROLES in body.roles:
            raise BadWave("roles", f"No role is called {OTHER_ROLES}: that is what small ones are shown as.")
        end = end_of(body.period_to, self.zone)
        if body.results_visible_from is not None and body.results_visible_from > end:
            raise BadWave("results_visible_from", "When the period is over, its results count as visible.")
        return body.results_visible_from or end

    async def _definition(self, tx: WriteTx, body: WaveIn) -> Definition:
        if body.version is None:
            definition = await self.surveys.current(tx, body.survey_id)
        else:
            definition = await self.surveys.version(tx, body.survey_id, body.version)
        if definition.purpose != "customers":
            raise BadWave("survey_id", "A wave mirrors a survey that customers are asked.")
        if not items(definition):
            raise BadWave("survey_id", "The survey asks for no score, so there is nothing to compare.")
        return definition

    async def get(self, wave_id: UUID) -> WaveOut:
        """A wave.

        Raises:
            WaveNotFound: there is none.
        """
        async with self.db.read() as tx:
            wave = await rows.get(tx, wave_id)
            if wave is None:
                raise WaveNotFound(wave_id)
            return WaveOut.of(wave, await rows.answered(tx, wave_id))

    async def listed(self, *, before: tuple[datetime, UUID] | None, limit: int) -> Sequence[WaveOut]:
        """Waves, those opened last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            found = await rows.listed(tx, before=before, limit=limit + 1)
            return [WaveOut.of(wave, await rows.answered(tx, wave.id)) for wave in found]

    async def make_links(self, wave_id: UUID, body: LinksIn) -> LinksOut:
        """Make one-time links. Asked for twice, more are made: what nobody uses ends with the wave.

        Raises:
            WaveNotFound, WaveClosed, BadWave: there can be none.
        """
        tokens = [new_token() for _ in range(body.count)]
        async with self.db.write() as tx:
            wave = await self._lock_open(tx, wave_id)
            if body.role not in wave.roles:
                raise BadWave("role", "The wave has no such role.")
            if sum(wave.links.values()) + body.count > MAX_LINKS_OF_A_WAVE:
                raise BadWave("count", f"A wave has at most {MAX_LINKS_OF_A_WAVE} one-time links.")
            await rows.add_links(tx, wave_id, body.role, [digest_of(token) for token in tokens])
        return LinksOut(role=body.role, tokens=tokens)

    async def share(self, wave_id: UUID) -> LinksOut:
        """Make the link that all may use; the one before it leads nowhere from now on.

        Raises:
            WaveNotFound, WaveClosed: there can be none.
        """
        token = new_token()
        async with self.db.write() as tx:
            await self._lock_open(tx, wave_id)
            await rows.share(tx, wave_id, digest_of(token))
        return LinksOut(role=None, tokens=[token])

    async def _lock_open(self, tx: WriteTx, wave_id: UUID) -> Wave:
        wave = await rows.lock(tx, wave_id)
        if wave is None:
            raise WaveNotFound(wave_id)
        if not wave.is_open(self.clock.now()):
            raise WaveClosed(wave_id)
        return wave

    async def close(self, wave_id: UUID, *, idem: Idempotent | None) -> Answer:
        """Close a wave now, for good. One that is closed stays as it is.

        Raises:
            WaveNotFound: there is none.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            wave = await rows.lock(tx, wave_id)
            if wave is None:
                raise WaveNotFound(wave_id)
            if wave.closed_at is None:
                await self._close(tx, wave)
                wave = await rows.get(tx, wave_id) or wave
            return await _answer(tx, idem, 200, wave, await rows.answered(tx, wave_id))

    async def close_due(self) -> int:
        """Close the waves whose time is over; how many. Each closed when it was to, however late this runs."""
        async with self.db.read() as tx:
            due = await rows.due(tx, self.clock.now())
        for wave_id in due:
            async with self.db.write() as tx:
                wave = await rows.lock(tx, wave_id)
                if wave is not None and wave.closed_at is None:
                    await self._close(tx, wave)
        return len(due)

    async def _close(self, tx: WriteTx, wave: Wave) -> None:
        """Close a locked wave, and tell what may be told of its answers, then the wave itself."""
        now = self.clock.now()
        closed_at = min(now, wave.closes_at)
        answers = await rows.answers(tx, wave.id)
        definition = await self.surveys.version(tx, wave.survey_id, wave.version)
        await rows.close(tx, wave.id, closed_at)
        closed = await rows.get(tx, wave.id)
        if closed is None:
            raise RuntimeError("a locked wave is gone")
        told = tellable(answers)
        for answer in told:
            tx.emit(Event(uuid7(), wave.id, closed_at, now, _answered(closed, answer)))
        tx.emit(Event(uuid7(), wave.id, closed_at, now, _closed(closed, definition, answers, len(told))))


def _asks_prediction(body: WaveIn, definition: Definition) -> bool:
    if body.asks_prediction and not asks_nps(definition):
        raise BadWave("asks_prediction", "The survey asks for no score that an NPS is made of.")
    return asks_nps(definition) if body.asks_prediction is None else body.asks_prediction


def _answered(wave: Wave, answer: MirrorAnswer) -> MirrorAnswered:
    return MirrorAnswered(
        wave_id=wave.id,
        answer_id=answer.id,
        survey_id=wave.survey_id,
        role=answer.role,
        scores=answer.scores,
        predicted_nps=answer.predicted_nps,
    )


def _closed(wave: Wave, definition: Definition, answers: Sequence[MirrorAnswer], told: int) -> MirrorWaveClosed:
    return MirrorWaveClosed(
        wave_id=wave.id,
        survey_id=wave.survey_id,
        version=wave.version,
        touchpoint=wave.touchpoint,
        stage=wave.stage,
        period_from=wave.period_from,
        period_to=wave.period_to,
        opened_at=wave.opened_at,
        results_visible_from=wave.results_visible_from,
        is_unbiased=not wave.bias,
        bias=wave.bias,
        questions=asked(definition),
        answered=len(answers),
        withheld=len(answers) - told,
        shared=sum(answer.is_shared for answer in answers),
    )


async def _answer(tx: WriteTx, idem: Idempotent | None, status: int, wave: Wave, answered: int) -> Answer:
    answer = Answer(status, WaveOut.of(wave, answered).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
