"""Every learner of forecasts, simple first."""

from noria.systems.forecast.learners.additive import Additive
from noria.systems.forecast.learners.base import ForecastLearner
from noria.systems.forecast.learners.boosting import Boosting
from noria.systems.forecast.learners.recurrent import Recurrent
from noria.systems.forecast.learners.simple import Drift, Intermittent, Mean, Naive, SeasonalNaive
from noria.systems.forecast.learners.smoothing import DampedTrend, SimpleSmoothing, Theta
from noria.systems.forecast.learners.statistical import Arima, Ets, Mstl

__all__ = ["LEARNERS", "ForecastLearner"]

LEARNERS: tuple[type[ForecastLearner], ...] = (
    Naive,
    SeasonalNaive,
    Drift,
    Mean,
    SimpleSmoothing,
    DampedTrend,
    Theta,
    Intermittent,
    Additive,
    Boosting,
    Mstl,
    Recurrent,
    Ets,
    Arima,
)
