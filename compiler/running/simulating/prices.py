"""What operations, events and hops cost on the chip, by the target's costs and the width of weights."""

import math

import numpy as np
from numpy.typing import NDArray

from ....backends.analysis.widths import bits_of_weights
from ....backends.image.image import Image
from ....backends.machine.counters import Counters
from ....ir.chip import Chip
from ....ir.storage.bitrun import WORD_BITS

# Words that an event reads: its axon, the port, the population descriptor and the kernel descriptor.
EVENT_WORDS = 4
STRIDED_WORDS = 2  # more where the target has strided tables: a stride and an exponent
STATE_ACCESSES = 2  # of a synaptic operation: the state is read and written
NANO = 1e6  # femtojoules of a nanojoule


def word_fj(chip: Chip) -> float:
    """Of an access to a word of a core's memory."""
    return chip.access_fj + chip.access_root_fj * math.sqrt(chip.core_words)


def operation_fj(chip: Chip, weight_bits: float) -> float:
    """Of a synaptic operation with a weight of so many bits."""
    words = (weight_bits + STATE_ACCESSES * chip.state_bits) / WORD_BITS
    return chip.operation_fj + words * word_fj(chip)


def event_words(chip: Chip) -> int:
    """How many words an event reads."""
    return EVENT_WORDS + STRIDED_WORDS * (chip.strided_tables > 0)


class Prices:
    """The energy of frames of an image, by their counters: the same as the estimate of a run has it."""

    def __init__(self, image: Image) -> None:
        self._chip = image.chip
        widths = bits_of_weights(image)
        self._operation_fj = {
            (fragment.core, fragment.population): operation_fj(image.chip, widths.get(layer.name, 0.0))
            for layer in image.about.layers
            for fragment in layer.fragments
        }
        self._known: tuple[tuple[int, int], ...] = ()
        self._each: NDArray[np.float64] = np.zeros(0)

    def energy_nj(self, counters: Counters) -> float:
        """What counters stand for, in nanojoules."""
        if self._known != counters.populations:
            self._known = counters.populations
            self._each = np.array([self._operation_fj.get(key, 0.0) for key in self._known])
        operations = float(self._each @ counters.synaptic_operations)
        events = int(counters.events.sum()) * event_words(self._chip) * word_fj(self._chip)
        return (operations + events + int(counters.hops.sum()) * self._chip.hop_fj) / NANO
