"""Use cases of tracks: make and change them with open eyes, set levels by hand, tell where somebody stands."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.loyalty.earning.domain.history import Rules, outcome
from services.loyalty.earning.repository import rules as rule_rows
from services.loyalty.earning.service import Earning
from services.loyalty.earning.service.histories import histories, rules_of
from services.loyalty.programs.domain.terms import MAIN
from services.loyalty.programs.service import Programs
from services.loyalty.tiers import repository
from services.loyalty.tiers.domain.balance import is_by_balance
from services.loyalty.tiers.domain.grants import Grant, Standing
from services.loyalty.tiers.domain.track import ByBalance, ByPoints, Track
from services.loyalty.tiers.errors import (
    BadTrack,
    LevelUnknown,
    LowersPeople,
    TooManyTracks,
    TrackMoved,
    TrackUnknown,
)
from services.loyalty.tiers.repository import TrackVersion
from services.loyalty.tiers.schemas import (
    GrantIn,
    MovedOut,
    StandingOut,
    StandingsOut,
    TrackIn,
    TrackOut,
    TrackPreviewIn,
    TrackPreviewOut,
)
from services.loyalty.tiers.service.standings import differences
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.loyalty_rows import TierGranted
from shared.events.envelope import Event
from shared.identity import members
from shared.ids import uuid7
from shared.observability.logging import logger

log = logger(__name__)

MAX_TRACKS = 10
MAX_PERSONS = 20_000
CHUNK = 500


@dataclass(frozen=True, slots=True)
class TracksService:
    """Tiers as staff makes them, and as members see them."""

    db: Database
    clock: Clock
    programs: Programs
    earning: Earning

    async def put(self, key: str, body: TrackIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Store a version of a track; it is worked out for everybody from when it takes effect.

        Raises:
            TrackMoved, TooManyTracks, BadTrack: it cannot be so.
            LowersPeople: more people would lose their level at once than was accepted.
        """
        # Read first: a long look at everybody must not keep anybody from earning.
        preview = await self.preview(key, body)
        if preview.downgrades > body.accept_downgrades:
            raise LowersPeople(preview.downgrades, body.accept_downgrades)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await rule_rows.claim(tx)
            known = await repository.versions(tx)
            before = [each for each in known if each.track == key]
            if body.version != (before[-1].version if before else 0):
                raise TrackMoved(before[-1].version if before else 0)
            if not before and len({each.track for each in known}) >= MAX_TRACKS:
                raise TooManyTracks(MAX_TRACKS)
            now = self.clock.now()
            version = TrackVersion(key, body.version + 1, body.track, body.effective_from or now, now, by)
            await repository.put_version(tx, version)
            if await repository.begun(tx, now):
                await repository.queue_everybody(tx, now)
            out = TrackOut.of(version, await repository.counts(tx, key))
            answer = Answer(200 if before else 201, out.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def begin(self) -> None:
        """Look at everybody again where a version of a track has taken effect by now."""
        async with self.db.write() as tx:
            if await repository.begun(tx, self.clock.now()):
                await repository.queue_everybody(tx, self.clock.now())

    async def listed(self) -> list[TrackOut]:
        """All tracks in their latest version."""
        async with self.db.read() as tx:
            latest = {each.track: each for each in await repository.versions(tx)}
            return [TrackOut.of(each, await repository.counts(tx, key)) for key, each in sorted(latest.items())]

    async def get(self, key: str) -> TrackOut:
        """A track in its latest version.

        Raises:
            TrackUnknown: there is none.
        """
        async with self.db.read() as tx:
            return TrackOut.of(await _latest(tx, key), await repository.counts(tx, key))

    async def versions(self, key: str) -> list[TrackOut]:
        """All that a track was, the latest version first.

        Raises:
            TrackUnknown: there is none.
        """
        async with self.db.read() as tx:
            await _latest(tx, key)
            return [TrackOut.of(each, {}) for each in reversed(await repository.versions(tx, key))]

    async def holders(self, key: str, level: str, *, after: UUID | None, limit: int) -> Sequence[UUID]:
        """Who holds a level; one more than `limit` if there are more.

        Raises:
            TrackUnknown, LevelUnknown: there is none.
        """
        async with self.db.read() as tx:
            track = (await _latest(tx, key)).definition
            if track.place(level) is None:
                raise LevelUnknown(tuple(each.key for each in track.levels))
            return await repository.holders(tx, key, level, after=after, limit=limit + 1)

    async def preview(self, key: str, body: TrackPreviewIn) -> TrackPreviewOut:
        """What another version of a track would do to everybody at the moment it takes effect.

        Raises:
            BadTrack: it names what is not there.
        """
        now = self.clock.now()
        at = body.effective_from or now
        async with self.db.read() as tx:
            before = await rules_of(tx, self.programs)
            await self._check(tx, key, body.track, at, before)
            known = await repository.versions(tx)
            more = TrackVersion(key, 1 + max((each.version for each in known), default=0), body.track, at, now, "")
            after = Rules(before.book, before.timeline, repository.in_effect([*known, more]))
            tally = _Tally(body.track)
            place: UUID | None = None
            while len(tally.looked_at) < MAX_PERSONS:
                keys = await repository.persons(tx, after=place, limit=CHUNK)
                await self._compare(tx, keys, (before, after), key, max(now, at), tally)
                if len(keys) < CHUNK:
                    return tally.told(is_complete=True)
                place = keys[-1]
        return tally.told(is_complete=False)

    async def _compare(
        self,
        tx: ReadTx,
        keys: Sequence[UUID],
        rules: tuple[Rules, Rules],
        key: str,
        at: datetime,
        tally: "_Tally",
    ) -> None:
        before, after = rules
        persons = set((await members.find_many(tx, keys)).values())
        persons = {each for each in persons if each.root not in tally.looked_at}
        for member, history in (await histories(tx, persons, after)).items():
            tally.looked_at.add(member.root)
            now = outcome(history, before, until=at).standings.get(key)
            then = outcome(history, after, until=at).standings[key]
            tally.note(now, then, at)

    async def standings(self, customer: UUID, *, as_of: datetime | None) -> StandingsOut:
        """Where a customer stands, or stood, by all that is known now."""
        at = as_of or self.clock.now()
        async with self.db.read() as tx:
            member = await members.find(tx, customer)
            rules = await rules_of(tx, self.programs)
            history = (await histories(tx, [member], rules))[member]
        found = outcome(history, rules, until=at).standings
        tracks = [StandingOut.of(found[key], at) for key in sorted(found) if found[key].walk.track is not None]
        return StandingsOut(customer=member.root, as_of=at, tracks=tracks)

    async def grant(self, customer: UUID, key: str, body: GrantIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Set a level by hand; the person holds it at once.

        Raises:
            TrackUnknown, LevelUnknown: there is none.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            track = (await _latest(tx, key)).definition
            if body.level is not None and track.place(body.level) is None:
                raise LevelUnknown(tuple(each.key for each in track.levels))
            now = self.clock.now()
            grant = Grant(uuid7(), customer, key, body.level, now, body.until, body.reason, by)
            await repository.add_grant(tx, grant)
            said = TierGranted(grant_id=grant.id, track=key, tier=grant.level, until=grant.until, by=by)
            tx.emit(Event(uuid7(), customer, now, now, said))
            await self.earning.look_again(tx, [customer], cause="fact")
            member = await members.find(tx, customer)
            rules = await rules_of(tx, self.programs)
            history = (await histories(tx, [member], rules))[member]
            standing = outcome(history, rules, until=now).standings[key]
            answer = Answer(200, StandingOut.of(standing, now).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def check(self) -> int:
        """Work out some people's tiers anew and note where another is stored; how many were looked at.

        Everybody comes round in time. While people wait to be looked at after a change, nobody is checked.
        """
        now = self.clock.now()
        async with self.db.read() as tx:
            if await repository.is_settling(tx, now):
                return 0
            keys = await repository.persons(tx, after=await repository.round_place(tx), limit=CHUNK)
            persons = set((await members.find_many(tx, keys)).values())
            rules = await rules_of(tx, self.programs)
            read = await histories(tx, persons, rules)
            walked: Mapping[UUID, Mapping[str, Standing]] = {
                member.root: outcome(history, rules, until=history.until(now)).standings
                for member, history in read.items()
            }
            found = await differences(tx, walked, now)
        async with self.db.write() as tx:
            place = keys[-1] if len(keys) == CHUNK else None
            await repository.keep_round(tx, place, walked, found, now)
        if found:
            log.error("tier_is_not_what_facts_say", persons=len(found), example=str(found[0].person))
        return len(walked)

    async def _check(self, tx: ReadTx, key: str, track: Track, at: datetime, rules: Rules) -> None:
        terms = await self.programs.current(tx, at)
        wallet = track.measure.wallet if isinstance(track.measure, ByPoints | ByBalance) else None
        if wallet is not None and wallet not in terms.wallets:
            raise BadTrack("/track/measure/wallet", f"The programme has no wallet {wallet!r}.")
        if track.program != MAIN and track.program not in terms.zones:
            raise BadTrack("/track/program", f"No programme {track.program!r} is in force.")
        if wallet is not None and terms.program_of(wallet) != track.program:
            raise BadTrack("/track/measure/wallet", f"The programme {track.program!r} has no such wallet.")
        is_balance = isinstance(track.measure, ByBalance)
        if key in rules.tracks and is_by_balance(rules.tracks[key]) != is_balance:
            raise BadTrack("/track/measure/by", "A balance is no other measure's next version; make another track.")
        if is_balance and key in rules.book.tracks:
            raise BadTrack("/track/measure/by", "An earning rule asks for this track, and would change the balance.")


async def _latest(tx: ReadTx, key: str) -> TrackVersion:
    found = await repository.versions(tx, key)
    if not found:
        raise TrackUnknown
    return found[-1]


@dataclass(slots=True)
class _Tally:
    """How people move between levels."""

    track: Track
    looked_at: set[UUID] = field(default_factory=set)
    moves: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    up: int = 0
    down: int = 0
    at_risk: int = 0

    def note(self, now: Standing | None, then: Standing, at: datetime) -> None:
        """A person looked at."""
        before = now.level(at) if now else None
        after = then.level(at)
        place = self.track.place(after.key) if after else -1
        if then.walk.is_above_facts(at):
            self.at_risk += 1
        if (before and before.key) == (after and after.key):
            return
        self.moves[before.key if before else None, after.key if after else None] += 1
        was = -1 if before is None else self._was(before.key, now)
        if place is not None and place > was:
            self.up += 1
        else:
            self.down += 1

    def _was(self, key: str, now: Standing | None) -> int:
        """Where a level stands in the new version, or stood in the old one where it is gone."""
        place = self.track.place(key)
        if place is None and now is not None and now.walk.track is not None:
            place = now.walk.track.place(key)
        return -1 if place is None else place

    def told(self, *, is_complete: bool) -> TrackPreviewOut:
        """As it is answered."""
        return TrackPreviewOut(
            persons_looked_at=len(self.looked_at),
            is_complete=is_complete,
            upgrades=self.up,
            downgrades=self.down,
            at_risk=self.at_risk,
            moves=[
                MovedOut(before=before, after=after, persons=persons)
                for (before, after), persons in sorted(self.moves.items(), key=str)
            ],
        )
