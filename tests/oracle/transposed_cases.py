"""Conformance cases of transposed convolutions."""

from .case import Case, finer
from .layers import activation, conv_transpose

TRANSPOSED = [
    Case("transposed-k3", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4)),
    finer("transposed-k3-no-bias", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, bias=False)),
    finer("transposed-k3-pads1111", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, pads=(1, 1, 1, 1))),
    Case(
        "transposed-k4-pads0121", (3, 5, 4), lambda w, x: conv_transpose(w, x, 4, (4, 4), pads=(0, 1, 2, 1))
    ),
    Case("transposed-k2-s2", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, (2, 2), stride=(2, 2))),
    finer("transposed-k3-s2", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, stride=(2, 2))),
    Case(
        "transposed-k4-s2-pads1111",
        (3, 4, 5),
        lambda w, x: conv_transpose(w, x, 4, (4, 4), stride=(2, 2), pads=(1,) * 4),
    ),
    Case(
        "transposed-k3-s2-pads1111-out11",
        (3, 4, 5),
        lambda w, x: conv_transpose(w, x, 4, stride=(2, 2), pads=(1, 1, 1, 1), output_padding=(1, 1)),
    ),
    finer(
        "transposed-k3-s2-pads0110-out01",
        (3, 5, 4),
        lambda w, x: conv_transpose(w, x, 4, stride=(2, 2), pads=(0, 1, 1, 0), output_padding=(0, 1)),
    ),
    Case(
        "transposed-k1-s2-leaves-gaps", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, (1, 1), stride=(2, 2))
    ),
    finer(
        "transposed-k2-s3-leaves-gaps", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, (2, 2), stride=(3, 3))
    ),
    Case("transposed-k3-s3", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, stride=(3, 3))),
    Case(
        "transposed-k5-s3-pads1212",
        (3, 4, 5),
        lambda w, x: conv_transpose(w, x, 4, (5, 5), stride=(3, 3), pads=(1, 2, 1, 2)),
    ),
    finer(
        "transposed-k3-s3-out22",
        (2, 3, 4),
        lambda w, x: conv_transpose(w, x, 3, stride=(3, 3), output_padding=(2, 2)),
    ),
    Case("transposed-k3-s2x1", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, stride=(2, 1))),
    finer("transposed-k3-s1x2", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, stride=(1, 2))),
    Case("transposed-k4-s3x2", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, (4, 4), stride=(3, 2))),
    finer("transposed-k4-s4", (3, 3, 4), lambda w, x: conv_transpose(w, x, 2, (4, 4), stride=(4, 4))),
    finer(
        "transposed-k8-s4-pads2222",
        (3, 3, 4),
        lambda w, x: conv_transpose(w, x, 2, (8, 8), stride=(4, 4), pads=(2,) * 4),
    ),
    finer("transposed-k3-d2", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, dilation=(2, 2))),
    Case(
        "transposed-k3-s2-d2", (3, 4, 5), lambda w, x: conv_transpose(w, x, 4, stride=(2, 2), dilation=(2, 2))
    ),
    finer(
        "transposed-k3-s2-d3x1-pads1010",
        (3, 4, 5),
        lambda w, x: conv_transpose(w, x, 2, stride=(2, 2), dilation=(3, 1), pads=(1, 0, 1, 0)),
    ),
    Case("transposed-groups2-s2", (4, 4, 5), lambda w, x: conv_transpose(w, x, 6, stride=(2, 2), group=2)),
    Case(
        "transposed-depthwise-k4-s2-pads1111",
        (4, 4, 5),
        lambda w, x: conv_transpose(w, x, 4, (4, 4), stride=(2, 2), pads=(1,) * 4, group=4),
    ),
    finer(
        "transposed-depthwise-multiplier2",
        (3, 4, 5),
        lambda w, x: conv_transpose(w, x, 6, stride=(2, 2), group=3),
    ),
    Case(
        "transposed-k3-s2-same-upper",
        (3, 4, 5),
        lambda w, x: conv_transpose(w, x, 4, stride=(2, 2), auto_pad="SAME_UPPER"),
    ),
    finer(
        "transposed-k3-s2-same-lower",
        (3, 4, 5),
        lambda w, x: conv_transpose(w, x, 4, stride=(2, 2), auto_pad="SAME_LOWER"),
    ),
    finer(
        "transposed-k3-s2-valid",
        (3, 4, 5),
        lambda w, x: conv_transpose(w, x, 4, stride=(2, 2), auto_pad="VALID"),
    ),
    Case("transposed-from-one-pixel", (6, 1, 1), lambda w, x: conv_transpose(w, x, 3, (4, 5))),
    Case("transposed-k17x3", (2, 4, 5), lambda w, x: conv_transpose(w, x, 2, (17, 3))),
    finer("transposed-k20-s2", (1, 5, 4), lambda w, x: conv_transpose(w, x, 2, (20, 20), stride=(2, 2))),
    finer("transposed-width20-s2", (2, 3, 20), lambda w, x: conv_transpose(w, x, 2, (2, 2), stride=(2, 2))),
    finer(
        "transposed-s2-relu",
        (3, 4, 5),
        lambda w, x: activation(w, conv_transpose(w, x, 4, stride=(2, 2)), "relu"),
    ),
]
