"""What the vouchers room refuses.

NotFound          CampaignUnknown, VoucherUnknown, JobUnknown, ImportUnknown
Conflict          CampaignMoved, CampaignNameTaken, WrongState, LimitBelowUsed, CodeTaken, WrongKindOfCodes, JobNotDone,
                  CodesGone, AlreadyAssigned, PoolEmpty, CardsHoldMoney, AssignmentKeyTaken, TooManyPromotions,
                  ImportMoved
Invalid           BadBasket, BadRule, BadTerms, BadCode, ValueNeeded, TooManyCodes, AlreadyOver, BadCustomer,
                  ExpiresTooSoon
Unavailable       PepperMissing
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from shared.errors import Conflict, Invalid, NotFound, Unavailable


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

    def __init__(self, kids: Sequence[str] = ()) -> None:
        super().__init__(
            f"Codes in the database are under the pepper {', '.join(kids)}, which is not here: "
            "give it in TAM_LOYALTY_CODE_PEPPERS, the current one first."
            if kids
            else "Codes are kept as hashes under a secret that all processes share: set TAM_LOYALTY_CODE_PEPPERS.",
            retry_after_seconds=60,
            kids=list(kids),
        )


class CampaignUnknown(NotFound):
    """There is no such campaign."""

    code, title = "loyalty.campaign_unknown", "Campaign unknown"

    def __init__(self) -> None:
        super().__init__("There is no campaign with this id.")


class CampaignMoved(Conflict):
    """Somebody else changed the campaign."""

    code, title = "loyalty.campaign_moved", "Campaign has changed"

    def __init__(self, version: int) -> None:
        super().__init__("The campaign has changed since you read it; read it again.", version=version)


class CampaignNameTaken(Conflict):
    """Another campaign goes by this name."""

    code, title = "loyalty.campaign_name_taken", "Name taken"

    def __init__(self, campaign: UUID) -> None:
        super().__init__("Another campaign has this name.", campaign=campaign)


class WrongState(Conflict):
    """From this state there is no way to that one."""

    code, title = "loyalty.wrong_state", "Wrong state"

    def __init__(self, state: str, wanted: str) -> None:
        super().__init__(f"What is {state} cannot be {wanted}.", state=state, wanted=wanted)


class VoucherUnknown(NotFound):
    """There is no such voucher."""

    code, title = "loyalty.voucher_unknown", "Voucher unknown"

    def __init__(self) -> None:
        super().__init__("There is no voucher like this.")


class CodeTaken(Conflict):
    """The code is there already."""

    code, title = "loyalty.code_taken", "Code taken"

    def __init__(self) -> None:
        super().__init__("There is a voucher with this code already, however it is written.")


class BadCode(Invalid):
    """The text cannot be a code."""

    code, title = "loyalty.bad_code", "Bad code"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The text cannot be a code: {reason}.")


class WrongKindOfCodes(Conflict):
    """Unique codes are generated, imported and assigned; a shared one is given its words."""

    code, title = "loyalty.wrong_kind_of_codes", "Wrong kind of codes"

    def __init__(self, codes: str) -> None:
        super().__init__(f"The campaign has {codes} codes; this cannot be done with them.", codes=codes)


class ValueNeeded(Invalid):
    """A gift card has a value, and nothing else has one."""

    code, title = "loyalty.value_needed", "Value of a gift card"

    def __init__(self, *, is_needed: bool) -> None:
        super().__init__("Say what each gift card is worth." if is_needed else "Only gift cards have a value.")


class TooManyCodes(Invalid):
    """So many codes of this length would be easy to guess."""

    code, title = "loyalty.too_many_codes", "Too many codes"

    def __init__(self, count: int, length: int, enough: int) -> None:
        super().__init__(
            f"{count} codes of {length} random symbols would be too easy to guess; {enough} are enough.",
            count=count,
            length=length,
            enough=enough,
        )


class AlreadyOver(Invalid):
    """What begins now would be over already."""

    code, title = "loyalty.already_over", "Already over"

    def __init__(self) -> None:
        super().__init__("The last day is over already.")


class JobUnknown(NotFound):
    """There is no such job."""

    code, title = "loyalty.job_unknown", "Job unknown"

    def __init__(self) -> None:
        super().__init__("There is no job with this id.")


class ImportUnknown(NotFound):
    """There is no such import."""

    code, title = "loyalty.import_unknown", "Import unknown"

    def __init__(self) -> None:
        super().__init__("There is no import with this id.")


class ImportMoved(Conflict):
    """The file is being sent a second time while the first is still read."""

    code, title = "loyalty.import_moved", "Import goes on elsewhere"

    def __init__(self) -> None:
        super().__init__("Another request with this Idempotency-Key takes this file over now; send it again later.")


class JobNotDone(Conflict):
    """The codes are still being made."""

    code, title = "loyalty.job_not_done", "Job not done"

    def __init__(self, made: int, wanted: int) -> None:
        super().__init__(f"{made} of {wanted} codes are made; come back when all are.", made=made, wanted=wanted)


class CodesGone(Conflict):
    """The codes were taken, or their time is over: what is kept cannot be turned back into codes."""

    code, title = "loyalty.codes_gone", "Codes gone"

    def __init__(self) -> None:
        super().__init__("The codes can be had once, for a limited time; they are gone.")


class AlreadyAssigned(Conflict):
    """The customer has a code of this campaign."""

    code, title = "loyalty.already_assigned", "Already assigned"

    def __init__(self, voucher: UUID) -> None:
        super().__init__("The customer has a code of this campaign, which gives one to each.", voucher=voucher)


class AssignmentKeyTaken(Conflict):
    """The key has assigned a code to somebody else."""

    code, title = "loyalty.assignment_key_taken", "Key taken"

    def __init__(self) -> None:
        super().__init__("This key has assigned a code of the campaign to another customer.")


class LimitBelowUsed(Conflict):
    """More is used or held than the limit would allow."""

    code, title = "loyalty.limit_below_used", "Limit below what is used"

    def __init__(self, limit: str, wanted: int, used: int) -> None:
        super().__init__(f"{limit} cannot be {wanted}: {used} are used or held.", limit=limit, wanted=wanted, used=used)


class TooManyPromotions(Conflict):
    """Every basket is held against all of them."""

    code, title = "loyalty.too_many_promotions", "Too many promotions"

    def __init__(self, most: int) -> None:
        super().__init__(f"At most {most} promotions are active at a time; pause or end one.", most=most)


class BadCustomer(Invalid):
    """The customer reference is none."""

    code, title = "loyalty.bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("Name the customer as a customer id, user_id:<value> or anonymous_id:<value>.")


class PoolEmpty(Conflict):
    """All codes that there may be are given out."""

    code, title = "loyalty.code_pool_empty", "No code left"

    def __init__(self) -> None:
        super().__init__("The campaign has no free code, and may make no more: import some, or raise its `max_codes`.")


class ExpiresTooSoon(Invalid):
    """The law lets gift cards expire later, or never."""

    code, title = "loyalty.expires_too_soon", "Expires too soon"

    def __init__(self, jurisdiction: str, earliest: date | None, source: str) -> None:
        super().__init__(
            f"Gift cards may not expire so soon. {source}.",
            jurisdiction=jurisdiction,
            earliest=None if earliest is None else earliest.isoformat(),
            source=source,
        )


class CardsHoldMoney(Conflict):
    """A campaign whose gift cards hold money cannot end."""

    code, title = "loyalty.cards_hold_money", "Cards hold money"

    def __init__(self, jurisdiction: str) -> None:
        super().__init__(
            "There is money on gift cards of this campaign, and they would end with it: pause it, or void the cards.",
            jurisdiction=jurisdiction,
        )
