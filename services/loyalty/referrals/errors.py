"""What referrals refuse.

NotFound   ProgramUnknown, ReferralCodeUnknown, ReferralUnknown
Conflict   ProgramNameTaken, ProgramClosed, AlreadyReferred, TooManyFriends, NotInReview
Invalid    BadReferralCustomer, BadProgram
"""

from shared.errors import Conflict, Invalid, NotFound


class ProgramUnknown(NotFound):
    """There is no such programme."""

    code, title = "loyalty.referral_program_unknown", "Referral programme unknown"

    def __init__(self) -> None:
        super().__init__("There is no referral programme with this id.")


class ReferralCodeUnknown(NotFound):
    """Nobody has this code."""

    code, title = "loyalty.referral_code_unknown", "Referral code unknown"

    def __init__(self) -> None:
        super().__init__("Nobody has this referral code.")


class ReferralUnknown(NotFound):
    """There is no such referral."""

    code, title = "loyalty.referral_unknown", "Referral unknown"

    def __init__(self) -> None:
        super().__init__("There is no referral with this id.")


class ProgramNameTaken(Conflict):
    """Another programme goes by this name."""

    code, title = "loyalty.referral_program_name_taken", "Name taken"

    def __init__(self) -> None:
        super().__init__("Another referral programme has this name.")


class ProgramClosed(Conflict):
    """The programme takes nobody now."""

    code, title = "loyalty.referral_program_closed", "Referral programme closed"

    def __init__(self) -> None:
        super().__init__("The referral programme is paused, has not begun or is over.")


class AlreadyReferred(Conflict):
    """The friend came by somebody else."""

    code, title = "loyalty.referral_already_referred", "Already referred"

    def __init__(self) -> None:
        super().__init__("This customer was brought by somebody else before.")


class TooManyFriends(Conflict):
    """The advocate has brought as many as the programme allows."""

    code, title = "loyalty.referral_too_many_friends", "Too many friends"

    def __init__(self, limit: int) -> None:
        super().__init__("The advocate has brought as many friends as the programme allows.", limit=limit)


class NotInReview(Conflict):
    """There is nothing to approve."""

    code, title = "loyalty.referral_not_in_review", "Not in review"

    def __init__(self, state: str) -> None:
        super().__init__(f"The referral does not wait for review: it is {state}.", state=state)


class BadReferralCustomer(Invalid):
    """The customer reference is none."""

    code, title = "loyalty.referral_bad_customer", "Bad customer reference"

    def __init__(self) -> None:
        super().__init__("Name the customer as a customer id, user_id:<value> or anonymous_id:<value>.")


class BadProgram(Invalid):
    """The terms make no sense."""

    code, title = "loyalty.referral_bad_program", "Bad referral programme"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
