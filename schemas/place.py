"""Where and when: places, half-open windows."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from schemas.base import Frozen, Moment

COARSE_DIGITS = 3


class Place(Frozen):
    """WGS-84 longitude and latitude, in degrees."""

    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]

    def coarse(self) -> "Place":
        """Round to about a hundred metres: all of a home that commands, events and topics may carry."""
        return Place(lon=round(self.lon, COARSE_DIGITS), lat=round(self.lat, COARSE_DIGITS))


class TimeWindow(Frozen):
    """Half-open interval ``[start, end)``."""

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"a window must end after it starts, not {self.start:%FT%RZ} to {self.end:%FT%RZ}")
        return self

    @property
    def length(self) -> timedelta:
        """How long the window is."""
        return self.end - self.start

    def overlaps(self, other: "TimeWindow") -> bool:
        """Whether the two intervals share an instant."""
        return self.start < other.end and other.start < self.end
