"""The programme as it stands, whole: to be frozen."""

from zoneinfo import ZoneInfo

from services.loyalty.earning.repository import rules as rule_rows
from services.loyalty.programs import repository as program_rows
from services.loyalty.programs.domain.terms import MAIN
from services.loyalty.simulations.domain.plan import Book, RuleSaid, Said, TrackSaid
from services.loyalty.tiers import repository as tier_rows
from shared.db.engine import ReadTx


async def book(tx: ReadTx, zone: ZoneInfo) -> Book:
    """All that came or will come into force."""
    terms: list[Said] = []
    for program in (MAIN, *(each.key for each in await program_rows.programs(tx))):
        found = await program_rows.in_force(tx, program)
        terms += [Said(at=at, program=program, terms=each) for at, each in found]
    phases = await tx.execute("SELECT at, program, state FROM program_phases ORDER BY at, program")
    terms += [Said(at=row.at, program=row.program, phase=row.state) for row in phases]
    tracks = await tier_rows.tracks(tx)
    return Book(
        zone=zone.key,
        terms=tuple(sorted(terms, key=lambda each: each.place)),
        rules=tuple(
            RuleSaid(
                rule_id=each.rule_id, version=each.version, name=each.name, state=each.state, rule=each.rule,
                effective_from=each.effective_from,
            )
            for each in (await rule_rows.book(tx)).versions
        ),
        tracks=tuple(
            TrackSaid(key=key, version=each.version, track=each.track, effective_from=each.effective_from)
            for key, own in sorted(tracks.items())
            for each in own
        ),
    )  # fmt: skip
