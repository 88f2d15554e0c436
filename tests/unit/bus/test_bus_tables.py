"""Names of the tables of the PostgreSQL log."""

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.postgres.tables import table_of

names = st.text(st.characters(min_codepoint=33, max_codepoint=1000), min_size=1, max_size=249)


def test_a_plain_name_stays_readable():
    assert table_of("ingest_rejected") == "records_ingest_rejected"


@given(names, names)
def test_different_topics_have_different_tables(one: str, other: str):
    """INVARIANT: no two topics share a table, and every name is one PostgreSQL takes unquoted."""
    assert (table_of(one) == table_of(other)) == (one == other)
    assert table_of(one).isascii()
    assert table_of(one).replace("_", "a").isalnum()
    assert len(table_of(one)) <= 63
