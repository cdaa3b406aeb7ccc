"""What a user may want of a mapping, by the names that options, reports and images have for it."""

from enum import StrEnum


class Objective(StrEnum):
    """What is least in a mapping."""

    CORES = "cores"
    MEMORY = "memory"  # words
    THROUGHPUT = "throughput"  # the synaptic operations of the busiest core


class NeuronUse(StrEnum):
    """What neurons send."""

    STANDARD = "standard"  # in each frame their values
    SIGMA_DELTA = "sigma-delta"  # what these have changed since the frame before
    IF = "if"  # spikes, at a rate that their values say


class StateUse(StrEnum):
    """Whether neurons' states have words of their own, or share them."""

    SHARED = "shared"  # populations that live at different times have the same
    BANDED = "banded"  # the same, and feature maps are cut into bands of rows, which fire as soon as they can
    PERSISTENT = "persistent"  # of their own

    @property
    def is_shared(self) -> bool:
        """Whether others may have the words of a population at other times."""
        return self is not StateUse.PERSISTENT
