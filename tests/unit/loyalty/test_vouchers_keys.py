"""Peppers: what a database alone gives away, and what an older pepper still opens."""

import os

import pytest
from pydantic import ValidationError

from services.loyalty.settings import LoyaltySettings
from services.loyalty.vouchers.domain.keys import Peppers

OLD, NEW = os.urandom(32), os.urandom(32)


def test_a_hash_is_another_under_another_pepper():
    assert Peppers([OLD]).fingerprint("7K3MQ9XA2VBC4") != Peppers([NEW]).fingerprint("7K3MQ9XA2VBC4")
    assert Peppers([OLD]).fingerprint("7K3MQ9XA2VBC4") == Peppers([OLD]).fingerprint("7K3MQ9XA2VBC4")


def test_codes_of_the_pepper_before_are_still_found():
    rotated = Peppers([NEW, OLD])

    assert Peppers([OLD]).fingerprint("7K3MQ9XA2VBC4") in rotated.fingerprints("7K3MQ9XA2VBC4")
    assert rotated.fingerprint("7K3MQ9XA2VBC4") == Peppers([NEW]).fingerprint("7K3MQ9XA2VBC4")
    assert rotated.current == Peppers([NEW]).current


def test_what_is_sealed_opens_only_with_its_pepper_and_what_it_is_about():
    old = Peppers([OLD])
    sealed = old.seal(b"7K3M-Q9XA-2VBC-4", b"voucher 1")

    assert Peppers([NEW, OLD]).unseal(old.current, sealed, b"voucher 1") == b"7K3M-Q9XA-2VBC-4"
    assert old.unseal(old.current, sealed, b"voucher 2") is None
    assert Peppers([NEW]).unseal(old.current, sealed, b"voucher 1") is None
    assert b"7K3M" not in sealed


def test_a_key_id_does_not_give_its_pepper_away():
    peppers = Peppers([OLD])

    assert peppers.current not in OLD.hex()
    assert OLD.hex() not in repr(peppers)


@pytest.mark.parametrize("said", ["", "short", "c2hvcnQ=", "not base64!", "A" * 43 + "=,c2hvcnQ="])
def test_a_pepper_that_is_too_short_is_refused(said: str):
    with pytest.raises(ValidationError):
        LoyaltySettings(code_peppers=said)


def test_peppers_are_not_shown():
    settings = LoyaltySettings(code_peppers="A" * 43 + "=")

    assert len(settings.peppers) == 1
    assert "AAAA" not in repr(settings)
