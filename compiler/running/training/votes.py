"""What an image answers that has learnt without labels: each spike votes for the classes of its neuron.

The labels of what it has learnt from say, afterwards, which share of a neuron's spikes each class had.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....backends.image.image import Image
from ....backends.machine.machine import Arithmetic
from ....ir.errors import BadInput
from ..data.dataset import DataSet
from ..simulating.blocks import OnStep
from ..simulating.simulation import simulate
from ..simulating.spikes import Spikes

Counts = NDArray[np.float64]  # spikes of each stream and neuron
Labels = NDArray[np.int64]
NONE = 1e-9  # spikes: less than any neuron that is not silent has, on average


def answers(
    image: Image,
    path: Path,
    data: DataSet,
    arithmetic: Arithmetic = "float32",
    on_step: OnStep = lambda frame, done, of: None,
) -> Counts:
    """The spikes of the first output in each stream; the image does not learn. Raises BadInput."""
    spikes = Spikes(data.begins)
    simulate(image, path, data, arithmetic, watchers=[spikes], on_step=on_step, begins=data.begins)
    return np.array([next(iter(stream.counts.values())) for stream in spikes.streams])


def votes_of(counts: Counts, labels: Labels) -> Counts:
    """Of each neuron the share of its spikes that each class had: [neurons, classes]."""
    _check(counts, labels)
    classes = range(int(labels.max(initial=0)) + 1)
    nobody = np.zeros(counts.shape[1])
    means = [counts[labels == each].mean(axis=0) if (labels == each).any() else nobody for each in classes]
    by_class = np.array(means)
    return np.asarray(by_class.T / np.maximum(by_class.sum(axis=0)[:, np.newaxis], NONE))


def right(counts: Counts, labels: Labels, votes: Counts) -> float:
    """The share of streams whose class has most votes. Raises BadInput."""
    _check(counts, labels)
    return float((np.argmax(counts @ votes, axis=1) == labels).mean())


def _check(counts: Counts, labels: Sequence[int] | Labels) -> None:
    if len(labels) != len(counts):
        rule = f"there are {len(labels)} labels for {len(counts)} recordings"
        raise BadInput(None, rule, hint="give one for each")
