"""What is told of referrals: whole rows, so that they can be made anew, and that a milestone was paid first."""

from datetime import datetime

from services.loyalty.referrals.domain.referral import Reached, Referral
from services.loyalty.referrals.repository.programs import Code
from services.loyalty.referrals.repository.referrals import Versioned
from shared.events.catalogue.loyalty import ReferralCompleted
from shared.events.catalogue.loyalty_rows import ReferralChanged, ReferralCodeMade, ReferralMoved
from shared.events.envelope import Event
from shared.ids import derived_id, uuid7


def made(code: Code) -> Event[ReferralCodeMade]:
    """An advocate's code."""
    said = ReferralCodeMade(code=code.code, program_id=code.program_id, created_at=code.created_at)
    return Event(uuid7(), code.person_id, code.created_at, code.created_at, said)


def changed(known: Versioned, now: datetime) -> Event[ReferralChanged]:
    """The whole referral as it is, but what staff wrote."""
    referral = known.referral
    said = ReferralChanged(
        referral_id=referral.id,
        program_id=referral.program_id,
        advocate_id=referral.advocate_id,
        code=referral.code,
        state=referral.state,
        reasons=list(referral.reasons),
        hindrance=referral.hindrance,
        registered_at=referral.registered_at,
        decided_at=referral.decided_at,
        decided_by=referral.decided_by,
        delay_days=referral.delay_days,
        version=known.version,
    )
    return Event(uuid7(), referral.friend_id, now, now, said)


def moved(referral: Referral, reached: Reached, version: int, now: datetime) -> Event[ReferralMoved]:
    """What became of a milestone, whole."""
    said = ReferralMoved(referral_id=referral.id, **reached._asdict(), version=version)
    return Event(uuid7(), referral.friend_id, now, now, said)


def completed(referral: Referral, reached: Reached, now: datetime) -> Event[ReferralCompleted]:
    """A milestone was paid: told once, whatever comes."""
    data = ReferralCompleted(
        referral_id=referral.id,
        advocate_id=referral.advocate_id,
        campaign=str(referral.program_id),
        milestone=reached.milestone,
    )
    key = derived_id("referral completed", str(referral.id), reached.milestone)
    return Event(key, referral.friend_id, reached.completed_at or now, now, data)
