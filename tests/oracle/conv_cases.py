"""Conformance cases of convolutions."""

from .case import Case, finer
from .layers import activation, conv

_EVEN, _ODD = (3, 8, 6), (3, 9, 7)

CONV = [
    Case("conv-k1", _EVEN, lambda w, x: conv(w, x, 4, (1, 1))),
    finer("conv-k2", _EVEN, lambda w, x: conv(w, x, 4, (2, 2))),
    Case("conv-k3", _EVEN, lambda w, x: conv(w, x, 4)),
    Case("conv-k3-no-bias", _EVEN, lambda w, x: conv(w, x, 4, bias=False)),
    Case("conv-k3x1", _ODD, lambda w, x: conv(w, x, 4, (3, 1))),
    finer("conv-k1x5", _ODD, lambda w, x: conv(w, x, 4, (1, 5))),
    Case("conv-k2x4", _ODD, lambda w, x: conv(w, x, 4, (2, 4))),
    finer("conv-one-channel", (1, 5, 4), lambda w, x: conv(w, x, 1)),
    Case("conv-one-pixel", (5, 1, 1), lambda w, x: conv(w, x, 3, (1, 1))),
    Case("conv-one-row", (3, 1, 9), lambda w, x: conv(w, x, 4, (1, 3))),
    Case("conv-one-column-pads1010", (3, 9, 1), lambda w, x: conv(w, x, 4, (3, 1), pads=(1, 0, 1, 0))),
    finer("conv-k-is-size", (3, 5, 4), lambda w, x: conv(w, x, 6, (5, 4))),
    # Paddings, top left bottom right.
    finer("conv-k3-pads1111", _EVEN, lambda w, x: conv(w, x, 4, pads=(1, 1, 1, 1))),
    Case("conv-k3-pads1111-odd", _ODD, lambda w, x: conv(w, x, 4, pads=(1, 1, 1, 1))),
    finer("conv-k5-pads2222", _ODD, lambda w, x: conv(w, x, 2, (5, 5), pads=(2, 2, 2, 2))),
    Case("conv-k3-pads1000", _ODD, lambda w, x: conv(w, x, 4, pads=(1, 0, 0, 0))),
    finer("conv-k3-pads0100", _ODD, lambda w, x: conv(w, x, 4, pads=(0, 1, 0, 0))),
    finer("conv-k3-pads0010", _ODD, lambda w, x: conv(w, x, 4, pads=(0, 0, 1, 0))),
    Case("conv-k3-pads0001", _ODD, lambda w, x: conv(w, x, 4, pads=(0, 0, 0, 1))),
    Case("conv-k4-pads0121", _EVEN, lambda w, x: conv(w, x, 4, (4, 4), pads=(0, 1, 2, 1))),
    finer("conv-k4-pads2101-odd", _ODD, lambda w, x: conv(w, x, 4, (4, 4), pads=(2, 1, 0, 1))),
    Case("conv-k1-pads1111", _EVEN, lambda w, x: conv(w, x, 4, (1, 1), pads=(1, 1, 1, 1))),
    finer("conv-k2-pads3333", (2, 4, 5), lambda w, x: conv(w, x, 3, (2, 2), pads=(3, 3, 3, 3))),
    Case("conv-kernel-above-size", (2, 3, 4), lambda w, x: conv(w, x, 3, (5, 6), pads=(2, 3, 2, 2))),
    # Strides, rows x columns.
    finer("conv-k3-s2-even", _EVEN, lambda w, x: conv(w, x, 4, stride=(2, 2))),
    Case("conv-k3-s2-odd", _ODD, lambda w, x: conv(w, x, 4, stride=(2, 2))),
    finer("conv-k3-s2-pads1111-even", _EVEN, lambda w, x: conv(w, x, 4, stride=(2, 2), pads=(1, 1, 1, 1))),
    Case("conv-k3-s2-pads1111-odd", _ODD, lambda w, x: conv(w, x, 4, stride=(2, 2), pads=(1, 1, 1, 1))),
    Case("conv-k3-s2-pads0011-even", _EVEN, lambda w, x: conv(w, x, 4, stride=(2, 2), pads=(0, 0, 1, 1))),
    finer("conv-k3-s2-pads1100-even", _EVEN, lambda w, x: conv(w, x, 4, stride=(2, 2), pads=(1, 1, 0, 0))),
    finer("conv-k2-s2-odd", _ODD, lambda w, x: conv(w, x, 4, (2, 2), stride=(2, 2))),
    Case("conv-k1-s2-odd", _ODD, lambda w, x: conv(w, x, 4, (1, 1), stride=(2, 2))),
    finer("conv-k1-s2-even", _EVEN, lambda w, x: conv(w, x, 4, (1, 1), stride=(2, 2))),
    finer(
        "conv-k7-s2-pads3333", (3, 14, 13), lambda w, x: conv(w, x, 2, (7, 7), stride=(2, 2), pads=(3,) * 4)
    ),
    Case("conv-k3-s2x1", _ODD, lambda w, x: conv(w, x, 4, stride=(2, 1))),
    Case("conv-k3-s1x2-pads0121", _EVEN, lambda w, x: conv(w, x, 4, stride=(1, 2), pads=(0, 1, 2, 1))),
    Case("conv-k3-s3", (3, 11, 10), lambda w, x: conv(w, x, 4, stride=(3, 3))),
    finer("conv-k3-s3-pads1111", (3, 11, 10), lambda w, x: conv(w, x, 4, stride=(3, 3), pads=(1, 1, 1, 1))),
    finer("conv-k2-s3", (3, 11, 10), lambda w, x: conv(w, x, 4, (2, 2), stride=(3, 3))),
    finer("conv-k3-s3x1", _ODD, lambda w, x: conv(w, x, 4, stride=(3, 1))),
    finer("conv-k3-s1x3", _ODD, lambda w, x: conv(w, x, 4, stride=(1, 3))),
    Case("conv-k3-s2x3", (3, 11, 10), lambda w, x: conv(w, x, 4, stride=(2, 3))),
    Case(
        "conv-k4-s5x3-pads2110",
        (3, 12, 14),
        lambda w, x: conv(w, x, 4, (4, 4), stride=(5, 3), pads=(2, 1, 1, 0)),
    ),
    finer("conv-k3-s6-d2", (2, 15, 21), lambda w, x: conv(w, x, 3, stride=(6, 6), dilation=(2, 2))),
    finer("conv-depthwise-s3", (4, 10, 11), lambda w, x: conv(w, x, 4, stride=(3, 3), group=4)),
    # Behind a layer: an input lies in phases, a feature map does not.
    Case("conv-k3-s3-inner", (3, 11, 10), lambda w, x: conv(w, conv(w, x, 3, (1, 1)), 4, stride=(3, 3))),
    Case("conv-k3-s2x3-inner", (3, 9, 10), lambda w, x: conv(w, conv(w, x, 2, (1, 1)), 3, stride=(2, 3))),
    finer("conv-k4-s5-inner", (2, 14, 12), lambda w, x: conv(w, conv(w, x, 2), 3, (4, 4), stride=(5, 5))),
    Case("conv-k3-s4", (3, 13, 14), lambda w, x: conv(w, x, 4, stride=(4, 4))),
    finer(
        "conv-k5-s4-pads2121",
        (3, 13, 14),
        lambda w, x: conv(w, x, 4, (5, 5), stride=(4, 4), pads=(2, 1, 2, 1)),
    ),
    Case("conv-k1-s4", (3, 13, 14), lambda w, x: conv(w, x, 4, (1, 1), stride=(4, 4))),
    finer("conv-k4-s4x1", (3, 13, 9), lambda w, x: conv(w, x, 4, (4, 4), stride=(4, 1))),
    Case("conv-k4-s2x4", (3, 13, 14), lambda w, x: conv(w, x, 4, (4, 4), stride=(2, 4))),
    Case("conv-k3-s4-relu", (3, 13, 14), lambda w, x: activation(w, conv(w, x, 4, stride=(4, 4)), "relu")),
    finer("conv-k8-s8-patches", (3, 24, 16), lambda w, x: conv(w, x, 4, (8, 8), stride=(8, 8))),
    finer("conv-k3-s5", (2, 14, 12), lambda w, x: conv(w, x, 3, stride=(5, 5))),
    # Automatic padding.
    finer("conv-k3-same-upper", _EVEN, lambda w, x: conv(w, x, 4, auto_pad="SAME_UPPER")),
    Case("conv-k4-same-upper", _EVEN, lambda w, x: conv(w, x, 4, (4, 4), auto_pad="SAME_UPPER")),
    finer("conv-k4-same-lower", _ODD, lambda w, x: conv(w, x, 4, (4, 4), auto_pad="SAME_LOWER")),
    Case(
        "conv-k3-s2-same-upper-even", _EVEN, lambda w, x: conv(w, x, 4, stride=(2, 2), auto_pad="SAME_UPPER")
    ),
    finer(
        "conv-k3-s2-same-upper-odd", _ODD, lambda w, x: conv(w, x, 4, stride=(2, 2), auto_pad="SAME_UPPER")
    ),
    finer(
        "conv-k3-s2-same-lower-even", _EVEN, lambda w, x: conv(w, x, 4, stride=(2, 2), auto_pad="SAME_LOWER")
    ),
    Case("conv-k3-s2-same-lower-odd", _ODD, lambda w, x: conv(w, x, 4, stride=(2, 2), auto_pad="SAME_LOWER")),
    finer(
        "conv-k5-s3-same-upper",
        (3, 10, 8),
        lambda w, x: conv(w, x, 3, (5, 5), stride=(3, 3), auto_pad="SAME_UPPER"),
    ),
    finer(
        "conv-k2x3-s2x1-same-lower",
        _ODD,
        lambda w, x: conv(w, x, 3, (2, 3), stride=(2, 1), auto_pad="SAME_LOWER"),
    ),
    Case(
        "conv-k1-s2-same-upper-even",
        _EVEN,
        lambda w, x: conv(w, x, 4, (1, 1), stride=(2, 2), auto_pad="SAME_UPPER"),
    ),
    Case("conv-k3-s2-valid", _EVEN, lambda w, x: conv(w, x, 4, stride=(2, 2), auto_pad="VALID")),
    # Dilations.
    Case("conv-k3-d2", _ODD, lambda w, x: conv(w, x, 4, dilation=(2, 2))),
    Case("conv-k3-d3-pads3333", _ODD, lambda w, x: conv(w, x, 4, dilation=(3, 3), pads=(3, 3, 3, 3))),
    Case("conv-k3-d2x1", _ODD, lambda w, x: conv(w, x, 4, dilation=(2, 1))),
    finer("conv-k2-d1x3", _ODD, lambda w, x: conv(w, x, 4, (2, 2), dilation=(1, 3))),
    Case(
        "conv-k3-s2-d2-pads2222",
        _ODD,
        lambda w, x: conv(w, x, 4, stride=(2, 2), dilation=(2, 2), pads=(2,) * 4),
    ),
    Case("conv-k5-d4-spans-17", (2, 18, 19), lambda w, x: conv(w, x, 2, (5, 5), dilation=(4, 4))),
    finer("conv-k3-d9-spans-19", (2, 20, 19), lambda w, x: conv(w, x, 2, dilation=(9, 9))),
    # Groups.
    Case("conv-groups2", (4, 6, 5), lambda w, x: conv(w, x, 6, group=2)),
    finer("conv-groups3-k1", (6, 5, 4), lambda w, x: conv(w, x, 3, (1, 1), group=3)),
    Case(
        "conv-groups2-s2-pads1111",
        (4, 7, 5),
        lambda w, x: conv(w, x, 4, stride=(2, 2), pads=(1,) * 4, group=2),
    ),
    finer("conv-groups4-d2", (8, 7, 8), lambda w, x: conv(w, x, 8, dilation=(2, 2), group=4)),
    Case("conv-depthwise", (5, 6, 7), lambda w, x: conv(w, x, 5, group=5)),
    finer("conv-depthwise-pads1111", (5, 6, 7), lambda w, x: conv(w, x, 5, pads=(1, 1, 1, 1), group=5)),
    Case(
        "conv-depthwise-s2-odd", (5, 9, 7), lambda w, x: conv(w, x, 5, stride=(2, 2), pads=(1,) * 4, group=5)
    ),
    finer("conv-depthwise-s2x1", (5, 9, 7), lambda w, x: conv(w, x, 5, stride=(2, 1), group=5)),
    finer("conv-depthwise-d2", (5, 9, 7), lambda w, x: conv(w, x, 5, dilation=(2, 2), group=5)),
    finer(
        "conv-depthwise-k5-pads2222", (4, 6, 7), lambda w, x: conv(w, x, 4, (5, 5), pads=(2,) * 4, group=4)
    ),
    Case("conv-depthwise-multiplier2", (3, 6, 7), lambda w, x: conv(w, x, 6, group=3)),
    finer("conv-depthwise-multiplier3-s2", (3, 7, 8), lambda w, x: conv(w, x, 9, stride=(2, 2), group=3)),
    finer("conv-depthwise-k1", (5, 4, 3), lambda w, x: conv(w, x, 5, (1, 1), group=5)),
    # Sizes at and beyond the fields of the chip.
    Case("conv-k16", (1, 17, 18), lambda w, x: conv(w, x, 2, (16, 16))),
    Case("conv-k17", (1, 20, 19), lambda w, x: conv(w, x, 2, (17, 17))),
    Case("conv-k20", (2, 20, 21), lambda w, x: conv(w, x, 2, (20, 20))),
    finer("conv-k17x1", (2, 18, 5), lambda w, x: conv(w, x, 3, (17, 1))),
    Case("conv-k1x18", (2, 1, 18), lambda w, x: conv(w, x, 3, (1, 18))),
    Case("conv-k1x33-pads", (2, 2, 30), lambda w, x: conv(w, x, 3, (1, 33), pads=(0, 16, 0, 16))),
    Case("conv-k17-pads8888", (1, 9, 10), lambda w, x: conv(w, x, 1, (17, 17), pads=(8, 8, 8, 8))),
    finer(
        "conv-k17-s2-pads8787",
        (1, 12, 11),
        lambda w, x: conv(w, x, 1, (17, 17), stride=(2, 2), pads=(8, 7, 8, 7)),
    ),
    Case("conv-depthwise-k20x17", (2, 21, 18), lambda w, x: conv(w, x, 2, (20, 17), group=2)),
    finer("conv-1024-channels-in", (1024, 2, 3), lambda w, x: conv(w, x, 3, (1, 1))),
    Case("conv-1100-channels-in", (1100, 3, 2), lambda w, x: conv(w, x, 3, (2, 2))),
    Case("conv-1100-channels-out", (2, 3, 2), lambda w, x: conv(w, x, 1100, (2, 2))),
    Case("conv-1100-channels-depthwise", (1100, 3, 2), lambda w, x: conv(w, x, 1100, (2, 2), group=1100)),
    Case("conv-width12", (2, 5, 12), lambda w, x: conv(w, x, 3, pads=(1, 1, 1, 1))),
    Case("conv-width20-height12", (2, 12, 20), lambda w, x: conv(w, x, 3, pads=(1, 1, 1, 1))),
    Case("conv-width300", (1, 4, 300), lambda w, x: conv(w, x, 2, pads=(1, 1, 1, 1))),
    Case("conv-height300-s2", (1, 300, 4), lambda w, x: conv(w, x, 2, stride=(2, 2), pads=(1, 1, 1, 1))),
    finer("conv-width257-s1x2", (1, 3, 257), lambda w, x: conv(w, x, 2, stride=(1, 2))),
]
