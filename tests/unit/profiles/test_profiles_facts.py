"""What touchpoints say of customers."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

from services.profiles.domain.facts import Facts, Reader
from services.profiles.domain.identifiers import Blocklist, Identifier
from shared.events.catalogue.touchpoints import TouchpointReceived
from shared.events.envelope import Event
from shared.ids import anonymous_key, derived_id, user_key

NOW = datetime(2026, 11, 21, tzinfo=UTC)
READER = Reader(blocklist=Blocklist(), max_trait_bytes=8_192, phone_country="VN")
U, A = user_key("u"), anonymous_key("a")


def event(number: int = 1, *, at: int = 0, subject: UUID | None = None, **fields: Any) -> Event[TouchpointReceived]:
    data = TouchpointReceived.model_validate(
        {"source": "web", "message_id": str(number), "call": "track", "original_time": NOW, **fields}
    )
    known = user_key(data.user_id) if data.user_id else anonymous_key(data.anonymous_id or "")
    return Event(derived_id("web", str(number)), subject or known, NOW + timedelta(minutes=at), NOW, data)


def facts_of(*events: Event[TouchpointReceived]) -> Facts:
    facts = Facts()
    for each in events:
        READER.observe(facts, each)
    return facts


def identifiers(facts: Facts) -> set[Identifier]:
    return set(facts.identifiers) | set(facts.own_ids(facts.seen, facts.links))


def test_both_ids_name_two_keys_and_link_them() -> None:
    facts = facts_of(event(user_id="u", anonymous_id="a", call="page"))

    assert set(facts.seen) == {U}
    assert set(facts.links) == {(A, U)}
    assert identifiers(facts) == {Identifier("user_id", "u", U), Identifier("anonymous_id", "a", A)}


def test_traits_of_identify_and_of_the_context() -> None:
    facts = facts_of(
        event(
            1, user_id="u", call="identify", traits={"name": "root"}, context={"traits": {"name": "context", "x": 1}}
        ),
        event(2, user_id="u", call="track", traits={"name": "no trait of a person"}, at=5),
    )

    assert {name: write.value for (_, name), write in facts.traits.items()} == {"name": '"root"', "x": "1"}


def test_traits_of_a_group_are_not_the_persons() -> None:
    facts = facts_of(
        event(user_id="u", call="group", traits={"name": "Công ty"}, context={"traits": {"name": "Công ty"}})
    )
    assert not facts.traits


def test_contacts_and_external_ids_name_the_customer() -> None:
    context = {
        "externalIds": [
            {"id": "K-7", "type": "crm", "collection": "users", "encoding": "none"},
            {"id": 42, "type": "pos"},
            {"id": "B2B", "type": "crm", "collection": "accounts"},
            {"id": "null", "type": "crm"},
            {"id": "other", "type": "user_id"},
            {"id": "A@B.vn", "type": "email"},
            {"id": ["x"], "type": "crm"},
            "nonsense",
        ]
    }
    facts = facts_of(
        event(user_id="u", call="identify", traits={"email": "H@x.vn", "phone": "0912345678"}, context=context)
    )

    assert {each[:2] for each in identifiers(facts)} == {
        ("user_id", "u"), ("crm", "K-7"), ("pos", "42"), ("email", "a@b.vn"), ("email", "h@x.vn"),
        ("phone", "+84912345678"),
    }  # fmt: skip


def test_nonsense_in_the_context_is_passed_over() -> None:
    for context in (
        {"traits": "x"},
        {"traits": []},
        {"externalIds": {}},
        {"externalIds": [None]},
        {"externalIds": "x"},
    ):
        assert not facts_of(event(user_id="u", context=context)).traits


def test_a_placeholder_user_counts_for_the_visitor() -> None:
    facts = facts_of(event(user_id="null", anonymous_id="a", call="identify", traits={"name": "x"}))

    assert set(facts.seen) == {A}
    assert not facts.links
    assert {customer for customer, _ in facts.traits} == {A}


def test_placeholders_alone_count_for_nobody() -> None:
    facts = facts_of(event(user_id="undefined", anonymous_id="0", call="identify", traits={"name": "x"}))
    assert (facts.seen, facts.traits, facts.links, facts.identifiers) == ({}, {}, {}, {})


def test_an_event_about_a_bare_customer_id_is_that_customers() -> None:
    key = UUID(int=7)
    facts = facts_of(event(subject=key))
    assert set(facts.seen) == {key}
    assert identifiers(facts) == set()


def test_an_alias_links_both_readings_of_the_previous_id() -> None:
    facts = facts_of(event(user_id="u", call="alias", previous_id="p"))
    assert set(facts.links) == {(anonymous_key("p"), U), (user_key("p"), U)}


def test_an_alias_of_oneself_links_only_the_visitor_of_that_name() -> None:
    facts = facts_of(event(user_id="u", call="alias", previous_id="u"))
    assert set(facts.links) == {(anonymous_key("u"), U)}


def test_a_time_after_we_learnt_it_counts_as_then() -> None:
    facts = facts_of(event(user_id="u", at=60 * 24 * 365))
    assert facts.seen[U].last == NOW


def test_folding_is_the_same_in_any_order() -> None:
    events = [
        event(1, at=-3, user_id="u", anonymous_id="a", call="identify", traits={"name": "first", "email": "a@b.vn"}),
        event(2, at=-2, user_id="u", anonymous_id="a", source="app", call="identify", traits={"name": "second"}),
        event(3, at=-3, user_id="u", anonymous_id="a", source="app", call="identify", traits={"name": None, "x": 1}),
        event(4, at=-9, user_id="u", anonymous_id="b", source="app"),
    ]
    first, *others = [facts_of(*order) for order in permutations(events)]
    assert all(each == first for each in others)
    assert all(each.own_ids(each.seen, each.links) == first.own_ids(first.seen, first.links) for each in others)
    assert first.traits[U, "name"].value == '"second"'
    assert (first.seen[U].first, first.seen[U].source) == (NOW - timedelta(minutes=9), "app")
