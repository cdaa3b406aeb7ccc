"""Nodes that move numbers or reduce them along axes, drawn at random."""

import functools
import math

import numpy as np

from .drawing import Attribute, Draw, Drawing, Rejected, Shape, factors

SQUEEZE_INPUT = 13  # since these opsets, axes are an input
SUM_INPUT = 13
REDUCE_INPUT = 18
SPLIT_INPUT = 13
SPLIT_COUNT = 18


def _ranked(d: Drawing, least: int = 1) -> tuple[str, Shape]:
    x = d.tensor(lambda shape: len(shape) >= least)
    return x, d.shape(x)


def _signed(d: Drawing, axis: int, rank: int, since: int = 0) -> int:
    """An axis, counted from the end where that is allowed, and chance has it."""
    return axis - rank if d.opset >= max(since, 11) and d.chance(0.3) else axis


def _axes(d: Drawing, rank: int) -> list[int]:
    """Some axes, none of them twice; mostly leaving the batch alone."""
    count = d.between(1, min(rank, 3))
    chosen = d.random.permutation(rank)[:count]
    return [int(axis) for axis in (chosen if d.chance(0.3) else sorted(chosen))]


def _with_axes(
    d: Drawing, operator: str, x: str, axes: list[int] | None, since: int, **options: Attribute
) -> None:
    if axes is None:
        d.add(operator, [x], **options)
    elif d.opset >= since:
        d.add(operator, [x, d.constant(axes)], **options)
    else:
        d.add(operator, [x], axes=axes, **options)


def reduce(operator: str, since: int, d: Drawing) -> None:
    x, shape = _ranked(d)
    axes = None if d.chance(0.1) else [_signed(d, axis, len(shape)) for axis in _axes(d, len(shape))]
    options: dict[str, Attribute] = {"keepdims": d.pick(0, 1, 1)} if d.chance(0.7) else {}
    if axes is None and d.has(operator, "noop_with_empty_axes") and d.chance(0.3):
        options["noop_with_empty_axes"] = 1
    _with_axes(d, operator, x, axes, since, **options)


def concat(d: Drawing) -> None:
    x, shape = _ranked(d)
    axis = d.between(0 if d.chance(0.1) or len(shape) == 1 else 1, len(shape) - 1)

    def fits(other: Shape) -> bool:
        rest = zip(shape, other, strict=False)
        return len(other) == len(shape) and all(i == axis or a == b for i, (a, b) in enumerate(rest))

    parts = [x]
    for _ in range(d.pick(0, 1, 1, 1, 2, 3)):
        if d.chance(0.3):
            size = tuple(d.between(1, 3) if i == axis else n for i, n in enumerate(shape))
            parts.append(d.constant(d.weights(*size)))
        else:
            parts.append(d.tensor(fits))
    d.add("Concat", [parts[i] for i in d.random.permutation(len(parts))], axis=_signed(d, axis, len(shape)))


def split(d: Drawing) -> None:
    x, shape = _ranked(d)
    axis = d.between(0, len(shape) - 1)
    if shape[axis] < 2:
        raise Rejected("no operand")
    count = d.between(2, min(4, shape[axis]))
    cuts = sorted(int(c) + 1 for c in d.random.permutation(shape[axis] - 1)[: count - 1])
    sizes = [b - a for a, b in zip([0, *cuts], [*cuts, shape[axis]], strict=True)]
    options: dict[str, Attribute] = {}
    if axis or d.chance(0.5):
        options["axis"] = _signed(d, axis, len(shape))
    inputs = [x]
    even = shape[axis] % count == 0 and d.chance(0.4)
    if d.opset >= SPLIT_COUNT and d.chance(0.3):
        options["num_outputs"] = count
    elif even and d.opset < SPLIT_COUNT:
        pass
    elif d.opset >= SPLIT_INPUT:
        inputs.append(d.constant(sizes))
    else:
        options["split"] = sizes
    d.add_many("Split", inputs, count, **options)


def cut(d: Drawing) -> None:
    x, shape = _ranked(d)
    axes = _axes(d, len(shape))
    starts, ends, steps = [], [], []
    for axis in axes:
        size = shape[axis]
        low = d.between(0, size - 1)
        high = d.between(low + 1, size)
        step = d.pick(1, 1, 1, 2, 3)
        if d.opset >= 10 and d.chance(0.3):
            starts.append(high - 1 if d.chance(0.5) else high - 1 - size)
            ends.append(low - 1 if low else -size - d.between(1, 9))
            step = -step
        else:
            starts.append(low if d.chance(0.5) else low - size)
            ends.append(d.pick(high, high - size if high < size else 2**31 - 1))
        steps.append(step)
    axes = [_signed(d, axis, len(shape)) for axis in axes]
    bare = axes == list(range(len(axes))) and d.chance(0.5)
    if d.opset < 10:
        d.add("Slice", [x], starts=starts, ends=ends, **({} if bare else {"axes": axes}))
        return
    plain = all(step == 1 for step in steps)
    inputs = [x, d.constant(starts), d.constant(ends)]
    if not (bare and plain):
        inputs.append("" if bare else d.constant(axes))
    if not plain or (not bare and d.chance(0.3)):
        inputs.append(d.constant(steps))
    d.add("Slice", inputs)


def gather(d: Drawing) -> None:
    x, shape = _ranked(d)
    axis = d.between(0, len(shape) - 1)
    form = d.pick((), (1,), (2,), (3,), (2, 2))
    least = -shape[axis] if d.opset >= 11 else 0
    indices = d.random.integers(least, shape[axis], form)
    options: dict[str, Attribute] = {"axis": _signed(d, axis, len(shape))} if axis or d.chance(0.5) else {}
    d.add("Gather", [x, d.constant(np.asarray(indices))], **options)


def tile(d: Drawing) -> None:
    x, shape = _ranked(d)
    d.add("Tile", [x, d.constant([1 if i == 0 else d.pick(1, 1, 2, 3) for i in range(len(shape))])])


def expand(d: Drawing) -> None:
    x = d.tensor()
    shape = list(d.shape(x))
    wide = [d.pick(1, 2, 3) if size == 1 else d.pick(1, size) for size in shape]
    if d.chance(0.2) and len(wide) < 5:
        wide = [d.pick(1, 2), *wide]
    elif d.chance(0.3):
        wide = wide[d.between(0, max(len(wide) - 1, 0)) :]
    d.add("Expand", [x, d.constant(np.asarray(wide, dtype=np.int64))])


def pad(d: Drawing) -> None:
    since = d.since("Pad")
    x, shape = _ranked(d)
    mode = d.pick("constant", "constant", "reflect", "edge", *(["wrap"] if since >= 19 else []))
    axes = list(range(len(shape)))
    if since >= 18 and d.chance(0.4):
        axes = _axes(d, len(shape))
    most = {"constant": 2, "reflect": 2, "edge": 2, "wrap": 2}[mode]
    limits = [min(most, shape[a] - 1 if mode in ("reflect", "wrap") else most) for a in axes]
    begins = [d.pick(0, 0, d.between(0, m)) for m in limits]
    ends = [d.pick(0, 0, d.between(0, m)) for m in limits]
    if mode == "constant" and d.chance(0.2):
        begins = [d.pick(b, -1) if shape[a] > 2 else b for a, b in zip(axes, begins, strict=True)]
    value = d.pick(None, 0.0, 0.5, -1.0) if mode == "constant" else None
    options: dict[str, Attribute] = {"mode": mode} if mode != "constant" or d.chance(0.5) else {}
    if since < 11:
        options["pads"] = [*begins, *ends]
        if value is not None:
            options["value"] = value
        d.add("Pad", [x], **options)
        return
    inputs = [x, d.constant([*begins, *ends])]
    if value is not None:
        inputs.append(d.constant(np.asarray(value)))
    if since >= 18 and (axes != list(range(len(shape))) or d.chance(0.2)):
        inputs += [""] * (3 - len(inputs))
        inputs.append(d.constant([_signed(d, axis, len(shape)) for axis in axes]))
    d.add("Pad", inputs, **options)


def transpose(d: Drawing) -> None:
    x, shape = _ranked(d)
    order = [int(axis) for axis in d.random.permutation(len(shape))]
    if d.chance(0.5) and len(shape) > 1:
        order = [0, *(axis for axis in order if axis)]
    d.add("Transpose", [x], **({} if d.chance(0.15) else {"perm": order}))


def reshape(d: Drawing) -> None:
    x, shape = _ranked(d)
    rank = d.pick(1, 2, 3, 4, 4, 5)
    count = math.prod(shape)
    target = list(factors(d.random, count, rank))
    if d.chance(0.6) and rank > 1:
        target = [1, *factors(d.random, count, rank - 1)]
    if d.chance(0.3):
        target[d.between(0, rank - 1)] = -1
    elif d.chance(0.3):
        target = [0 if i < len(shape) and shape[i] == size else size for i, size in enumerate(target)]
    d.add("Reshape", [x, d.constant(target)])


def flatten(d: Drawing) -> None:
    x, shape = _ranked(d)
    axis = d.between(0, len(shape))
    if axis < len(shape):
        axis = _signed(d, axis, len(shape))
    d.add("Flatten", [x], **({} if axis == 1 and d.chance(0.5) else {"axis": axis}))


def squeeze(d: Drawing) -> None:
    x = d.tensor(lambda shape: 1 in shape)
    shape = d.shape(x)
    ones = [i for i, size in enumerate(shape) if size == 1]
    chosen = [_signed(d, i, len(shape)) for i in ones if d.chance(0.6)]
    _with_axes(d, "Squeeze", x, chosen or (None if d.chance(0.5) else ones), SQUEEZE_INPUT)


def unsqueeze(d: Drawing) -> None:
    x = d.tensor(lambda shape: len(shape) < 5)
    rank = len(d.shape(x)) + 1
    axes = [_signed(d, d.between(0, rank - 1), rank)]
    if d.chance(0.3) and rank < 5:
        axes = [int(a) for a in d.random.permutation(rank + 1)[:2]]
        axes = axes if d.opset >= 13 and d.chance(0.5) else sorted(axes)
    _with_axes(d, "Unsqueeze", x, axes, SQUEEZE_INPUT)


def depth_to_space(d: Drawing) -> None:
    block = d.pick(1, 2, 2, 3)
    if d.chance(0.5):
        x = d.tensor(lambda shape: len(shape) == 4 and shape[0] == 1)
        outputs, channels = block**2 * d.pick(1, 2, 2, 3), d.shape(x)[1]
        x = d.add("Conv", [x, d.constant(d.weights(outputs, channels, 1, 1, fan_in=channels))])
    else:
        x = d.tensor(lambda shape: len(shape) == 4 and shape[1] % block**2 == 0)
    options: dict[str, Attribute] = {"blocksize": block}
    if d.has("DepthToSpace", "mode") and d.chance(0.7):
        options["mode"] = d.pick("DCR", "CRD")
    d.add("DepthToSpace", [x], **options)


def space_to_depth(d: Drawing) -> None:
    block = d.pick(1, 2, 2, 3)
    x = d.tensor(lambda shape: len(shape) == 4 and shape[2] % block == 0 and shape[3] % block == 0)
    options: dict[str, Attribute] = {"blocksize": block}
    if d.has("SpaceToDepth", "mode") and d.chance(0.7):
        options["mode"] = d.pick("DCR", "CRD")
    d.add("SpaceToDepth", [x], **options)


SHAPE_NODES: dict[str, Draw] = {
    **{
        f"Reduce{name}": functools.partial(
            reduce, f"Reduce{name}", SUM_INPUT if name == "Sum" else REDUCE_INPUT
        )
        for name in ("Max", "Mean", "Min", "Sum")
    },
    "Concat": concat,
    "Split": split,
    "Slice": cut,
    "Gather": gather,
    "Tile": tile,
    "Expand": expand,
    "Pad": pad,
    "Transpose": transpose,
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
