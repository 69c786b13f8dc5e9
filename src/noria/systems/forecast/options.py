"""What a recipe may say to the forecast system."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from noria.errors import ParamError
from noria.systems.forecast.frequency import Frequency
from noria.systems.forecast.holidays import known_country

__all__ = ["ForecastOptions"]


class ForecastOptions(BaseModel):
    """Settings of `ForecastSystem`, under ``options:`` in a recipe.

    Examples
    --------
    >>> ForecastOptions(horizon=12).coverage
    0.9
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizon: int | None = Field(
        None, ge=1, le=10_000, description="How many steps ahead; by the frequency if absent."
    )
    season: int | tuple[int, ...] | None = Field(
        None, description="Steps of a season, or of several, shortest first; by the frequency if absent."
    )
    coverage: float = Field(0.9, gt=0.0, lt=1.0, description="Share of true values inside the intervals.")
    past: tuple[str, ...] = Field((), description="Columns that are known of the past only.")
    static: tuple[str, ...] = Field((), description="Columns that tell what a series is, and never change.")
    holidays: str | None = Field(None, description="Whose public holidays are used: US, or US-NY.")
    indicators: bool = Field(
        False, description="Whether boosting and LSTM also see technical indicators, as of prices."
    )
    hierarchy: tuple[str, ...] = Field(
        (),
        description="The columns that tell series apart, the largest unit first, where sums over them are "
        "forecast too and all forecasts are to add up.",
    )
    ensemble: bool = Field(True, description="Whether the forecasts of several learners are combined.")

    @field_validator("holidays")
    @classmethod
    def _known(cls, code: str | None) -> str | None:
        return code if code is None else known_country(code)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        both = sorted(set(self.past) & set(self.static))
        if both:
            raise ParamError(
                f"The column {both[0]!r} is named under options: past and under options: static.",
                do="Leave it under static if it never changes within a series, else under past.",
            )
        return self

    def seasons(self, frequency: Frequency) -> tuple[int, ...]:
        """Steps of the seasons, shortest first: what is wished, or what is usual; (1,) for none."""
        wish = self.season
        return frequency.seasons if wish is None else (wish,) if isinstance(wish, int) else wish

    def steps(self, frequency: Frequency) -> int:
        """Steps ahead: what is wished, or what is usual."""
        return self.horizon or frequency.horizon
