"""The fast way to ids gives what `shared.ids` gives."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from services.touchpoints.domain import keys
from shared.ids import NAMESPACE, anonymous_key, derived_id, user_key

TEXT = st.text(max_size=60)


@given(TEXT, TEXT)
def test_fast_ids_are_the_ids(first: str, second: str) -> None:
    user, anonymous = keys.of_user(first), keys.of_anonymous(first)

    assert UUID(bytes=user.raw) == UUID(user.text) == user_key(first)
    assert UUID(bytes=anonymous.raw) == UUID(anonymous.text) == anonymous_key(first)
    assert UUID(keys.event_ids(first)(second)) == derived_id(first, second)
    assert derived_id(first, second) == uuid5(NAMESPACE, f"{first}\x1f{second}")
