"""Technical indicators of a price series; each value depends on the prices up to its own step only.

References
----------
Murphy, Technical analysis of the financial markets, New York Institute of Finance 1999.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from noria.errors import ParamError

__all__ = ["bollinger", "exponential_average", "indicators", "macd", "moving_average", "rsi"]

_AVERAGES = (5, 10, 20, 50)
_FAST, _SLOW, _SIGNAL = 12, 26, 9
_SAME = 1e-12  # of equal prices, rounding leaves more than no deviation beside their mean


def moving_average(prices: np.ndarray, window: int) -> np.ndarray:
    """Simple moving average: the mean of the last `window` prices, (n,); NaN before there are so many.

    Raises
    ------
    ParamError
        If the window is shorter than one step.

    References
    ----------
    Murphy 1999, chapter 9.

    Examples
    --------
    >>> moving_average(np.array([1.0, 3.0, 5.0]), 2)
    array([nan,  2.,  4.])
    """
    _check(window)
    return np.append(np.full(window - 1, np.nan), _windows(prices, window).mean(axis=1))[: len(prices)]


def exponential_average(prices: np.ndarray, window: int) -> np.ndarray:
    """Exponential moving average, (n,): the newest price has the weight ``2 / (window + 1)``.

    Raises
    ------
    ParamError
        If the window is shorter than one step.

    References
    ----------
    Murphy 1999, chapter 9.

    Examples
    --------
    >>> exponential_average(np.array([1.0, 3.0, 5.0]), 3)
    array([1. , 2. , 3.5])
    """
    _check(window)
    return _smoothed(prices, 2 / (window + 1))


def rsi(prices: np.ndarray, window: int = 14) -> np.ndarray:
    """Relative strength index, 0 to 100, (n,): the rises' share of all changes, by their smoothed sizes.

    It is 50 where no price has changed. The smoothing begins with the mean of the first `window` changes;
    before that it is NaN.

    Raises
    ------
    ParamError
        If the window is shorter than one step.

    References
    ----------
    Wilder, New concepts in technical trading systems, Trend Research 1978.

    Examples
    --------
    >>> rsi(np.array([10.0, 11.0, 10.0, 11.0, 12.0]), 2)
    array([ nan,  nan, 50. , 75. , 87.5])
    """
    _check(window)
    changes = np.diff(prices)
    if len(changes) < window:
        return np.full(len(prices), np.nan)
    up, down = (
        _smoothed(np.append(sizes[:window].mean(), sizes[window:]), 1 / window)
        for sizes in (np.maximum(changes, 0), np.maximum(-changes, 0))
    )
    moved = up + down
    found = 100 * np.divide(up, moved, out=np.full(len(up), 0.5), where=moved > 0)
    return np.append(np.full(window, np.nan), found)


def macd(prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moving average convergence divergence and its signal line, each (n,), in the unit of the prices.

    The exponential average of 12 steps less that of 26, and the exponential average of 9 steps of this.

    References
    ----------
    Appel, Technical analysis: power tools for active investors, FT Press 2005.

    Examples
    --------
    >>> line, signal = macd(np.array([10.0, 10.0, 20.0]))
    >>> line.round(2), signal.round(2)
    (array([0. , 0. , 0.8]), array([0.  , 0.  , 0.16]))
    """
    line = exponential_average(prices, _FAST) - exponential_average(prices, _SLOW)
    return line, exponential_average(line, _SIGNAL)


def bollinger(prices: np.ndarray, window: int = 20, width: float = 2.0) -> np.ndarray:
    """Position within the Bollinger bands (%b), (n,): 0 on the lower band, 1 on the upper one.

    The bands lie `width` standard deviations of the last `window` prices around their mean. The position is
    0.5 where the prices are all the same, and NaN before there are so many.

    Raises
    ------
    ParamError
        If the window is shorter than one step.

    References
    ----------
    Bollinger, Bollinger on Bollinger bands, McGraw-Hill 2001.

    Examples
    --------
    >>> bollinger(np.array([1.0, 3.0, 3.0]), window=2, width=1.0)
    array([nan, 1. , 0.5])
    """
    _check(window)
    last = _windows(prices, window)
    mean, spread = last.mean(axis=1), last.std(axis=1)
    differ = spread > _SAME * np.abs(mean)
    found = 0.5 + np.divide(last[:, -1] - mean, 2 * width * spread, out=np.zeros(len(last)), where=differ)
    return np.append(np.full(window - 1, np.nan), found)[: len(prices)]


def indicators(prices: np.ndarray) -> np.ndarray:
    """What learners see of a series besides its lags, (n, 8), free of its unit; NaN where not defined.

    Price relative to its moving averages of 5, 10, 20 and 50 steps, less 1; RSI; MACD and its signal line
    relative to the price; position within the Bollinger bands.

    Examples
    --------
    >>> indicators(np.linspace(100, 159, 60))[-1].round(2)
    array([0.01, 0.03, 0.06, 0.18, 1.  , 0.04, 0.04, 0.91])
    """
    lines = [line / _nonzero(prices) for line in macd(prices)]
    averages = [prices / _nonzero(moving_average(prices, window)) - 1 for window in _AVERAGES]
    return np.column_stack([*averages, rsi(prices) / 100, *lines, bollinger(prices)])


def _smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Each value mixed with all before it, the newest with this weight, (n,)."""
    mixed = accumulate(values.tolist(), lambda last, new: last + weight * (new - last))
    return np.fromiter(mixed, dtype=np.float64, count=len(values))


def _windows(prices: np.ndarray, window: int) -> np.ndarray:
    """All runs of so many prices, (n - window + 1, window)."""
    if len(prices) < window:
        return np.empty((0, window))
    return np.lib.stride_tricks.sliding_window_view(prices, window)


def _nonzero(values: np.ndarray) -> np.ndarray:
    """The values, NaN for zero."""
    return np.where(values == 0, np.nan, values)


def _check(window: int) -> None:
    if window < 1:
        raise ParamError("A window has at least one step.", got=str(window), do="Give 1 or more.")
