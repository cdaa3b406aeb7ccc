"""Random small networks for the chip in Verilog: those of the property tests, in layers that it has."""

from dataclasses import replace

import numpy as np
from oracle.graphs import BODY, TAIL, random_model

import snc
from snc.ir.errors import DoesNotFit

from .networks import CHIP, Case

MISSING = {"sigmoid", "tanh", "gate"}  # activation functions that are not in Verilog
KINDS = [kind for kind in (*BODY, *TAIL) if kind not in MISSING]
WEIGHTS = "fixed8", "fixed8", "float16", "fixed4", "adaptive6e2", "adaptive5e2s", "sign", "float32"


def drawn(seed: int) -> Case:
    """The network of a seed, its weights, its states, and a chip of four cores or one of large ones."""
    random = np.random.default_rng([seed, 14])
    chip = replace(CHIP, mesh=(2, 2), strided_tables=int(random.choice([0, 0, 8])))
    chip = replace(chip, core_words=int(random.choice([400, 700, 1500, CHIP.core_words])))
    options = {"weights": str(random.choice(WEIGHTS)), "effort": 0.5, "force": True}
    options["states"] = str(random.choice(["shared", "persistent"]))
    return Case(random_model(seed, KINDS), chip, options)


def compiled(case: Case) -> snc.ChipImage:
    """The image, on the shipped chip's cores where those of the case are too small."""
    try:
        return snc.compile(case.model, case.chip, **case.options)
    except DoesNotFit:
        chip = replace(case.chip, core_words=CHIP.core_words)
        return snc.compile(case.model, chip, **case.options)
