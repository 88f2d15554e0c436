"""People turn out to be one, or two: which answers came after whose case was closed is asked anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.answers.domain.announcing import judged
from services.surveys.cases.domain.case import Case
from services.surveys.cases.domain.judged import Judged
from services.surveys.cases.domain.policy import Recovery
from services.surveys.cases.repository import cases as case_rows
from services.surveys.cases.repository import recoveries as rows
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.repository.recoveries import Later
from services.surveys.cases.service.recovering import is_later, later_of, tell
from services.surveys.cases.service.writing import SYSTEM, Draft, store
from services.surveys.definitions.service.reading import Surveys
from shared.clock import Clock
from shared.db.engine import WriteTx
from shared.identity import mapping


@dataclass(frozen=True, slots=True)
class Regrouping:
    """Keeps what is known of recoveries what it would be, had it been known from the start who is whom."""

    clock: Clock
    zone: ZoneInfo
    surveys: Surveys

    async def regroup(self, tx: WriteTx, moved: Mapping[UUID, tuple[UUID, UUID]]) -> None:
        """After keys have moved from one root to another; most of them have no case, and cost one look."""
        if not moved:
            return
        families = await mapping.members(tx, {root for pair in moved.values() for root in pair})
        keys = {key for family in families.values() for key in family}
        if not await rows.has_closed(tx, keys):
            return
        await standing_rows.hold(tx)
        standing = await standing_rows.standing(tx, self.zone)
        cases = await case_rows.lock_for(tx, (), keys)
        answers = await self._answers(tx, keys, cases)
        roots = {key: root for root, family in families.items() for key in family}
        known = await rows.of_cases(tx, [each.id for each in cases])
        drafts = [
            await self._again(tx, case, known[case.id], _expected(case, answers, roots, standing.policy.recovery))
            for case in cases
        ]
        await store(tx, drafts, standing)

    async def _answers(self, tx: WriteTx, keys: set[UUID], cases: Sequence[Case]) -> list[Judged]:
        since = min(each.closed_at for each in cases if each.closed_at is not None)
        found = []
        for response in await rows.responses_since(tx, keys, since):
            definition = await self.surveys.version(tx, response.survey_id, response.version)
            if (said := judged(response, definition)) is not None:
                found.append(said)
        return found

    async def _again(
        self, tx: WriteTx, case: Case, known: Mapping[UUID, Later], expected: Mapping[UUID, Later]
    ) -> Draft:
        draft = Draft.of(case, by=SYSTEM, at=self.clock.now())
        for response in sorted(known.keys() - expected.keys()):
            await rows.forget(tx, case.id, response)
            tell(draft, response, None)
        for response, later in expected.items():
            if response not in known or known[response].score != later.score:
                await rows.put(tx, later)
                tell(draft, response, later)
        return draft


def _expected(
    case: Case, answers: Sequence[Judged], roots: Mapping[UUID, UUID], recovery: Recovery
) -> dict[UUID, Later]:
    """What answers say of a case, by response: those of its person, as they are grouped now."""
    found = {}
    for said in answers:
        if said.person is None or case.person is None or roots[said.person] != roots[case.person]:
            continue
        if is_later(case, said, recovery) and (later := later_of(case, said, recovery)) is not None:
            found[said.response_id] = later
    return found
