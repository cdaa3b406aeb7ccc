"""What to try next, by Optuna's tree-structured Parzen estimator. The library comes with the extra `tune`."""

import json
import warnings
from typing import Any

from ...ir.errors import BadInput
from ..sweeping.spec import Stated
from .space import Space

REPEATS_MAX = 20  # proposals in a row that were all made before: then nothing is new


class Proposals:
    """Options to try: first the starts of the space, then what the figures of those before make likely."""

    def __init__(self, space: Space, seed: int, loss_max: float) -> None:
        try:
            import optuna
        except ImportError:
            rule = "snc tune needs the library optuna, which is not installed"
            raise BadInput(None, rule, hint="pip install 'snc[tune]'") from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=len(space.starts), multivariate=True, constant_liar=True
            )
        self._optuna, self._space, self._loss_max = optuna, space, loss_max
        self._study = optuna.create_study(sampler=sampler)
        for start in space.starts:
            self._study.enqueue_trial(dict(start))
        self._trials: dict[str, Any] = {}  # by their options, those that were told or wait for it

    def next(self, count: int) -> list[Stated]:
        """So many options that were not tried, or fewer where nothing new comes."""
        found: list[Stated] = []
        repeats = 0
        while len(found) < count and repeats < REPEATS_MAX:
            trial = self._study.ask()
            chosen = {
                name: trial.suggest_int(name, 0, len(values) - 1)
                for name, values in self._space.choices.items()
            }
            stated = self._space.stated(chosen)
            if _key(stated) in self._trials:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
                repeats += 1
                continue
            self._trials[_key(stated)] = trial
            found.append(stated)
            repeats = 0
        return found

    def learn(self, stated: Stated, loss: float | None, value: float | None) -> None:
        """What became of options: without figures they have no image."""
        trial = self._trials[_key(stated)]
        if loss is None or value is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            return
        trial.set_constraint("loss", loss - self._loss_max)
        self._study.tell(trial, value)


def _key(stated: Stated) -> str:
    return json.dumps(stated, sort_keys=True)
