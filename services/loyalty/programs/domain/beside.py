"""Several programmes side by side: each has its zone, its wallets, its versions and its phases."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from services.loyalty.programs.domain.terms import MAIN, Terms, Timeline, WalletTerms

Phase = Literal["active", "paused", "archived"]
State = Literal["draft", "active", "paused", "archived"]


class Change(NamedTuple):
    """From a moment on a version of a programme holds, or the programme is in another phase."""

    at: datetime
    program: str
    terms: Terms | None = None
    phase: Phase | None = None


def timeline(default: Terms, changes: Iterable[Change]) -> Timeline:
    """What holds when. The order of the changes is that of their moments."""
    held: dict[str, Terms] = {MAIN: default}
    phases: dict[str, Phase] = {}
    versions: list[tuple[datetime, Terms]] = []
    for change in changes:
        if change.terms is not None:
            held[change.program] = change.terms
        if change.phase is not None:
            phases[change.program] = change.phase
        versions.append((change.at, _together(held, phases)))
    return Timeline(default, versions)


def _together(held: Mapping[str, Terms], phases: Mapping[str, Phase]) -> Terms:
    """The terms of all programmes as one. A programme that is paused, or archived, takes no points."""
    main = held[MAIN]
    stopped = {program for program, phase in phases.items() if phase != "active"}
    if len(held) == 1 and not stopped:
        return main
    wallets: dict[str, WalletTerms] = {}
    for program, terms in held.items():
        for name, wallet in terms.wallets.items():
            wallets[name] = wallet.model_copy(update={"is_closed": True}) if program in stopped else wallet
    others = {program: terms for program, terms in held.items() if program != MAIN}
    return Terms.model_construct(
        version=main.version,
        zone=main.zone,
        wallets=wallets,
        homes={name: program for program, terms in others.items() for name in terms.wallets},
        zones={program: terms.zone for program, terms in others.items()},
    )


def state(is_in_force: bool, phase: Phase | None) -> State:
    """How a programme stands."""
    if phase is not None and phase != "active":
        return phase
    return "active" if is_in_force else "draft"
