"""Random lines of quantisers and other operators: the float form is as near as the steps allow."""

import numpy as np
import pytest

from snc.compiler.frontend.quantised.qdq import float_form

from .lines import CONSTANTS, frame, model, run

COUNT = 150
BETWEEN = ("Transpose perm=0x1x3x2", "Clip low high", "Max @{last}", "MaxPool kernel_shape=1x1")


def line(seed: int) -> tuple[str, float]:
    """The steps, and by how much their result may differ: half a step of each quantiser, and what follows
    makes of it, is less than this.
    """
    random = np.random.default_rng(seed)
    steps: list[str] = []
    error, readable, count = 0.0, [0], int(random.integers(2, 9))
    while len(steps) < count:
        match random.choice(("quantise", "quantise", "quantise", "Relu", "LeakyRelu", "Sigmoid", "Add")):
            case "quantise":
                scale = random.choice(("wide", "narrow", "unit"))
                zero = random.choice(("least", "middle", "low"))
                steps.append(f"q {scale} {zero}")
                for _ in range(random.integers(0, 3)):
                    steps.append(str(random.choice(BETWEEN)).format(last=len(steps)))
                steps.append(f"d {scale} {zero}")
                error += float(CONSTANTS[scale])
            case "Add":
                steps.append(f"Add @{random.choice(readable)}")
                error *= 2
            case operator:
                steps.append(str(operator))
        readable.append(len(steps))
    return ", ".join(steps), error


@pytest.mark.parametrize("seed", range(COUNT))
def test_the_float_form_of_a_line_is_near_to_it(seed: int) -> None:
    steps, error = line(seed)
    made, given = model(steps), frame()
    assert np.abs(run(made, given) - run(float_form(made), given)).max() <= error * 1.01 + 1e-5, steps
