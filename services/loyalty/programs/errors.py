"""What the programme refuses."""

from shared.errors import Conflict, Invalid, NotFound


class UnknownWallet(Invalid):
    """The programme has no such wallet."""

    code, title = "loyalty.unknown_wallet", "Unknown wallet"

    def __init__(self, wallet: str, wallets: tuple[str, ...]) -> None:
        super().__init__(f"The programme has no wallet {wallet[:40]!r}.", wallet=wallet[:40], wallets=list(wallets))


class VersionUnknown(NotFound):
    """No version of the programme has this number."""

    code, title = "loyalty.program_version_unknown", "Version unknown"

    def __init__(self, version: int) -> None:
        super().__init__("The programme has no such version.", version=version)


class ProgramUnknown(NotFound):
    """There is no such programme."""

    code, title = "loyalty.program_unknown", "Programme unknown"

    def __init__(self, program: str) -> None:
        super().__init__("There is no loyalty programme of this key.", program=program)


class ProgramTaken(Conflict):
    """Another programme has this key."""

    code, title = "loyalty.program_taken", "Programme taken"

    def __init__(self, program: str) -> None:
        super().__init__("Another loyalty programme has this key.", program=program)


class TooManyPrograms(Conflict):
    """There is no room for another one."""

    code, title = "loyalty.too_many_programs", "Too many programmes"

    def __init__(self, limit: int) -> None:
        super().__init__("There are as many loyalty programmes as there may be.", limit=limit)


class WrongPhase(Conflict):
    """A draft has no phases, and what is archived stays so; the main programme is never archived."""

    code, title = "loyalty.program_phase", "Wrong phase"

    def __init__(self, state: str) -> None:
        super().__init__("That cannot be done with a programme in this state.", program_state=state)


class WalletTaken(Conflict):
    """Wallets are told apart by name across all programmes."""

    code, title = "loyalty.program_wallet_taken", "Wallet taken"

    def __init__(self, wallets: list[str]) -> None:
        super().__init__("Another programme has a wallet of this name.", wallets=wallets)


class NotADraft(Conflict):
    """A version that came into force, or was withdrawn, is not changed any more."""

    code, title = "loyalty.program_not_a_draft", "Not a draft"

    def __init__(self, version: int, status: str) -> None:
        super().__init__("Only a draft can be changed; write a new version.", version=version, version_status=status)


class WalletDropped(Invalid):
    """A wallet that was in force cannot go; it can be closed."""

    code, title = "loyalty.program_wallet_dropped", "Wallet dropped"

    def __init__(self, wallets: list[str]) -> None:
        super().__init__("A wallet that members may have points in cannot be dropped: close it.", wallets=wallets)


class EffectiveTooEarly(Invalid):
    """A version cannot come into force in the past, or before one that already stands."""

    code, title = "loyalty.program_effective_too_early", "Effective too early"

    def __init__(self, earliest: str) -> None:
        super().__init__("A version comes into force now or later, and after those that stand.", earliest=earliest)
