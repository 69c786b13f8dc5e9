"""Forecasts of many series at once by exponential smoothing: all series and all settings in one pass.

Series of unequal length are right-aligned in one matrix, NaN before their beginning; a recursion over time
then updates every series under every setting together, and each series takes the setting of least error.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np

from noria.errors import ParamError

__all__ = [
    "aligned",
    "croston",
    "damped_trend",
    "deseasonalise",
    "period",
    "seasonal",
    "simple",
    "theta",
    "tsb",
    "unusual",
]

_ALPHAS = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
_BETAS = (0.005, 0.03, 0.1, 0.3)
_DAMPINGS = (0.85, 0.93, 0.98)
_SURE = 1.645  # the 90% test of the M3 and M4 benchmarks for a season
_SAME = 1e-12  # of a constant, rounding leaves more than nothing beside its mean
_DEMAND = 0.1
_LONGEST_PERIOD, _REPEATS, _ALIKE = 400, 0.4, 0.8  # steps, least autocorrelation, share of the best
_FENCE, _LEAST_WINDOW = 3.0, 7  # of outliers: widths of the middle half, and steps of the running median


def aligned(values: Sequence[np.ndarray]) -> np.ndarray:
    """Series as the rows of one matrix (S, T), right-aligned, NaN before their beginning.

    Examples
    --------
    >>> aligned([np.array([1.0, 2.0]), np.array([3.0])])
    array([[ 1.,  2.],
           [nan,  3.]])
    """
    width = max((len(one) for one in values), default=0)
    matrix = np.full((len(values), width), np.nan)
    for row, one in zip(matrix, values):
        row[width - len(one) :] = one
    return matrix


def simple(Y: np.ndarray, horizon: int) -> np.ndarray:
    """Simple exponential smoothing: (S, horizon) forecasts, the same at every step.

    Parameters
    ----------
    Y : (S, T) array
        As `aligned` makes it.
    horizon : int

    References
    ----------
    Hyndman, Koehler, Ord and Snyder, Forecasting with exponential smoothing, Springer 2008.

    Examples
    --------
    >>> simple(np.array([[4.0, 4.0, 4.0, 4.0]]), 2)
    array([[4., 4.]])
    """
    level, _, _ = _smoothed(Y, np.array([(alpha, 0.0, 1.0) for alpha in _ALPHAS]))
    return np.repeat(level[:, None], horizon, axis=1)


def damped_trend(Y: np.ndarray, horizon: int) -> np.ndarray:
    """Holt's linear trend that fades: (S, horizon) forecasts.

    References
    ----------
    Gardner and McKenzie, Forecasting trends in time series, Management Science 1985.

    Examples
    --------
    >>> damped_trend(np.arange(40.0)[None], 2).round(0)
    array([[40., 41.]])
    """
    settings = np.array(list(product(_ALPHAS, _BETAS, _DAMPINGS)))
    level, slope, damping = _smoothed(Y, settings)
    steps = np.arange(1, horizon + 1)
    faded = np.cumsum(damping[:, None] ** steps, axis=1)
    return level[:, None] + slope[:, None] * faded


def theta(Y: np.ndarray, horizon: int) -> np.ndarray:
    """The Theta method: the mean of the trend line and of the smoothed series with its trend doubled.

    Parameters
    ----------
    Y : (S, T) array
        Without season, as `deseasonalise` leaves it.
    horizon : int

    References
    ----------
    Assimakopoulos and Nikolopoulos, The theta model, International Journal of Forecasting 2000; in the form
    of Hyndman and Billah, Unmasking the Theta method, 2003.

    Examples
    --------
    >>> theta(np.arange(40.0)[None], 2).round(1)
    array([[39.5, 40. ]])
    """
    seen = ~np.isnan(Y)
    counts = seen.sum(axis=1)
    place = np.arange(Y.shape[1]) - (Y.shape[1] - counts)[:, None]
    middle, mean = (counts - 1) / 2, np.nanmean(Y, axis=1)
    centred = np.where(seen, place - middle[:, None], 0.0)
    slope = (centred * np.where(seen, Y, 0.0)).sum(axis=1) / np.maximum((centred**2).sum(axis=1), 1e-12)
    steps = np.arange(1, horizon + 1)
    line = (mean - slope * middle)[:, None] + slope[:, None] * (counts[:, None] - 1 + steps)
    trend = mean[:, None] + slope[:, None] * centred
    return (line + simple(2 * Y - np.where(seen, trend, np.nan), horizon)) / 2


def _smoothed(Y: np.ndarray, settings: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Last level, last slope and damping (S,) under each series' best setting of alpha, beta and damping."""
    alpha, beta, damping = settings.T
    begun = np.zeros(len(Y), dtype=bool)
    level = np.zeros((len(Y), len(settings)))
    slope, error = np.zeros_like(level), np.zeros_like(level)
    early = _early(Y) & beta.any()
    changes = np.where(early, np.diff(Y, axis=1, prepend=np.nan), 0.0)
    first = changes.sum(axis=1) / np.maximum(early.sum(axis=1), 1)
    for column in Y.T:
        here = ~np.isnan(column)
        starts = here & ~begun
        if starts.any():
            level[starts], slope[starts] = column[starts, None], first[starts, None]
            begun |= starts
            here = here & ~starts
        if not here.any():
            continue
        rows = slice(None) if here.all() else here
        step = damping * slope[rows]
        miss = column[rows, None] - level[rows] - step
        error[rows] += miss * miss
        level[rows] += step + alpha * miss
        slope[rows] = step + alpha * beta * miss
    best = error.argmin(axis=1)
    rows = np.arange(len(Y))
    return level[rows, best], slope[rows, best], damping[best]


def _early(Y: np.ndarray, most: int = 10) -> np.ndarray:
    """The first differences of each series that its slope is begun with, bool (S, T)."""
    seen = ~np.isnan(Y)
    number = np.cumsum(seen, axis=1)
    return seen & (number > 1) & (number <= most + 1)


def seasonal(values: np.ndarray, season: int) -> bool:
    """Whether a series' autocorrelation at its season stands out from chance.

    References
    ----------
    Makridakis, Spiliotis and Assimakopoulos, The M4 competition, International Journal of Forecasting 2020.

    Examples
    --------
    >>> seasonal(np.tile([1.0, 5.0, 2.0, 8.0], 6), 4)
    True
    """
    n = len(values)
    if season < 2 or n < 3 * season:
        return False
    centred = values - values.mean()
    power = float(centred @ centred)
    if power <= 0 or np.ptp(values) <= _SAME * np.abs(values).max():
        return False
    lags = np.array([centred[lag:] @ centred[: n - lag] / power for lag in range(1, season + 1)])
    limit = _SURE * np.sqrt((1 + 2 * (lags[:-1] ** 2).sum()) / n)
    return bool(abs(lags[-1]) > limit)


def period(series: Sequence[np.ndarray]) -> int:
    """The steps after which series repeat themselves, by their mean autocorrelations; 1 if never.

    A season shows in the values less their line and in their changes. Of lags that stand out alike, the
    shortest counts: a week shows after two weeks as well.

    References
    ----------
    Box, Jenkins, Reinsel and Ljung, Time series analysis: forecasting and control, 2015, chapter 9.

    Examples
    --------
    >>> period([np.tile([1.0, 5.0, 2.0, 8.0, 3.0], 6)])
    5
    """
    level = _correlations([_less_line(values) for values in series])
    change = _correlations([_less_line(np.diff(values)) for values in series])
    first = int(np.argmax(level < 0))
    peaks = [
        at
        for at in range(max(first, 2), _LONGEST_PERIOD)
        if level[at] >= level[at - 1] and level[at] > level[at + 1] and change[at] > 0.5 * _REPEATS
    ]
    most = max((level[at] for at in peaks), default=0.0)
    return next(at for at in peaks if level[at] >= _ALIKE * most) if most > _REPEATS else 1


def _less_line(values: np.ndarray) -> np.ndarray:
    if len(values) < 2:
        return np.zeros(len(values))
    at = np.arange(len(values)) - (len(values) - 1) / 2
    centred = values - values.mean()
    return centred - at * (at @ centred) / (at @ at)


def _correlations(series: Sequence[np.ndarray]) -> np.ndarray:
    """The mean autocorrelation at lags up to a third of the series, 0 where most are shorter."""
    sums, counts = np.zeros(_LONGEST_PERIOD + 2), np.zeros(_LONGEST_PERIOD + 2)
    for values in series:
        power, lags = float(values @ values), min(len(values) // 3, _LONGEST_PERIOD) + 1
        if power > _SAME * len(values):
            spectrum = np.abs(np.fft.rfft(values, 2 * len(values))) ** 2
            sums[:lags] += np.fft.irfft(spectrum)[:lags] / power
            counts[:lags] += 1
    return np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0.5 * counts.max())


def deseasonalise(values: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """A series without its season, the season's pattern in the order of time, and whether it multiplies.

    Classical decomposition by centred moving averages. It multiplies where all values are positive and that
    is tighter. The pattern begins with the step after the last value; it is neutral where there is no season.

    Parameters
    ----------
    values : (n,) array
    season : int

    Returns
    -------
    adjusted : (n,) array
    pattern : (season,) array
    multiplies : bool

    Examples
    --------
    >>> adjusted, pattern, multiplies = deseasonalise(10 + np.tile([1.0, -1.0, 3.0, -3.0], 8), 4)
    >>> adjusted.round(6).max(), pattern.round(6).tolist()
    (np.float64(10.0), [1.0, -1.0, 3.0, -3.0])
    """
    season = max(season, 1)
    if not seasonal(values, season):
        return values, np.zeros(season), False
    kernel = np.ones(season) / season if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5] / season
    half = len(kernel) // 2
    trend = np.convolve(values, kernel, mode="valid")
    inner = values[half : len(values) - half]
    found = {}
    for multiplies in (False, True) if values.min() > 0 else (False,):
        ratio = inner / trend if multiplies else inner - trend
        phase = (np.arange(len(ratio)) + half) % season
        pattern = np.array(
            [np.median(ratio[phase == one]) if (phase == one).any() else np.nan for one in range(season)]
        )
        neutral = 1.0 if multiplies else 0.0
        pattern = np.nan_to_num(pattern, nan=neutral)
        pattern = pattern / pattern.mean() if multiplies else pattern - pattern.mean()
        whole = np.resize(pattern, len(values))
        left = inner - (
            trend * whole[half : len(values) - half]
            if multiplies
            else trend + whole[half : len(values) - half]
        )
        found[multiplies] = (float((left**2).mean()), pattern, whole)
    multiplies = min(found, key=lambda kind: found[kind][0])
    _, pattern, whole = found[multiplies]
    adjusted = values / whole if multiplies else values - whole
    return adjusted, np.roll(pattern, -(len(values) % season)), multiplies


def unusual(values: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray]:
    """Which values of a series stand out from its trend and season, bool (n,), and what was expected (n,).

    The trend is a running median; what stands out lies further from the middle half of the remainders than
    three times its width.

    References
    ----------
    Hyndman and Athanasopoulos, Forecasting: principles and practice, 3rd edition 2021, section 13.9.

    Examples
    --------
    >>> values = np.tile([10.0, 14.0, 11.0, 9.0], 20)
    >>> values[17] = 30.0
    >>> found, expected = unusual(values, 4)
    >>> np.flatnonzero(found).tolist(), expected[17].round().item()
    ([17], 14.0)
    """
    adjusted, _, multiplies = deseasonalise(values, season)
    half = min(max(season, _LEAST_WINDOW) // 2, (len(values) - 1) // 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(adjusted, half, mode="reflect"), 2 * half + 1)
    trend = np.median(windows, axis=1)
    left = adjusted - trend
    low, high = np.quantile(left, [0.25, 0.75])
    reach = _FENCE * (high - low) + _SAME * np.abs(values).max(initial=0.0)
    pattern = np.divide(values, adjusted, out=np.ones_like(values), where=adjusted != 0)
    expected = trend * pattern if multiplies else trend + (values - adjusted)
    return (left < low - reach) | (left > high + reach), expected


def croston(values: np.ndarray, *, corrected: bool = True) -> float:
    """The mean demand per step of a series that is mostly zero; Syntetos and Boylan's correction by default.

    References
    ----------
    Croston, Forecasting and stock control for intermittent demands, 1972; Syntetos and Boylan, The accuracy
    of intermittent demand estimates, International Journal of Forecasting 2005.

    Examples
    --------
    >>> round(croston(np.tile([0.0, 0.0, 6.0], 20), corrected=False), 3)
    2.0
    """
    at = np.flatnonzero(values)
    if not len(at):
        return 0.0
    size, gap = values[at[0]], float(at[0] + 1)
    for before, now in pairwise(at):
        size += _DEMAND * (values[now] - size)
        gap += _DEMAND * (now - before - gap)
    return float(size / gap * (1 - _DEMAND / 2 if corrected else 1.0))


def tsb(values: np.ndarray) -> float:
    """As `croston`, with a chance of demand that falls while there is none: for demand that may die out.

    References
    ----------
    Teunter, Syntetos and Babai, Intermittent demand: linking forecasting to inventory obsolescence, European
    Journal of Operational Research 2011.

    Examples
    --------
    >>> tsb(np.r_[np.full(20, 5.0), np.zeros(60)]) < 0.1
    True
    """
    if not len(values):
        raise ParamError("A series has no values.", got="0 values", do="Give at least one.")
    at = np.flatnonzero(values)
    if not len(at):
        return 0.0
    chance, size = 1.0 / (at[0] + 1), float(values[at[0]])
    for value in values[at[0] + 1 :]:
        chance += _DEMAND * ((value != 0) - chance)
        if value:
            size += _DEMAND * (value - size)
    return float(chance * size)
