"""In which groups outstanding points are told."""

from typing import Literal

By = Literal["month", "kind", "rule", "tier"]
