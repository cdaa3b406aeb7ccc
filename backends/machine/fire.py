"""FIRE: a population's values go out along its axons, each bundle by the compiled function that suits it."""

import numpy as np
from numpy.typing import NDArray

from .decode import Program
from .loops.channels import fire_channels
from .loops.columns import States
from .loops.events import fire_many, fire_one
from .loops.pixels import fire_pixels
from .loops.shortcuts import Channels, Pixels

Floats = NDArray[np.float32]


def send(program: Program, index: int, values: Floats, states: States, chip: bool) -> None:
    """Sends the events of population `index`, values [D, H, W]; states and the bundles' counters change."""
    block = program.blocks[index]
    depth, height, width = values.shape
    zero = block.fires_on_zero
    bundles = program.bundles[index]
    together = [bundle.shortcut is not None for bundle in bundles]
    by_channel = values if all(together) else np.ascontiguousarray(values)
    by_pixel = values if not any(together) else np.ascontiguousarray(values.transpose(1, 2, 0)).ravel()
    with np.errstate(all="ignore"):  # where nothing is compiled, infinities run their course all the same
        for bundle in bundles:
            axons, way, counters = bundle.axons, bundle.shortcut, bundle.counters
            mixed = True if bundle.mixed else None
            neuron = program.blocks[bundle.target].word.neuron
            half = (False if neuron.is_single else None if neuron.is_wide else True) if chip else None
            match way:
                case Channels(kernel, weights):
                    fire_channels(
                        by_pixel, height, width, depth, zero,
                        axons, kernel, weights, states, counters, half, mixed,
                    )  # fmt: skip
                case Pixels(kernel, at):
                    fire_pixels(
                        by_pixel, height, width, depth, zero,
                        axons, kernel, at, program.weights, states, counters, half,
                    )  # fmt: skip
                case None:
                    fire = fire_one if len(axons) == 1 else fire_many
                    fire(
                        by_channel, zero, axons, program.rows, program.kernels,
                        program.weights, program.skipped, states, counters, half, mixed,
                    )  # fmt: skip
