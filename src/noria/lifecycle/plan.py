"""Which learner to try next: known settings first, then a guided search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.core.params import Param, Params
from noria.core.protocol import Learner, Trial

if TYPE_CHECKING:
    import optuna

__all__ = ["Plan", "Proposer", "portfolio"]

_CURIOSITY = 0.2


@dataclass(frozen=True)
class Plan:
    """What a search may try.

    Attributes
    ----------
    learners : sequence of Learner
        The baseline first.
    most_trials : int, optional
    replay : sequence of Learner
        Settings of an earlier search, the baseline first: they are fitted, all of them, and no others.
    """

    learners: Sequence[Learner]
    most_trials: int | None = None
    replay: Sequence[Learner] = ()


def portfolio(learners: Sequence[Learner], rows: int, columns: int) -> Iterator[Learner]:
    """The baseline; then, round by round, the next known setting of every learner whose turn has come.

    Within a round the quickest comes first.
    """
    settings = [[learner.with_params(p) for p in learner.portfolio(rows)] for learner in learners]
    yield settings[0].pop(0)
    turns = [[None] * learner.turn + mine for learner, mine in zip(learners, settings)]
    for round_ in zip_longest(*turns):
        yield from sorted((x for x in round_ if x is not None), key=lambda x: x.seconds(rows, columns))


class Proposer:
    """Draws new settings with Optuna, more often for learners that serve the joint model or score well alone.

    Parameters
    ----------
    learners : sequence of Learner
        Those with something to tune are drawn from.
    greater_is_better : bool
    seed : int

    References
    ----------
    Akiba et al. (2019), "Optuna: A next-generation hyperparameter optimization framework".
    """

    def __init__(self, learners: Sequence[Learner], greater_is_better: bool, seed: int) -> None:
        self._learners = {learner.name: learner for learner in learners if learner.params.space()}
        self._direction = "maximize" if greater_is_better else "minimize"
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._studies: dict[str, optuna.Study] = {}

    def propose(
        self, trials: Sequence[Trial], weights: np.ndarray, hopeless: Sequence[Learner] = ()
    ) -> Learner | None:
        """A learner with new parameters; None if no learner has anything to tune.

        Parameters
        ----------
        trials : sequence of Trial
            The finished ones, in their order; those of earlier calls come first.
        weights : array, (trials,)
            Their shares in the joint model.
        hopeless : sequence of Learner
            Settings that failed or were given up, likewise in their order.
        """
        best: dict[str, float] = {}
        share: dict[str, float] = {}
        sign = -1.0 if self._direction == "maximize" else 1.0
        for trial, weight in zip(trials, weights):
            name = trial.learner.name
            if name in self._learners:
                best[name] = min(best.get(name, np.inf), sign * trial.score)
                share[name] = share.get(name, 0.0) + weight
        names = sorted(best, key=best.__getitem__)
        if not names:
            return None
        chances = np.array([share[name] + _CURIOSITY / 2**rank for rank, name in enumerate(names)])
        name = names[self._rng.choice(len(names), p=chances / chances.sum())]
        learner = self._learners[name]
        tried: list[tuple[Params, float | None]] = [
            (trial.learner.params, trial.score) for trial in trials if trial.learner.name == name
        ]
        lost: list[tuple[Params, float | None]] = [(one.params, None) for one in hopeless if one.name == name]
        return learner.with_params(self._draw(learner, tried, lost))

    def _draw(
        self,
        learner: Learner,
        tried: Sequence[tuple[Params, float | None]],
        lost: Sequence[tuple[Params, float | None]],
    ) -> Params:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        states, space = optuna.trial.TrialState, learner.params.space()
        distributions = {name: _distribution(param) for name, param in space.items()}
        study = self._studies.get(learner.name)
        if study is None:
            sampler = optuna.samplers.TPESampler(seed=self._seed, n_startup_trials=6)
            study = optuna.create_study(direction=self._direction, sampler=sampler)
            self._studies[learner.name] = study
        told = Counter(trial.state for trial in study.get_trials(deepcopy=False))
        for params, score in [*tried[told[states.COMPLETE] :], *lost[told[states.PRUNED] :]]:
            values = params.to_dict()
            study.add_trial(
                optuna.trial.create_trial(
                    state=states.PRUNED if score is None else states.COMPLETE,
                    params={
                        name: values[name] if param.least is None else max(values[name], param.least)
                        for name, param in space.items()
                    },
                    distributions=distributions,
                    value=score,
                )
            )
        asked = study.ask(distributions)
        drawn = dict(asked.params)
        study.tell(asked, state=states.FAIL)
        return learner.params.replace(**drawn)


def _distribution(param: Param) -> Any:
    from optuna import distributions

    low, high = param.low or 0.0, param.high or 0.0
    makers = {
        "real": lambda: distributions.FloatDistribution(low, high, log=param.log),
        "integer": lambda: distributions.IntDistribution(int(low), int(high), log=param.log),
        "choice": lambda: distributions.CategoricalDistribution(param.options),
        "flag": lambda: distributions.CategoricalDistribution((False, True)),
    }
    return makers[param.kind]()
