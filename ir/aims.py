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
    """Whether neurons' states have words of their own."""

    SHARED = "shared"  # populations that live at different times have the same
    PERSISTENT = "persistent"
