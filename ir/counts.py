"""How much there is to store: synapses with and without padding, weights, source neurons."""

import numpy as np
from numpy.typing import NDArray

from .mapping import Fragment, Mapping, Span
from .network import AxisMap, Network, Projection


def synapses(projection: Projection) -> int:
    """Synapses of a projection, neuron to neuron; padding and holes of a dilation apart."""
    return joined(projection.y) * joined(projection.x) * channel_pairs(projection)


def synapses_into(projection: Projection, fragment: Fragment) -> int:
    """Those synapses of a projection that end in a fragment of its target."""
    first, depth = projection.kernel.first, projection.kernel.depth
    channels = np.minimum(first + depth, fragment.c.stop) - np.maximum(first, fragment.c.start)
    pairs = int(np.maximum(channels[first >= 0], 0).sum())
    return joined(projection.y, fragment.y) * joined(projection.x, fragment.x) * pairs


def operations(mapping: Mapping) -> list[int]:
    """The synapses that end in each core: its synaptic operations when every neuron fires, and no zero is
    skipped.
    """
    into: dict[int, list[Projection]] = {}
    for projection in mapping.network.projections:
        into.setdefault(projection.target, []).append(projection)
    fragments = [plan.fragment for plan in mapping.plans]
    return [
        sum(synapses_into(p, fragments[f]) for f in held for p in into.get(fragments[f].population, ()))
        for held in mapping.cores
    ]


def padded_synapses(projection: Projection) -> int:
    """Synapses if every kernel were whole at the borders, too: the dense multiply-accumulates."""
    return _padded(projection.y) * _padded(projection.x) * channel_pairs(projection)


def channel_pairs(projection: Projection) -> int:
    """Pairs of a source channel and a target channel that a kernel joins."""
    return int((projection.kernel.first >= 0).sum()) * projection.kernel.depth


def joined(axis: AxisMap, span: Span | None = None) -> int:
    """Pairs of positions that an axis joins, of targets in a span; several taps may join the same two."""
    pairs = np.unique(axis.targets * axis.source_size + axis.sources)
    if span is None:
        return int(pairs.size)
    targets = pairs // axis.source_size
    return int(((targets >= span.start) & (targets < span.stop)).sum())


def _padded(axis: AxisMap) -> int:
    # The smaller side meets every tap: the target's where a kernel strides, the source's where it is spread.
    return max(joined(axis), axis.tap_count * min(axis.source_size, axis.target_size))


def trained_weights(network: Network) -> int:
    """Elements of the trained constants that the chip holds, each counted once."""
    held: dict[str, NDArray[np.bool_]] = {}
    for projection in network.projections:
        index = projection.kernel.index
        if index is None or not index.size:
            continue
        mask = held.setdefault(projection.kernel.constant, np.zeros(0, dtype=np.bool_))
        missing = int(index.max()) + 1 - mask.size
        if missing > 0:
            mask = held[projection.kernel.constant] = np.pad(mask, (0, missing))
        flat = index.ravel(order="K")
        start, stop = int(flat[0]), int(flat[0]) + flat.size
        if start >= 0 and np.array_equal(flat, np.arange(start, stop, dtype=flat.dtype)):
            mask[start:stop] = True  # a whole constant, of which axes may be turned
        else:
            mask[flat[flat >= 0]] = True
    return sum(int(mask.sum()) for mask in held.values())


def is_shared(projection: Projection) -> bool:
    """Whether all source channels have one kernel between them: poolings, copies, additions."""
    kernel = projection.kernel
    return not kernel.constant and (kernel.is_shared or len(kernel.weights) == 1)
