"""Who may ask surveys, over HTTP: what all its rooms share."""

from typing import Annotated

from fastapi import Depends

from services.surveys.service import SurveysService
from shared.http.access import service_of
from shared.http.auth import Caller, require

Surveys = Annotated[SurveysService, Depends(service_of("surveys"))]
Reader = Annotated[Caller, Depends(require("surveys:read"))]
Writer = Annotated[Caller, Depends(require("surveys:write"))]
