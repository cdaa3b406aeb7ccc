"""Conformance cases of pools and of Resize."""

from dataclasses import replace
from functools import partial

import numpy as np

from .case import Case, finer
from .layers import activation, average_pool, conv, max_pool, resize
from .writer import Writer

_EVEN, _ODD = (3, 8, 6), (3, 9, 7)


def _negative(w: Writer, x: str) -> str:
    """A layer whose outputs are negative, all but a few: a neutral zero would show."""
    channels = w.shape(x)[1]
    weights = w.constant(0.5 * np.eye(channels, dtype=np.float32)[:, :, None, None])
    return w.add("Conv", x, weights, w.constant(np.full(channels, -2, np.float32)), kernel_shape=(1, 1))


AVERAGE = [
    Case("average-k2-s2-even", _EVEN, average_pool),
    Case("average-k2-s2-odd", _ODD, average_pool),
    finer("average-k3-s1", _ODD, partial(average_pool, kernel=(3, 3), stride=(1, 1))),
    finer("average-k2x3-s1", _ODD, partial(average_pool, kernel=(2, 3), stride=(1, 1))),
    Case("average-k3-s2-overlap", _ODD, partial(average_pool, kernel=(3, 3))),
    finer("average-k2-s3-gaps", (3, 10, 11), partial(average_pool, stride=(3, 3))),
    finer("average-k2-s3-inner", (3, 10, 11), lambda w, x: average_pool(w, conv(w, x, 3), stride=(3, 3))),
    Case("average-k3-s2x1", _ODD, partial(average_pool, kernel=(3, 3), stride=(2, 1))),
    finer("average-k4-s4", (3, 13, 12), partial(average_pool, kernel=(4, 4), stride=(4, 4))),
    finer("average-k1-s2", _ODD, partial(average_pool, kernel=(1, 1))),
    Case("average-k7-is-size", (4, 7, 7), partial(average_pool, kernel=(7, 7), stride=(1, 1))),
    Case("average-k17", (1, 18, 19), partial(average_pool, kernel=(17, 17), stride=(1, 1))),
    finer("average-k20-s2", (1, 23, 22), partial(average_pool, kernel=(20, 20))),
    Case("average-k1x18", (2, 1, 18), partial(average_pool, kernel=(1, 18), stride=(1, 1))),
    Case("average-d2", _ODD, partial(average_pool, stride=(1, 1), dilation=(2, 2)), oldest=19),
    finer("average-width20", (2, 4, 20), average_pool),
    finer("average-1100-channels", (1100, 2, 4), average_pool),
    finer("average-relu", _EVEN, lambda w, x: activation(w, average_pool(w, x), "relu")),
]


def _average_borders(include: bool) -> list[Case]:
    """Everything that makes border windows differ, with and without the padding counted."""
    pool = partial(average_pool, include_pad=include)
    k3 = partial(pool, kernel=(3, 3))
    suffix = "counted" if include else "uncounted"
    cases = [
        Case("k3-s1-pads1111", _ODD, partial(k3, stride=(1, 1), pads=(1, 1, 1, 1))),
        finer("k3-s2-pads1111-odd", _ODD, partial(k3, pads=(1, 1, 1, 1))),
        finer("k3-s2-pads1111-even", _EVEN, partial(k3, pads=(1, 1, 1, 1))),
        finer("k2-s2-pads0011-odd", _ODD, partial(pool, pads=(0, 0, 1, 1))),
        Case("k3-s1-pads0121", _ODD, partial(k3, stride=(1, 1), pads=(0, 1, 2, 1))),
        finer("k3-s3-pads1010", _ODD, partial(k3, stride=(3, 3), pads=(1, 0, 1, 0))),
        finer("k4-s1x2-pads2222", _EVEN, partial(pool, kernel=(4, 4), stride=(1, 2), pads=(2, 2, 2, 2))),
        finer("k3-s1-same-upper", _EVEN, partial(k3, stride=(1, 1), auto_pad="SAME_UPPER")),
        Case("k3-s2-same-upper", _EVEN, partial(k3, auto_pad="SAME_UPPER")),
        Case("k2-s2-same-lower-odd", _ODD, partial(pool, auto_pad="SAME_LOWER")),
        Case("k17-pads8888", (1, 12, 11), partial(pool, kernel=(17, 17), stride=(1, 1), pads=(8,) * 4)),
        Case("k2-s2-ceil-odd", _ODD, partial(pool, ceil=True), oldest=10),
        finer("k3-s2-ceil-even", _EVEN, partial(k3, ceil=True), oldest=10),
        Case("k3-s2-pads1111-ceil-even", _EVEN, partial(k3, pads=(1, 1, 1, 1), ceil=True), oldest=10),
        finer("k3-s2-d2-pads2222", _ODD, partial(k3, dilation=(2, 2), pads=(2, 2, 2, 2)), oldest=19),
        # The window that would begin in the padding at the end is dropped.
        Case("k2-s2-pads1111-ceil-drops", _ODD, partial(pool, pads=(1, 1, 1, 1), ceil=True), oldest=22),
    ]
    return [replace(each, name=f"average-{each.name}-{suffix}") for each in cases]


MAXIMUM = [
    Case("max-k2-s2-even", _EVEN, max_pool),
    Case("max-k2-s2-odd", _ODD, max_pool),
    finer("max-k3-s1", _ODD, partial(max_pool, kernel=(3, 3), stride=(1, 1))),
    finer("max-k2x3-s1", _ODD, partial(max_pool, kernel=(2, 3), stride=(1, 1))),
    Case("max-k3-s2-overlap", _ODD, partial(max_pool, kernel=(3, 3))),
    Case("max-k2-s3-gaps", (3, 10, 11), partial(max_pool, stride=(3, 3))),
    Case("max-k3-s2x1", _ODD, partial(max_pool, kernel=(3, 3), stride=(2, 1))),
    finer("max-k4-s4", (3, 13, 12), partial(max_pool, kernel=(4, 4), stride=(4, 4))),
    finer("max-k1-s2", _ODD, partial(max_pool, kernel=(1, 1))),
    Case("max-k3-s1-pads1111", _ODD, partial(max_pool, kernel=(3, 3), stride=(1, 1), pads=(1, 1, 1, 1))),
    Case("max-k3-s2-pads1111", _EVEN, partial(max_pool, kernel=(3, 3), pads=(1, 1, 1, 1))),
    finer("max-k3-s2-pads0011", _EVEN, partial(max_pool, kernel=(3, 3), pads=(0, 0, 1, 1))),
    Case("max-k3-s2-same-upper", _EVEN, partial(max_pool, kernel=(3, 3), auto_pad="SAME_UPPER")),
    finer("max-k2-s2-same-lower-odd", _ODD, partial(max_pool, auto_pad="SAME_LOWER")),
    Case("max-k2-s2-ceil-odd", _ODD, partial(max_pool, ceil=True), oldest=10),
    Case(
        "max-k3-s2-pads1111-ceil-even",
        _EVEN,
        partial(max_pool, kernel=(3, 3), pads=(1, 1, 1, 1), ceil=True),
        oldest=10,
    ),
    Case("max-k2-s2-pads1111-ceil-drops", _ODD, partial(max_pool, pads=(1, 1, 1, 1), ceil=True), oldest=22),
    finer("max-k2-s1-d2", _ODD, partial(max_pool, stride=(1, 1), dilation=(2, 2)), oldest=10),
    Case(
        "max-k3-s2-d2x3-pads2222",
        _ODD,
        partial(max_pool, kernel=(3, 3), dilation=(2, 3), pads=(2, 2, 2, 2)),
        oldest=10,
    ),
    finer("max-k5-s1-pads2222", _ODD, partial(max_pool, kernel=(5, 5), stride=(1, 1), pads=(2, 2, 2, 2))),
    Case("max-k17", (1, 18, 19), partial(max_pool, kernel=(17, 17), stride=(1, 1))),
    finer("max-k20-s2", (1, 23, 22), partial(max_pool, kernel=(20, 20))),
    Case("max-of-negative", _EVEN, lambda w, x: max_pool(w, _negative(w, x))),
    Case(
        "max-of-negative-pads1111",
        _ODD,
        lambda w, x: max_pool(w, _negative(w, x), (3, 3), pads=(1, 1, 1, 1)),
    ),
    Case("max-of-relu", _EVEN, lambda w, x: max_pool(w, activation(w, conv(w, x, 4), "relu"))),
    finer("max-of-tanh", _EVEN, lambda w, x: max_pool(w, w.add("Tanh", x), pads=(1, 1, 1, 1))),
    finer("max-then-relu", _EVEN, lambda w, x: activation(w, max_pool(w, x), "relu")),
    finer("max-width12", (2, 5, 12), max_pool),
    finer("max-width300", (1, 4, 300), max_pool),
    finer("max-1100-channels", (1100, 4, 2), max_pool),
]


def _global(operator: str) -> list[Case]:
    def pool(w: Writer, x: str) -> str:
        return w.add(operator, x)

    name = operator.lower()
    sizes = ((4, 7, 7), (3, 17, 3), (5, 1, 1), (3, 8, 5), (1, 2, 300))
    return [
        Case(f"{name}-2x20x20", (2, 20, 20), pool),
        Case(f"{name}-1100x2x3", (1100, 2, 3), pool),
        *(finer(f"{name}-{'x'.join(map(str, size))}", size, pool) for size in sizes),
        Case(f"{name}-of-negative", _ODD, lambda w, x: w.add(operator, _negative(w, x))),
        Case(f"{name}-of-conv", _ODD, lambda w, x: w.add(operator, conv(w, x, 5))),
    ]


def _resize(
    scale: tuple[float, float],
    mode: str,
    coordinates: str = "asymmetric",
    nearest: str = "floor",
    *,
    as_sizes: bool = False,
    size: tuple[int, int, int] = (3, 4, 5),
    oldest: int = 11,
    thorough: bool = False,
) -> Case:
    """A Resize named after all it is made of."""
    parts = ["resize", mode, "x".join(f"{each:g}" for each in scale), coordinates.replace("_", "-")]
    parts += [nearest.replace("_", "-")] if mode == "nearest" else []
    parts += ["sizes"] if as_sizes else []
    parts += [] if size == (3, 4, 5) else ["of-" + "x".join(map(str, size))]
    build = partial(
        resize, scale=scale, mode=mode, coordinates=coordinates, nearest=nearest, as_sizes=as_sizes
    )
    return Case("-".join(parts), size, build, oldest, thorough=thorough)


RESIZE = [
    *(
        _resize((2, 2), "nearest", coordinates, rule)
        for coordinates in ("half_pixel", "asymmetric")
        for rule in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    ),
    _resize((4, 4), "nearest", "half_pixel", "round_prefer_floor"),
    _resize((4, 4), "nearest", "asymmetric", "round_prefer_ceil"),
    _resize((2, 4), "nearest"),
    _resize((1, 2), "nearest", thorough=True),
    _resize((8, 8), "nearest", size=(2, 3, 2), thorough=True),
    _resize((2, 2), "nearest", as_sizes=True, thorough=True),
    _resize((2, 2), "nearest", size=(2, 12, 20), thorough=True),
    _resize((3, 3), "nearest"),
    _resize((2, 2), "nearest", "align_corners", "round_prefer_floor"),
    _resize((0.5, 0.5), "nearest", size=(3, 8, 6)),
    *(
        _resize(scale, "linear", coordinates, thorough=scale[0] != scale[1])
        for coordinates in ("half_pixel", "asymmetric")
        for scale in ((2.0, 2.0), (4.0, 4.0), (1.0, 2.0), (4.0, 2.0))
    ),
    _resize((2, 2), "linear", "pytorch_half_pixel"),
    _resize((2, 2), "linear", "align_corners"),
    _resize((3, 3), "linear", "half_pixel"),
    _resize((1.5, 1.5), "linear", "half_pixel", size=(3, 4, 6)),
    _resize((2, 2), "linear", "half_pixel", as_sizes=True),
    _resize((2, 2), "linear", "half_pixel", size=(3, 1, 5), thorough=True),
    _resize((2, 2), "linear", "half_pixel_symmetric", oldest=19, thorough=True),
    *(
        Case(
            f"{operator}-{mode}-{scale[0]}x{scale[1]}-opset{opset}",
            (3, 4, 5),
            partial(resize, scale=scale, mode=mode),
            opset,
            opset,
            thorough=scale != (2, 2),
        )
        for operator, opset in (("upsample", 7), ("upsample", 9), ("resize", 10))
        for mode in ("nearest", "linear")
        for scale in ((2, 2), (2, 4))
    ),
]

POOL = [
    *AVERAGE,
    *_average_borders(False),
    *_average_borders(True),
    *MAXIMUM,
    *_global("GlobalAveragePool"),
    *_global("GlobalMaxPool"),
]
