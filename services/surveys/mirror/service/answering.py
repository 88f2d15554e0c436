"""How staff answers a wave: a link lets in, once, and nothing of it stays with the answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID, uuid4

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.service.reading import Surveys
from services.surveys.mirror import repository as rows
from services.surveys.mirror.domain.asked import Item, check, items
from services.surveys.mirror.domain.telling import MirrorAnswer
from services.surveys.mirror.domain.wave import Wave
from services.surveys.mirror.errors import BadMirrorAnswer, BadMirrorLink, WaveClosed
from services.surveys.mirror.service.waves import digest_of
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.events.catalogue.surveys import AnsweredScore
from shared.ids import derived_id


class Form(NamedTuple):
    """What a page shows who came with a link: all of `items` are to be answered, as customers would.

    `role` None: whoever answers says which of `wave.roles` is theirs.
    """

    wave: Wave
    definition: Definition
    items: tuple[Item, ...]
    role: str | None


@dataclass(frozen=True, slots=True)
class MirrorAnswering:
    """Answers of staff. A link is known by its secret, `token`; a page needs nothing else."""

    db: Database
    clock: Clock
    surveys: Surveys

    async def form(self, token: str) -> Form:
        """What to show who came with a link. Shows it again as often as asked for, and changes nothing.

        Raises:
            BadMirrorLink: the link is none, or was used.
            WaveClosed: its wave is over.
        """
        async with self.db.read() as tx:
            wave_id, role = await _led_to(tx, token)
            wave = self._open(await rows.get(tx, wave_id))
            definition = await self.surveys.version(tx, wave.survey_id, wave.version)
        return Form(wave, definition, items(definition), role)

    async def answer(
        self,
        token: str,
        scores: Sequence[AnsweredScore],
        *,
        role: str | None = None,
        predicted_nps: int | None = None,
        wave_id: UUID | None = None,
        sheet: str = "",
    ) -> UUID:
        """Take an answer, whole or not at all; the wave it is to. `wave_id`, if given, must be that wave.

        A link of one's own is its own idempotency key: sent again, the answer is refused with `BadMirrorLink`, and
        counted once. By a link that all share, `sheet` is: a random word of the form that was filled in, kept nowhere.

        Raises:
            BadMirrorLink: the link is none of this wave, or was used.
            WaveClosed: its wave is over.
            BadMirrorAnswer: a score, the prediction or the role is missing, not on its scale, or was not asked for.
        """
        async with self.db.write() as tx:
            found, of_link = await _led_to(tx, token)
            if wave_id not in (None, found):
                raise BadMirrorLink
            wave = self._open(await rows.hold(tx, found))
            definition = await self.surveys.version(tx, wave.survey_id, wave.version)
            given = check(items(definition), scores)
            _check_prediction(wave, predicted_nps)
            as_role = _role(wave, of_link, role)
            await _use(tx, token, is_shared=of_link is None)
            # Not uuid7: that would tell when, and in what order.
            key = derived_id("mirror sheet", token, sheet) if sheet and of_link is None else uuid4()
            answer = MirrorAnswer(key, as_role, given, predicted_nps, of_link is None)
            await rows.add_answer(tx, wave.id, answer)
            return wave.id

    def _open(self, wave: Wave | None) -> Wave:
        if wave is None:
            raise BadMirrorLink
        if not wave.is_open(self.clock.now()):
            raise WaveClosed(wave.id)
        return wave


async def _led_to(tx: ReadTx, token: str) -> tuple[UUID, str | None]:
    found = await rows.led_to(tx, digest_of(token))
    if found is None:
        raise BadMirrorLink
    return found


async def _use(tx: WriteTx, token: str, *, is_shared: bool) -> None:
    if not is_shared and not await rows.use(tx, digest_of(token)):
        raise BadMirrorLink


def _check_prediction(wave: Wave, predicted_nps: int | None) -> None:
    if wave.asks_prediction and predicted_nps is None:
        raise BadMirrorAnswer("predicted_nps", "is missing; all are to be answered")
    if predicted_nps is not None and not wave.asks_prediction:
        raise BadMirrorAnswer("predicted_nps", "was not asked for")
    if predicted_nps is not None and not -100 <= predicted_nps <= 100:
        raise BadMirrorAnswer("predicted_nps", "is answered from -100 to 100")


def _role(wave: Wave, of_link: str | None, said: str | None) -> str:
    if of_link is not None:
        if said not in (None, of_link):
            raise BadMirrorAnswer("role", "stands in the link, and is another")
        return of_link
    if said not in wave.roles:
        raise BadMirrorAnswer("role", "is one of the roles of the wave")
    return str(said)
