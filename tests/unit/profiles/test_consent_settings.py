"""What the firm declares: written as text, and refused with a sentence where it makes no sense."""

import pytest

from services.profiles.consent.domain import Pair
from services.profiles.settings import ProfilesSettings
from shared.config import load
from shared.errors import ConfigError

PREFIX = "TAM_PROFILES_"


def loaded(**variables: str) -> ProfilesSettings:
    environ = {f"{PREFIX}CONSENT_{name.upper()}": value for name, value in variables.items()}
    return load(ProfilesSettings, prefix=PREFIX, environ=environ)


def test_nothing_is_taken_from_consent_managers_by_default():
    registry = loaded().consent_registry()

    assert registry.categories == {}
    assert {"marketing", "personalisation", "analytics", "surveys"} == registry.purposes
    assert {"email", "sms", "push", "phone", "zalo", "web"} <= registry.channels
    assert registry.exempt == {"transactional": "contract"}


def test_declarations_are_written_as_text():
    registry = loaded(
        purposes="marketing, research",
        channels="email,viber",
        exempt="service=contract, tax=legal_obligation",
        frequency_required="marketing",
        categories="C0004=marketing/email, C0004=marketing/viber, C0002=research/email",
    ).consent_registry()

    assert registry.purposes == {"marketing", "research"}
    assert registry.channels == {"email", "viber"}
    assert registry.exempt == {"service": "contract", "tax": "legal_obligation"}
    assert registry.frequency_required == {"marketing"}
    assert registry.categories == {
        "C0004": (Pair("marketing", "email"), Pair("marketing", "viber")),
        "C0002": (Pair("research", "email"),),
    }


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"purposes": "Marketing!"}, "is no name"),
        ({"purposes": "marketing,transactional"}, "both need consent and be exempt"),
        ({"exempt": "transactional"}, "name=value"),
        ({"exempt": "transactional=because"}, "legal_obligation"),
        ({"frequency_required": "transactional"}, "no purpose that needs consent"),
        ({"categories": "Ads=marketing/fax"}, "no purpose/channel"),
        ({"categories": "Ads=transactional/email"}, "no purpose/channel"),
        ({"categories": "Ads=marketing/email,Social=marketing/email"}, "two categories"),
    ],
)
def test_what_makes_no_sense_ends_the_start(variables: dict[str, str], says: str):
    with pytest.raises(ConfigError, match=says):
        loaded(**variables)
