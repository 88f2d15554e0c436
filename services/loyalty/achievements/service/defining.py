"""Achievements as staff makes them: a draft, in force from a moment on and never changed from then, archived."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.loyalty.achievements import repository as rows
from services.loyalty.achievements.domain.goal import State
from services.loyalty.achievements.errors import (
    AchievementInPast,
    AchievementNameTaken,
    AchievementState,
    AchievementUnknown,
    BadAchievement,
    TooManyAchievements,
)
from services.loyalty.achievements.repository import Defined
from services.loyalty.achievements.schemas import AchievementIn, AchievementOut, ActivateIn, EndIn, HoldersOut
from services.loyalty.earning.repository import rules
from services.loyalty.programs.domain.terms import MAIN
from services.loyalty.programs.service import Programs
from services.loyalty.tiers import repository as tiers
from services.loyalty.vouchers.repository import campaigns
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7

MAX_ACTIVE = 200


@dataclass(frozen=True, slots=True)
class Achievements:
    """Use cases of staff. Who changes one is named by the key that asks (`by`)."""

    db: Database
    clock: Clock
    programs: Programs

    async def create(self, body: AchievementIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Write an achievement down, as a draft.

        Raises:
            AchievementNameTaken, BadAchievement: it cannot be.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await rules.claim(tx)
            now = self.clock.now()
            draft = Defined(uuid7(), body.name, "draft", body.achievement, None, None, now, by, now, by)
            return await self._put(tx, draft, 201, idem)

    async def change(self, key: UUID, body: AchievementIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Write a draft anew.

        Raises:
            AchievementUnknown, AchievementState: there is no such draft.
            AchievementNameTaken, BadAchievement: it cannot be so.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            draft = await _claimed(tx, key, "draft")
            changed = draft._replace(name=body.name, terms=body.achievement, changed_at=self.clock.now(), changed_by=by)
            return await self._put(tx, changed, 200, idem)

    async def activate(self, key: UUID, body: ActivateIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let a draft be reached; everybody who has reached it by what is known is rewarded soon.

        Raises:
            AchievementUnknown, AchievementState, TooManyAchievements: there is no such draft, or no room.
            AchievementInPast: facts of the past would count, and that is not said to be meant.
            BadAchievement: what it names is not there by now.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            draft, now = await _claimed(tx, key, "draft"), self.clock.now()
            starts_at = body.starts_at or now
            if starts_at < now and not body.retroactive:
                raise AchievementInPast("Facts of the past would count: say retroactive where that is meant.")
            if body.ends_at is not None and body.ends_at <= starts_at:
                raise AchievementInPast("An achievement ends after it starts.")
            if len(await rows.running(tx)) >= MAX_ACTIVE:
                raise TooManyAchievements(MAX_ACTIVE)
            active = draft._replace(
                state="active", starts_at=starts_at, ends_at=body.ends_at, changed_at=now, changed_by=by
            )
            answer = await self._put(tx, active, 200, idem)
            await rows.queue_since(tx, starts_at)
            return answer

    async def end(self, key: UUID, body: EndIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let nothing count that happens from a moment on; what was reached before stays.

        Raises:
            AchievementUnknown, AchievementState: there is none in force.
            AchievementInPast: what was reached since would be taken away.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            active, now = await _claimed(tx, key, "active"), self.clock.now()
            ends_at = body.ends_at or max(now, active.span.start)
            if ends_at < now or ends_at < active.span.start or (active.ends_at and active.ends_at < now):
                raise AchievementInPast("An achievement ends now or later, and one that has ended is over.")
            ended = active._replace(ends_at=ends_at, changed_at=now, changed_by=by)
            return await self._put(tx, ended, 200, idem)

    async def archive(self, key: UUID, *, by: str, idem: Idempotent | None) -> Answer:
        """Put one away for good that has ended: what was reached stays, whatever becomes known of the facts.

        Raises:
            AchievementUnknown, AchievementState: there is none that has ended.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            active, now = await _claimed(tx, key, "active"), self.clock.now()
            if active.ends_at is None or active.ends_at > now:
                raise AchievementState("active", "ended")
            gone = active._replace(state="archived", changed_at=now, changed_by=by)
            return await self._put(tx, gone, 200, idem)

    async def delete(self, key: UUID) -> None:
        """Take a draft away.

        Raises:
            AchievementUnknown, AchievementState: there is no such draft.
        """
        async with self.db.write() as tx:
            await _claimed(tx, key, "draft")
            await rows.delete(tx, key)

    async def get(self, key: UUID) -> Defined:
        """An achievement.

        Raises:
            AchievementUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await _known(tx, key)

    async def holders(self, key: UUID) -> HoldersOut:
        """How many people hold it.

        Raises:
            AchievementUnknown: there is none.
        """
        async with self.db.read() as tx:
            await _known(tx, key)
            return HoldersOut.model_validate((await rows.holders(tx, key))._asdict())

    async def listed(self, *, state: str | None, after: UUID | None, limit: int) -> Sequence[Defined]:
        """Achievements, those made last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await rows.listed(tx, state=state, after=after, limit=limit + 1)

    async def _put(self, tx: WriteTx, defined: Defined, status: int, idem: Idempotent | None) -> Answer:
        if defined.state == "draft" or defined.ends_at is None:
            await self._check(tx, defined)
        if not await rows.put(tx, defined):
            raise AchievementNameTaken
        answer = Answer(status, AchievementOut.of(defined).model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer

    async def _check(self, tx: ReadTx, defined: Defined) -> None:
        terms = await self.programs.current(tx, self.clock.now())
        if defined.terms.program != MAIN and defined.terms.program not in terms.zones:
            raise BadAchievement(f"No programme {defined.terms.program!r} is in force.")
        if defined.terms.who is not None and (asked := defined.terms.who.tiers) is not None:
            versions = (await tiers.tracks(tx)).get(asked.track)
            if versions is None:
                raise BadAchievement(f"There is no tier track {asked.track!r}.")
            levels = {level.key for version in versions for level in version.track.levels}
            if unknown := sorted({*asked.any_of, *asked.none_of} - levels):
                raise BadAchievement(f"The track {asked.track!r} has no level {unknown[0]!r}.")
        for reward in defined.terms.rewards:
            if reward.points is not None and reward.wallet not in terms.wallets:
                raise BadAchievement(f"The programme has no wallet {reward.wallet!r}.")
            if reward.campaign is not None:
                found = (await campaigns.rows(tx, (reward.campaign,))).get(reward.campaign)
                if found is None or found.codes != "unique":
                    raise BadAchievement("A reward names a voucher campaign with a code for each customer.")


async def _known(tx: ReadTx, key: UUID) -> Defined:
    found = await rows.get(tx, key)
    if found is None:
        raise AchievementUnknown
    return found


async def _claimed(tx: WriteTx, key: UUID, state: State) -> Defined:
    """The achievement in the state it must have; nobody hears facts meanwhile, so that none is missed."""
    await rules.claim(tx)
    found = await _known(tx, key)
    if found.state != state:
        raise AchievementState(found.state, state)
    return found
