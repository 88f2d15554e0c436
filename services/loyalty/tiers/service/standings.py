"""Store where people stand, and announce who stands elsewhere now. The person is locked."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.loyalty.tiers import repository
from services.loyalty.tiers.domain.grants import Standing
from services.loyalty.tiers.domain.near import Near, near, unit
from services.loyalty.tiers.repository import Difference, State, StateKey, Told
from shared.db.engine import ReadTx, WriteTx
from shared.events.catalogue.loyalty import TierChanged, TierNear
from shared.events.catalogue.loyalty_rows import TierKept
from shared.events.envelope import Event
from shared.ids import uuid7

Cause = Literal["fact", "merged", "unmerged", "rules"]
Reason = Literal["qualified", "downgraded", "corrected", "set", "merged", "unmerged", "rules"]
_NOTHING = State(None, 0, None, None, None, 0)
_NEVER_TOLD = Told(None, 0)


def state_of(standing: Standing, at: datetime, version: int) -> State:
    """What is to be stored of a standing that was walked to a moment."""
    level, track = standing.level(at), standing.walk.track
    place = track.place(level.key) if level and track else None
    grant = standing.grant(at)
    since = standing.walk.since
    if standing.is_by_hand(at) and grant is not None:
        since = grant.at
    return State(
        level.key if level else None,
        0 if place is None else place + 1,
        since if level else None,
        standing.valid_until(at),
        standing.review_at(at),
        version,
    )


async def save(
    tx: WriteTx,
    walked: Mapping[UUID, Mapping[str, Standing]],
    gone: Collection[UUID],
    *,
    now: datetime,
    cause: Cause,
) -> None:
    """Store where these persons stand now; `gone` are keys that are no person any more, and stand nowhere."""
    if not gone and not any(walked.values()):
        return
    stored = await repository.states(tx, {*walked, *gone})
    changed: dict[StateKey, State] = {}
    for person, standings in walked.items():
        for track, standing in standings.items():
            before = stored.get((person, track), _NOTHING)
            after = state_of(standing, now, before.version)
            if after.level != before.level:
                after = after._replace(version=before.version + 1)
                reason = _reason(standing, before, after, now, cause)
                _announce(tx, person, track, before, after, reason, now)
            elif before.version > 0 and (after.since, after.valid_until) != (before.since, before.valid_until):
                after = after._replace(version=before.version + 1)
                tx.emit(Event(uuid7(), person, now, now, _kept(track, after)))
            if after != before and after.version > 0:
                changed[person, track] = after
    for (person, track), before in stored.items():
        if person in gone and before.level is not None:
            after = _NOTHING._replace(version=before.version + 1)
            changed[person, track] = after
            _announce(tx, person, track, before, after, "merged", now)
    await repository.put_states(tx, changed)
    await _tell_near(tx, walked, gone, now)


async def _tell_near(
    tx: WriteTx, walked: Mapping[UUID, Mapping[str, Standing]], gone: Collection[UUID], now: datetime
) -> None:
    """Announce who came near the next tier of a track, or nearer, or is near no more."""
    told = await repository.told_near(tx, {*walked, *gone})
    found: dict[StateKey, tuple[Near, Standing]] = {}
    for person, standings in walked.items():
        for track, each in standings.items():
            if (is_near := near(each, now)) is not None:
                found[person, track] = is_near, each
    changed: dict[StateKey, Told] = {}
    for key in sorted(found.keys() | {key for key, each in told.items() if each.near is not None}):
        now_near, standing = found.get(key, (None, None))
        before = told.get(key, _NEVER_TOLD)
        if now_near == before.near:
            continue
        if standing is None:
            standing = walked.get(key[0], {}).get(key[1])
        changed[key] = Told(now_near, before.version + 1)
        measure, currency = unit(standing.walk.track.measure) if standing and standing.walk.track else ("points", None)
        said = TierNear.model_construct(
            track=key[1],
            tier=now_near.tier if now_near else None,
            missing=now_near.missing if now_near else 0,
            threshold=now_near.threshold if now_near else 0,
            measure=measure,
            currency=currency,
            version=changed[key].version,
        )
        tx.emit(Event(uuid7(), key[0], now, now, said))
    await repository.put_near(tx, changed)


def _reason(standing: Standing, before: State, after: State, now: datetime, cause: Cause) -> Reason:
    if cause != "fact":
        return cause
    if standing.is_by_hand(now):
        return "set"
    steps = standing.walk.steps
    if steps and steps[-1].level == after.level and (before.since is None or steps[-1].at > before.since):
        return steps[-1].reason
    return "corrected"


def _announce(
    tx: WriteTx, person: UUID, track: str, before: State, after: State, reason: Reason, now: datetime
) -> None:
    changed = TierChanged.model_construct(
        track=track,
        tier=after.level,
        rank=after.rank,
        previous=before.level,
        version=after.version,
        reason=reason,
        valid_until=after.valid_until,
        since=after.since,
    )
    tx.emit(Event(uuid7(), person, now if after.since is None else min(after.since, now), now, changed))


def _kept(track: str, after: State) -> TierKept:
    return TierKept.model_construct(
        track=track,
        tier=after.level,
        rank=after.rank,
        version=after.version,
        valid_until=after.valid_until,
        since=after.since,
    )


async def forget_near(tx: WriteTx, persons: Collection[UUID], now: datetime) -> int:
    """Forget how near these persons are to the next tier, and tell so; of how many tracks. They are locked."""
    told = {key: each for key, each in (await repository.told_near(tx, persons)).items() if each.near is not None}
    gone = {key: Told(None, told[key].version + 1) for key in sorted(told)}
    for (person, track), each in gone.items():
        nothing = TierNear(track=track, tier=None, missing=0, threshold=0, measure="points", version=each.version)
        tx.emit(Event(uuid7(), person, now, now, nothing))
    await repository.put_near(tx, gone)
    return len(gone)


async def differences(tx: ReadTx, walked: Mapping[UUID, Mapping[str, Standing]], now: datetime) -> list[Difference]:
    """Where what is stored is not what the facts say. Who is due for a review that no job made yet is let off."""
    stored = await repository.states(tx, walked)
    found = []
    for person, standings in walked.items():
        for track, standing in standings.items():
            before = stored.get((person, track), _NOTHING)
            after = state_of(standing, now, before.version)
            is_due = before.review_at is not None and before.review_at <= now
            if after.level != before.level and not is_due:
                found.append(Difference(person, track, before.level, after.level))
    return found
