"""Random blocks with branches: residual sums, gates, Concat, Split and Slice."""

from collections.abc import Sequence

from . import layers
from .blocks import MAX_CHANNELS
from .writer import Writer


def sibling(w: Writer, x: str, earlier: Sequence[str]) -> str:
    """Another tensor of x's shape: an earlier one where there is one, or a branch of its own."""
    alike = [name for name in earlier if name != x and w.shape(name) == w.shape(x)]
    if alike and w.rng.random() < 0.5:
        return alike[int(w.rng.integers(len(alike)))]
    return branch(w, x, w.shape(x)[1])


def branch(w: Writer, x: str, channels: int) -> str:
    """A layer on x that keeps its height and width."""
    if len(w.shape(x)) == 2:
        return layers.gemm(w, x, channels)
    sizes = w.shape(x)[2:]
    kernel = (3, 3) if min(sizes) >= 3 and w.rng.random() < 0.6 else (1, 1)
    pads = (kernel[0] // 2,) * 4
    y = layers.conv(w, x, channels, kernel, pads=pads)
    return layers.activation(w, y, "relu") if w.rng.random() < 0.5 else y


def _narrow(w: Writer, x: str) -> str:
    """A map with few enough channels to be joined to another."""
    return layers.conv(w, x, 4, (1, 1)) if w.shape(x)[1] > MAX_CHANNELS else x


def add(w: Writer, x: str, earlier: Sequence[str]) -> str:
    operands = [x, sibling(w, x, earlier)]
    return w.add("Add", *(operands if w.rng.random() < 0.5 else operands[::-1]))


def sub(w: Writer, x: str, earlier: Sequence[str]) -> str:
    operands = [x, sibling(w, x, earlier)]
    return w.add("Sub", *(operands if w.rng.random() < 0.5 else operands[::-1]))


def mul(w: Writer, x: str, earlier: Sequence[str]) -> str:
    """A product with a bounded factor, so that magnitudes stay."""
    kinds = ("sigmoid", "tanh", "hard-sigmoid", "clip")
    factor = layers.activation(w, sibling(w, x, earlier), kinds[int(w.rng.integers(len(kinds)))])
    operands = [x, factor]
    return w.add("Mul", *(operands if w.rng.random() < 0.6 else operands[::-1]))


def gate(w: Writer, x: str, _: Sequence[str]) -> str:
    """Squeeze and excite: one factor, sum or offset per channel."""
    channels = w.shape(x)[1]
    y = w.add("GlobalAveragePool", x)
    if w.rng.random() < 0.5:
        y = layers.activation(w, layers.conv(w, y, max(1, channels // 2), (1, 1)), "relu")
        y = layers.conv(w, y, channels, (1, 1))
    else:
        y = layers.unflatten(w, layers.gemm(w, layers.flatten(w, y), channels))
    kinds = ("sigmoid", "hard-sigmoid", "relu")
    y = layers.activation(w, y, kinds[int(w.rng.integers(len(kinds)))])
    operator = ("Mul", "Mul", "Mul", "Add", "Sub")[int(w.rng.integers(5))]
    return w.add(operator, *((x, y) if w.rng.random() < 0.7 else (y, x)))


def plane(w: Writer, x: str, _: Sequence[str]) -> str:
    """Spatial attention: one factor, sum or offset per pixel."""
    y = layers.activation(w, branch(w, x, 1), ("sigmoid", "relu")[int(w.rng.integers(2))])
    return w.add(("Mul", "Mul", "Add", "Sub")[int(w.rng.integers(4))], x, y)


def concat(w: Writer, x: str, earlier: Sequence[str]) -> str:
    x = _narrow(w, x)
    sizes = w.shape(x)[2:]
    alike = [name for name in earlier if len(w.shape(name)) == 4 and w.shape(name)[2:] == sizes]
    parts = [x, branch(w, x, int(w.rng.integers(1, 5)))]
    if alike and w.rng.random() < 0.5:
        parts.append(alike[int(w.rng.integers(len(alike)))])
    return w.add("Concat", *(parts[int(i)] for i in w.rng.permutation(len(parts))), axis=1)


def split(w: Writer, x: str, _: Sequence[str]) -> str:
    """Two or three groups of channels: one goes through a layer, and they meet in a sum or another order."""
    if w.shape(x)[1] < 2:
        x = layers.conv(w, x, 4, (1, 1))
    channels = w.shape(x)[1]
    if channels % 2 == 0 and w.rng.random() < 0.4:
        parts = layers.split_evenly(w, x, 2)
        if w.rng.random() < 0.5:
            return w.add("Add", branch(w, parts[0], channels // 2), parts[1])
    elif channels >= 3 and w.rng.random() < 0.4:
        parts = layers.split(w, x, (1, channels - 2, 1))
    else:
        first = int(w.rng.integers(1, channels))
        parts = layers.split(w, x, (first, channels - first))
    parts[0] = branch(w, parts[0], w.shape(parts[0])[1])
    return w.add("Concat", *reversed(parts), axis=1)


def slice_channels(w: Writer, x: str, _: Sequence[str]) -> str:
    """A run of channels, now and then counted from the end or every second one."""
    if w.shape(x)[1] < 2:
        x = layers.conv(w, x, 5, (1, 1))
    channels = w.shape(x)[1]
    start = int(w.rng.integers(0, channels - 1))
    end = int(w.rng.integers(start + 1, channels + 1))
    if w.rng.random() < 0.2:
        return layers.slice_channels(w, x, start - channels, 1000)
    return layers.slice_channels(w, x, start, end, 2 if w.opset >= 10 and w.rng.random() < 0.15 else 1)
