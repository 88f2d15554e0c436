"""Marks tell nobody whose they are; signatures break with the smallest change."""

from services.profiles.rights.domain.cases import Progress, missing
from shared.clock import SystemClock
from shared.ids import user_key
from shared.rights.marks import Seal, is_signed

ONE, OTHER = Seal(bytes(32)), Seal(bytes([1]) * 32)


def test_a_mark_is_the_same_for_one_installation_and_another_elsewhere():
    key = user_key("42")

    assert ONE.of_key(key) == Seal(bytes(32)).of_key(key)
    assert ONE.of_key(key) != OTHER.of_key(key)
    assert len(ONE.of_key(key)) == 32


def test_marks_of_different_things_differ():
    assert ONE.of_identifier("email", "x") != ONE.of_identifier("phone", "x")
    assert ONE.of_identifier("a", "b\x1fc") != ONE.of_identifier("a\x1fb", "d")


def test_anybody_can_verify_a_signature_and_nobody_can_make_it_fit_another_text():
    signature = ONE.sign(b"receipt")

    assert is_signed(b"receipt", signature, ONE.public_key())
    assert not is_signed(b"receipT", signature, ONE.public_key())
    assert not is_signed(b"receipt", signature, OTHER.public_key())
    assert not is_signed(b"receipt", b"short", ONE.public_key())
    assert "secret" not in repr(ONE)


def test_a_case_waits_for_every_service_slice_and_step():
    now = SystemClock().now()
    heard = [Progress("a", step, 1, now, {}, {}) for step in ("done", "cleaned")]  # type: ignore[arg-type]

    assert missing("erasure", 1, ("a", "b"), heard) == ["b"]
    assert missing("erasure", 2, ("a",), heard) == ["a"]
    assert missing("erasure", 1, ("a",), heard[:1]) == ["a"]
    assert missing("access", 1, ("a",), heard[:1]) == []
