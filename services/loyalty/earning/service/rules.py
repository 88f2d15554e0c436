"""Use cases of rules: make them, change them in versions, end them. Nothing that was earned changes silently."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.loyalty.earning.domain.book import RuleVersion, tracks_of
from services.loyalty.earning.domain.check import problems
from services.loyalty.earning.domain.rule import Rule
from services.loyalty.earning.errors import (
    BadRule,
    Problem,
    RuleInPast,
    RuleLives,
    RuleMoved,
    RuleNameTaken,
    RuleUnknown,
    TooManyRules,
)
from services.loyalty.earning.repository import rules as rows
from services.loyalty.earning.repository.rules import Progress
from services.loyalty.earning.schemas.rules import RuleChangeIn, RuleIn, RuleOut
from services.loyalty.programs.service import Programs
from services.loyalty.tiers import repository as tiers
from services.loyalty.tiers.domain.balance import is_by_balance
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7

MAX_RULES = 500
BY_BALANCE = "The track {!r} goes by a balance, which this rule would change by what it gives; name another track."


@dataclass(frozen=True, slots=True)
class RulesService:
    """Rules as staff makes them. Who changes one is named by the key that asks (`by`)."""

    db: Database
    clock: Clock
    programs: Programs

    async def create(self, body: RuleIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Make a rule. Active, it holds from `effective_from` on (none: now).

        Raises:
            BadRule: it contradicts itself, another rule, or names what is not there.
            RuleNameTaken, TooManyRules: there is no room for it.
            RuleInPast: it would change what was earned, and does not say that it is meant to.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await rows.claim(tx)
            rule_id, now = uuid7(), self.clock.now()
            version = RuleVersion(rule_id, 1, body.name, body.state, body.rule, body.effective_from or now, now, by)
            await self._check(tx, version)
            await self._put(tx, version, is_retroactive=body.retroactive)
            return await _answer(tx, idem, 201, version)

    async def change(self, rule_id: UUID, body: RuleChangeIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Store a further version of a rule that is still of the version you read.

        A draft leaves the version before in force; `paused` and `ended` take effect from `effective_from` on.

        Raises:
            RuleUnknown, RuleMoved: there is no rule of that version.
            BadRule, RuleNameTaken, RuleInPast: it cannot be so.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await rows.claim(tx)
            before = await rows.latest(tx, rule_id)
            if before is None:
                raise RuleUnknown
            if before.version != body.version:
                raise RuleMoved(before.version)
            now = self.clock.now()
            version = RuleVersion(
                rule_id, before.version + 1, body.name, body.state, body.rule, body.effective_from or now, now, by
            )
            await self._check(tx, version)
            await self._put(tx, version, is_retroactive=body.retroactive)
            return await _answer(tx, idem, 200, version)

    async def delete(self, rule_id: UUID) -> None:
        """Take away a rule that was never more than a draft.

        Raises:
            RuleUnknown: there is none.
            RuleLives: it was active.
        """
        async with self.db.write() as tx:
            await rows.claim(tx)
            versions = await rows.versions(tx, rule_id)
            if not versions:
                raise RuleUnknown
            if any(each.state != "draft" for each in versions):
                raise RuleLives
            await rows.delete(tx, rule_id)

    async def get(self, rule_id: UUID) -> RuleVersion:
        """A rule in its latest version.

        Raises:
            RuleUnknown: there is none.
        """
        async with self.db.read() as tx:
            found = await rows.latest(tx, rule_id)
        if found is None:
            raise RuleUnknown
        return found

    async def listed(self, *, after: UUID | None, limit: int) -> Sequence[RuleVersion]:
        """Rules, those made last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await rows.listed(tx, after=after, limit=limit + 1)

    async def versions(self, rule_id: UUID) -> Sequence[RuleVersion]:
        """All that a rule was, the latest first.

        Raises:
            RuleUnknown: there is none.
        """
        async with self.db.read() as tx:
            found = await rows.versions(tx, rule_id)
        if not found:
            raise RuleUnknown
        return found

    async def progress(self) -> Progress:
        """How many persons wait to be looked at again after a change of rules."""
        async with self.db.read() as tx:
            return await rows.progress(tx)

    async def _put(self, tx: WriteTx, version: RuleVersion, *, is_retroactive: bool) -> None:
        now = version.recorded_at
        if version.state != "draft" and version.effective_from < now and not is_retroactive:
            raise RuleInPast(now)
        await rows.put(tx, version)
        if version.state != "draft" and version.effective_from <= now:
            await rows.queue_since(tx, version.effective_from, now, (await rows.book(tx)).entries)

    async def _check(self, tx: ReadTx, version: RuleVersion) -> None:
        if (namesake := await rows.namesake(tx, version.name)) not in (None, version.rule_id):
            raise RuleNameTaken(namesake or version.rule_id)
        others = await rows.others(tx, version.rule_id)
        if len(others) >= MAX_RULES:
            raise TooManyRules(MAX_RULES)
        if found := await rule_problems(tx, self.programs, version.rule, others, at=version.effective_from):
            raise BadRule(found)


async def rule_problems(
    tx: ReadTx, programs: Programs, rule: Rule, others: Sequence[RuleVersion], *, at: datetime
) -> list[Problem]:
    """All that is wrong with a rule: by itself, beside the others, and in what it names."""
    found = problems(rule)
    terms = await programs.current(tx, at)
    if rule.wallet not in terms.wallets:
        names = ", ".join(sorted(terms.wallets))
        found.append(Problem("/wallet", "unknown_wallet", f"The programme has no such wallet; it has {names}."))
    for other in others:
        is_same = rule.group is not None and other.rule.group == rule.group
        if is_same and other.rule.priority == rule.priority:
            found.append(
                Problem(
                    "/priority",
                    "priority_taken",
                    f"The rule {other.name!r} of the group {rule.group!r} has this priority; give another, so that "
                    "it is said which one counts.",
                )
            )
    tracks = await tiers.tracks(tx)
    for key in tracks_of(rule):
        if key not in tracks:
            found.append(Problem(_asks_at(rule, key), "unknown_track", f"There is no tier track {key!r}."))
        elif is_by_balance(tracks[key]):
            found.append(Problem(_asks_at(rule, key), "track_by_balance", BY_BALANCE.format(key)))
    for place, part in rule.conditions.tree():
        asked = part.tiers
        if asked is not None and asked.track in tracks:
            levels = {level.key for version in tracks[asked.track] for level in version.track.levels}
            found += [
                Problem(f"{place}/tiers", "unknown_level", f"The track {asked.track!r} has no level {level!r}.")
                for level in (*asked.any_of, *asked.none_of)
                if level not in levels
            ]
    return found


def _asks_at(rule: Rule, track: str) -> str:
    """Where a rule names a track."""
    for at, part in rule.conditions.tree():
        if part.tiers is not None and part.tiers.track == track:
            return f"{at}/tiers/track"
    return "/effect/track"


async def _answer(tx: WriteTx, idem: Idempotent | None, status: int, version: RuleVersion) -> Answer:
    answer = Answer(status, RuleOut.of(version).model_dump_json(by_alias=True).encode())
    await remember(tx, idem, answer)
    return answer
