"""How the classes of frames that are shown for several steps come to be right, step by step."""

import numpy as np
from numpy.typing import NDArray

from .blocks import Block

STEPS_LISTED = 12  # of a table of answers by steps


class Nearing:
    """Gathers the class after each step of each frame."""

    def __init__(self) -> None:
        self._found: list[NDArray[np.int64]] = []

    def add(self, block: Block) -> None:
        """The next block."""
        if block.classes is not None:
            self._found.append(block.classes)

    def accuracy(self, labels: NDArray[np.int64]) -> tuple[float, ...]:
        """The share of frames that are right after each step; none where frames have one step, or were run
        before.
        """
        if not self._found:
            return ()
        classes = np.concatenate(self._found)
        if len(classes) != len(labels):
            return ()
        return tuple((classes == labels[:, None]).mean(axis=0).tolist())


def shown_steps(count: int) -> list[int]:
    """The steps that a table lists: powers of two, and the last one."""
    powers = [2**power for power in range(STEPS_LISTED) if 2**power < count]
    return [*powers, count]
