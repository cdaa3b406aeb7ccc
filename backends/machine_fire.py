"""FIRE: a population's values go out along its axons, each bundle by the compiled function that suits it."""

import numpy as np
from numpy.typing import NDArray

from .machine_channels import fire_channels
from .machine_decode import Program
from .machine_events import fire_many, fire_one

Floats = NDArray[np.float32]


def send(program: Program, index: int, values: Floats, states: Floats, chip: bool) -> None:
    """Sends the events of population `index`, values [D, H, W]; states and the bundles' counters change."""
    block, bundles = program.blocks[index], program.bundles[index]
    depth, height, width = values.shape
    chip_flag = True if chip else None
    by_channel = by_pixel = None
    with np.errstate(all="ignore"):  # where nothing is compiled, infinities run their course all the same
        for bundle in bundles:
            mixed = True if bundle.mixed else None
            if bundle.channels is not None:
                if by_pixel is None:
                    by_pixel = np.ascontiguousarray(values.transpose(1, 2, 0)).ravel()
                fire_channels(
                    by_pixel,
                    height,
                    width,
                    depth,
                    block.fires_on_zero,
                    bundle.axons,
                    bundle.channels.kernel,
                    bundle.channels.weights,
                    states,
                    bundle.counters,
                    chip_flag,
                    mixed,
                )
                continue
            if by_channel is None:
                by_channel = np.ascontiguousarray(values)
            fire = fire_one if len(bundle.axons) == 1 else fire_many
            fire(
                by_channel,
                block.fires_on_zero,
                bundle.axons,
                program.rows,
                program.kernels,
                program.weights,
                states,
                bundle.counters,
                chip_flag,
                mixed,
            )
