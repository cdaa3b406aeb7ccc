"""Updates in chip arithmetic for docs/image.md: ties, subnormals, overflow, and what two roundings do."""

import numpy as np

from ...ir.neurons import Update
from ..words.bits import label

# State, update, weight, value.
CASES = (
    (1.0, Update.ADD, 0.5, 2.0**-10),  # half a unit above an even number
    (1.0 + 2.0**-10, Update.ADD, 0.5, 2.0**-10),  # and above an odd one
    (1.0, Update.ADD, 2.0**-11 + 2.0**-30, 1.0),  # a little more than half a unit
    (-1.0, Update.ADD, -(2.0**-11) - 2.0**-30, 1.0),
    (2048.0, Update.ADD, 0.998046875, 1.0),  # a little less than half a unit
    (2048.0, Update.ADD, 127 / 64, 1.0),
    (1.0, Update.ADD, 2.0**-8, 2.0**-4),
    (2.0**-24, Update.ADD, 0.5, 2.0**-24),  # subnormal, and a tie
    (0.0, Update.ADD, 0.5, 2.0**-24),
    (0.0, Update.ADD, 0.75, 2.0**-24),
    (2.0**-14, Update.ADD, -1.0, 2.0**-24),
    (65504.0, Update.ADD, 1.0, 15.9921875),  # the largest number, and less than half a unit
    (65504.0, Update.ADD, 1.0, 16.0),
    (-65504.0, Update.ADD, -64.0, 1024.0),
    (1.5, Update.MULTIPLY, 0.3333333432674408, 3.0),
    (3.0, Update.MULTIPLY, 0.3333333432674408, 0.333251953125),
    (2.0**-14, Update.MULTIPLY, 0.5, 2.0**-10),
    (256.0, Update.MULTIPLY, 1.0, 256.0),
    (0.25, Update.MAXIMUM, 0.100000001490116, 3.0),
    (0.5, Update.MAXIMUM, 0.100000001490116, 3.0),
    (0.0, Update.MINIMUM, -0.100000001490116, 3.0),
    (-1.0, Update.MINIMUM, 0.0, 3.0),  # no synapse
)


def half(value: float) -> str:
    """The bits of a float16, in hexadecimal."""
    with np.errstate(over="ignore"):
        return f"{int(np.float16(value).view(np.uint16)):04x}"


def updated(state: float, update: Update, weight: float, value: float, *, single: bool = False) -> str:
    """The new state. `single`: product and result are rounded to float32 first."""
    kind = np.float32 if single else np.float64
    s, by = kind(state), kind(np.float64(np.float32(weight)) * value)
    new = s
    if update is Update.ADD:
        new = kind(s + by)
    elif weight != 0 and update is Update.MULTIPLY:
        new = kind(s * by)
    elif weight != 0 and (by > s) == (update is Update.MAXIMUM):
        new = by
    return half(float(new))


VECTORS = tuple(
    (
        half(state),
        f"`{label(update)}`",
        repr(float(np.float32(weight))),
        half(value),
        once := updated(state, update, weight, value),
        "" if (twice := updated(state, update, weight, value, single=True)) == once else twice,
    )
    for state, update, weight, value in CASES
)
