"""What a recipe may say to the forecast system."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

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
    indicators: bool = Field(
        False, description="Whether boosting and LSTM also see technical indicators, as of prices."
    )
    ensemble: bool = Field(True, description="Whether the forecasts of several learners are combined.")
