"""What the vouchers room refuses.

NotFound          CampaignUnknown, JobUnknown, VoucherUnknown, CodesGone
Conflict          CampaignMoved, WrongState, LimitBelowUsed, AlreadyAssigned, NothingToAssign, JobRunning
Invalid           BadBasket, BadRule, BadTerms, BadPattern
TooManyRequests   (in throttle/)
Unavailable       PepperMissing
"""

from collections.abc import Sequence
from typing import NamedTuple

from shared.errors import Invalid, Unavailable


class Problem(NamedTuple):
    """One thing that is wrong with a document: where (JSON Pointer), a code, and a sentence."""

    pointer: str
    code: str
    message: str


class _Problems(Invalid):
    """A document with things wrong in it; `problems` say where and why."""

    sentence = "The document cannot be used"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{self.sentence}: {problems[0].message}", problems=[each._asdict() for each in problems])


class BadBasket(_Problems):
    """The basket cannot be one."""

    code, title = "loyalty.bad_basket", "Bad basket"
    sentence = "The basket cannot be one"


class BadRule(_Problems):
    """The conditions are none, or contradict themselves."""

    code, title = "loyalty.bad_rule", "Bad rule"
    sentence = "The rule cannot be read"


class BadTerms(_Problems):
    """What a campaign shall grant makes no sense."""

    code, title = "loyalty.bad_terms", "Bad terms"
    sentence = "The terms make no sense"


class PepperMissing(Unavailable):
    """Codes are hashed under a secret that this process was not given."""

    code, title = "loyalty.pepper_missing", "Pepper missing"

    def __init__(self, kids: Sequence[str]) -> None:
        super().__init__(
            f"Codes in the database are under the pepper {', '.join(kids)}, which is not here: "
            "give it in TAM_LOYALTY_CODE_PEPPERS, the current one first.",
            retry_after_seconds=60,
            kids=list(kids),
        )
