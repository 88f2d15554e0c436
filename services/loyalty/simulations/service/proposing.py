"""What is proposed, read from what was asked, and looked at before anything is simulated."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from services.loyalty.earning.domain.book import tracks_of
from services.loyalty.earning.domain.check import problems
from services.loyalty.earning.domain.rule import Rule
from services.loyalty.earning.errors import Problem, RuleUnknown
from services.loyalty.earning.repository import rules as rule_rows
from services.loyalty.programs import repository as program_rows
from services.loyalty.programs.domain.terms import MAIN, Terms
from services.loyalty.programs.errors import ProgramUnknown, VersionUnknown
from services.loyalty.simulations.domain.plan import Book, NewRule, NewTerms, NewTrack, Proposal
from services.loyalty.simulations.errors import BadProposal
from services.loyalty.simulations.schemas.asking import RuleProposal, SimulationIn, TermsProposal
from services.loyalty.tiers.domain.track import ByBalance, ByPoints
from shared.db.engine import ReadTx


async def read(tx: ReadTx, body: SimulationIn) -> Proposal:
    """All that would be otherwise.

    Raises:
        ProgramUnknown, VersionUnknown, RuleUnknown: what is named is not there.
        BadProposal: something is named twice.
    """
    for name, keys in (
        ("programs", [each.program for each in body.programs]),
        ("rules", [str(each.replaces) for each in body.rules if each.replaces is not None]),
        ("tracks", [each.key for each in body.tracks]),
    ):
        if len(set(keys)) < len(keys):
            raise BadProposal([Problem(f"/{name}", "named_twice", "Each can be otherwise in one way only.")])
    return Proposal(
        [await _terms(tx, each) for each in body.programs],
        [await _rule(tx, each, place) for place, each in enumerate(body.rules)],
        [NewTrack(each.key, each.track) for each in body.tracks],
    )


async def _terms(tx: ReadTx, body: TermsProposal) -> NewTerms:
    if body.program != MAIN and await program_rows.program(tx, body.program) is None:
        raise ProgramUnknown(body.program)
    if body.terms is not None:
        return NewTerms(body.program, body.terms.terms(0))
    number = body.version or 0
    found = await program_rows.get(tx, body.program, number)
    if found is None:
        raise VersionUnknown(number)
    return NewTerms(body.program, found.terms)


async def _rule(tx: ReadTx, body: RuleProposal, place: int) -> NewRule:
    if body.replaces is None:
        return NewRule(None, f"proposal {place + 1}", body.rule)
    versions = await rule_rows.versions(tx, body.replaces)
    if not versions:
        raise RuleUnknown
    if body.version is None:
        return NewRule(body.replaces, versions[0].name, body.rule)
    found = next((each for each in versions if each.version == body.version), None)
    if found is None:
        raise RuleUnknown
    return NewRule(body.replaces, found.name, found.rule)


def check(live: Book, new: Book, proposal: Proposal, *, since: datetime, until: datetime) -> None:
    """Whether it can work.

    Raises:
        BadProposal: it contradicts itself, drops what members have points in, or names what is not there.
    """
    terms = new.made().timeline.at(since)
    found = [
        *_wrong_terms(live, new, proposal, until),
        *_wrong_rules(new, proposal, terms),
        *_wrong_tracks(new, proposal, terms),
    ]
    if found:
        raise BadProposal(found)


def _wrong_terms(live: Book, new: Book, proposal: Proposal, until: datetime) -> Iterable[Problem]:
    """Wallets that were there in the period must be there, and each belongs to one programme."""
    for place, (program, terms) in enumerate(proposal.terms):
        there = {*live.made().timeline.default.wallets} if program == MAIN else set()
        there |= {
            name
            for each in live.terms
            if each.terms is not None and each.program == program and each.at < until
            for name in each.terms.wallets
        }
        for name in sorted(there - terms.wallets.keys()):
            words = f"Members may have points in the wallet {name!r}; keep it, closed if need be."
            yield Problem(f"/programs/{place}", "wallet_dropped", words)
    homes: dict[str, str] = {}
    for each in new.terms:
        for name in each.terms.wallets if each.terms is not None else ():
            if homes.setdefault(name, each.program) != each.program:
                yield Problem("/programs", "wallet_taken", f"Two programmes have a wallet {name!r}.")


def _wrong_rules(new: Book, proposal: Proposal, terms: Terms) -> Iterable[Problem]:
    levels: dict[str, set[str]] = {}
    for each in new.tracks:
        levels.setdefault(each.key, set()).update(level.key for level in each.track.levels)
    if proposal.rules:
        yield from _ranks(new)
    if proposal.rules or proposal.tracks:
        yield from _circles(new)
    for place, (_, _, rule) in enumerate(proposal.rules):
        if rule is None:
            continue
        at = f"/rules/{place}/rule"
        yield from (each._replace(pointer=f"{at}{each.pointer}") for each in problems(rule))
        if rule.wallet not in terms.wallets:
            yield Problem(f"{at}/wallet", "unknown_wallet", "The programme has no such wallet.")
        yield from _wrong_tiers(rule, levels, at)


def _wrong_tiers(rule: Rule, levels: Mapping[str, set[str]], at: str) -> Iterable[Problem]:
    for key in tracks_of(rule):
        if key not in levels:
            yield Problem(f"{at}/conditions/tiers", "unknown_track", f"There is no tier track {key!r}.")
    for place, part in rule.conditions.tree():
        said = part.tiers
        if said is not None and said.track in levels:
            for level in sorted({*said.any_of, *said.none_of} - levels[said.track]):
                words = f"The track {said.track!r} has no level {level!r}."
                yield Problem(f"{at}{place}/tiers", "unknown_level", words)


def _circles(new: Book) -> Iterable[Problem]:
    """What a rule gives would change the balance that a track it asks for goes by."""
    by_balance = {each.key for each in new.tracks if isinstance(each.track.measure, ByBalance)}
    asked = {key for each in new.rules if each.state == "active" for key in tracks_of(each.rule)}
    for key in sorted(by_balance & asked):
        words = f"The track {key!r} goes by a balance, which the rule that asks for it would change by what it gives."
        yield Problem("/rules", "track_by_balance", words)


def _ranks(new: Book) -> Iterable[Problem]:
    """Of the rules of a group it must be said which comes first."""
    latest = {each.rule_id: each for each in sorted(new.rules, key=lambda each: each.version)}
    taken: dict[tuple[str, int], UUID] = {}
    for each in latest.values():
        rule = each.rule
        if rule.group is None or each.state != "active":
            continue
        if taken.setdefault((rule.group, rule.priority), each.rule_id) != each.rule_id:
            words = f"Two rules of the group {rule.group!r} have the priority {rule.priority}."
            yield Problem("/rules", "priority_taken", words)


def _wrong_tracks(new: Book, proposal: Proposal, terms: Terms) -> Iterable[Problem]:
    for place, (key, track) in enumerate(proposal.tracks):
        at = f"/tracks/{place}/track"
        kinds = {isinstance(each.track.measure, ByBalance) for each in new.tracks if each.key == key}
        if len(kinds) > 1:
            yield Problem(f"{at}/measure/by", "other_measure", "A balance is no other measure's next version.")
        if track.program != MAIN and track.program not in terms.zones:
            yield Problem(f"{at}/program", "unknown_program", f"No programme {track.program!r} is in force.")
        if not isinstance(measure := track.measure, ByPoints | ByBalance):
            continue
        if measure.wallet not in terms.wallets or terms.program_of(measure.wallet) != track.program:
            yield Problem(f"{at}/measure/wallet", "unknown_wallet", "The programme of the track has no such wallet.")
