"""Settings of surveys: the variables `TAM_SURVEYS_…`."""

from shared.config import Settings


class SurveysSettings(Settings):
    """What an installation sets; what a firm changes from day to day stands in its surveys and policies."""
