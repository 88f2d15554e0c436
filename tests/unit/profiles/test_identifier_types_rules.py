"""What a type of identifiers makes of a value, and what follows from a shared one."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from services.profiles.domain.identifiers import Blocklist
from services.profiles.identifier_types.domain import Holder, IdentifierType, Types, bad_pattern, joins
from services.profiles.identity.domain import Candidate, grow
from shared.ids import anonymous_key, user_key

NOW = datetime(2026, 11, 21, tzinfo=UTC)
A, B, C, V = user_key("a"), user_key("b"), user_key("c"), anonymous_key("v")


@pytest.mark.parametrize(
    ("type_", "said", "written"),
    [
        (IdentifierType("crm", form="digits"), "KH-00 12/3", "00123"),
        (IdentifierType("crm", form="upper"), " kh-12 ", "KH-12"),
        (IdentifierType("crm", form="lower", pattern="kh-\\d{2,4}"), "KH-123", "kh-123"),
        (IdentifierType("crm", pattern="KH-\\d{2,4}"), "KH-1", None),
        (IdentifierType("crm", form="digits"), "no digit", None),
        (IdentifierType("crm", blocked=("Khách lẻ POS",)), "khách LẺ pos", None),
        (IdentifierType("work_mail", form="email"), "Lan@Công-Ty.VN", "lan@công-ty.vn"),
        (IdentifierType("work_mail", form="email"), "lan", None),
        (IdentifierType("zalo", form="phone"), "0901 234 567", "+84901234567"),
        (IdentifierType("crm"), "", None),
    ],
)
def test_a_value_has_one_form_or_names_nobody(type_: IdentifierType, said: str, written: str | None) -> None:
    assert type_.written(said, country="VN") == written


@pytest.mark.parametrize("pattern", ["KH-\\d{6}", "[A-Z]{2,3}\\d+", "a.b", "[^-]*", "x\\.y\\-z?", "\\+84\\d{9,10}"])
def test_plain_patterns_are_read(pattern: str) -> None:
    assert bad_pattern(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "a|b", "^a$", "a**", "a+?", "a++", "(?=a)", "\\1", "[", "a{", "[z-a]", "a*b*c*d*", "\\b", "\\Aa", "a\\"],
)
def test_what_could_take_for_ever_or_is_no_pattern_is_said(pattern: str) -> None:
    wrong = bad_pattern(pattern)
    assert wrong is not None
    assert wrong.endswith(".")


def test_the_worst_pattern_is_still_quick() -> None:
    type_ = IdentifierType("crm", pattern="a*a*a*b")
    assert bad_pattern("a*a*a*b") is None
    started = datetime.now(UTC)
    assert type_.written("a" * 200, country="VN") is None
    assert datetime.now(UTC) - started < timedelta(seconds=1)


def test_what_nobody_declared_is_any_text() -> None:
    types = Types()
    assert types.of("pos").written("Ab 1", country="VN") == "Ab 1"
    assert types.takes("pos", "x")
    assert types.limits({"email": 20, "*": 50}) == {"email": 20, "*": 50}
    assert Types({"pos": IdentifierType("pos", limit=2)}).limits({"*": 50}) == {"*": 50, "pos": 2}
    assert Blocklist().usable("pos")


def test_the_later_joins_the_earlier_and_no_user_becomes_a_visitor() -> None:
    holders = [Holder(NOW, V, False), Holder(NOW + timedelta(1), B, True), Holder(NOW + timedelta(2), A, True)]

    found = [sorted(joins(list(each))) for each in permutations(holders)]

    assert all(each == found[0] for each in found)
    assert {(each.from_id, each.into_id, each.time) for each in found[0]} == {
        (V, B, NOW + timedelta(1)),
        (V, A, NOW + timedelta(2)),
        (A, B, NOW + timedelta(2)),
    }


def candidate(from_id: UUID, into_id: UUID, minute: int, kind: str = "identifier", priority: int = 100) -> Candidate:
    at = NOW + timedelta(minutes=minute)
    return Candidate(from_id, into_id, kind, at, user_key(str(minute)), "test", "accepted", priority)  # type: ignore[arg-type]


def test_a_user_with_two_shared_values_joins_both_sides_in_any_order() -> None:
    links = [candidate(B, A, 1), candidate(B, C, 2)]
    for each in permutations(links):
        forest = grow(each, (), {A, B, C})
        assert {forest.root(key) for key in (A, B, C)} == {C}
        assert set(forest.statuses.values()) == {"accepted"}


def test_a_visitor_stays_with_one() -> None:
    forest = grow([candidate(V, A, 1), candidate(V, B, 2)], (), {A, B})

    assert forest.root(V) == A
    assert forest.statuses[V, B] == "shared_device"
    assert forest.root(B) == B


def test_the_stronger_type_wins_whenever_it_came() -> None:
    identify, value = candidate(V, A, 1, "identify"), candidate(V, B, 9, priority=50)

    assert grow([identify, value], (), {A, B}).root(V) == B
    assert grow([identify, value._replace(priority=100)], (), {A, B}).root(V) == A
