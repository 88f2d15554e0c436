"""Settings of mail and pages that cannot work end the start, and the sentence names them."""

import pytest

from services.surveys.settings import SurveysSettings
from shared.config import load
from shared.errors import ConfigError


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SMTP_URL", "http://mx"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://mx:port"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "x@y.vn\nBcc: z@y.vn"),
        ("PROFILES_URL", "profiles:8000"),
        ("PUBLIC_URL", "khaosat.example.vn"),
        ("PUBLIC_URL", "https://khaosat.example.vn/?x=1"),
        ("MACHINE_NETWORKS", "10.0.0.0/8, everywhere"),
    ],
    ids=range(9),
)
def test_settings_that_cannot_work_end_the_start(variable: str, value: str):
    name = f"TAM_SURVEYS_{variable}"
    with pytest.raises(ConfigError, match=name):
        load(SurveysSettings, prefix="TAM_SURVEYS_", environ={name: value})
