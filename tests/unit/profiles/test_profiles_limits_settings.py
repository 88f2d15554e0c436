"""The limits on identifiers, as a firm writes them."""

import pytest
from pydantic import ValidationError

from services.profiles.settings import ProfilesSettings


def test_limits_are_written_as_pairs_and_keep_the_defaults_of_other_types() -> None:
    settings = ProfilesSettings.model_validate({"identifier_limits": "email=5, crm=1"})

    assert settings.identifier_limits == {"email": 5, "phone": 20, "crm": 1, "*": 50}


@pytest.mark.parametrize("wrong", ["email", "email=x", "email=0", "email=10001", "=", "*=-1"])
def test_what_is_no_limit_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError):
        ProfilesSettings.model_validate({"identifier_limits": wrong})
