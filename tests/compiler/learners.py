"""Small networks that learn: NIR graphs of untrained ones, the rule, and the learner beside them."""

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from snc.backends.image.image import Image
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.targets.target import load_target
from snc.ir.chip import Chip
from snc.ir.firing.learning import Learning
from snc.ir.firing.learning import Rounding as Written
from snc.models.stdp.rule import Learner, Rounding, Rule

from .nir_graphs import graph, integrate, saved

SIDE = 3
INPUTS = 2 * SIDE * SIDE
SMALL = Rule(neurons=7, steps=20, inhibition=300, threshold=150, growth=20, window=3)


def rule_of(rule: Rule) -> Learning:
    """A learner's rule as the compiler takes it."""
    return Learning(
        "input", "neurons", rule.window, rule.shift, 127, float(rule.growth),
        float(rule.threshold + 16 * rule.growth) if rule.is_adaptive else inf,
        rule.bits or 0, Written(int(rule.rounding)),
    )  # fmt: skip


def untrained(rule: Rule, seed: int = 0) -> tuple[nir.NIRGraph, Learner]:
    """Two feature maps of 3 x 3, all joined with neurons that inhibit each other; and its learner."""
    learner = Learner.new(rule, INPUTS, np.random.default_rng(seed))
    nodes = {
        "input": nir.Input({"input": np.array([2, SIDE, SIDE])}),
        "pixels": nir.Flatten({"input": np.array([2, SIDE, SIDE])}, 0, -1),
        "weights": nir.Linear(learner.weights.T.copy()),
        "neurons": integrate([rule.neurons], v_threshold=learner.thresholds),
        "inhibition": nir.Linear(-float(rule.inhibition) * (1.0 - np.eye(rule.neurons))),
        "output": nir.Output({"output": np.array([rule.neurons])}),
    }
    edges = [("input", "pixels"), ("pixels", "weights"), ("weights", "neurons"), ("neurons", "output")]
    return graph(nodes, [*edges, ("neurons", "inhibition"), ("inhibition", "neurons")]), learner


def image_of(folder: Path, rule: Rule, chip: Chip | None = None, **changes: Any) -> tuple[Image, Learner]:
    """The image of such a network, and its learner."""
    found, learner = untrained(rule)
    path = saved(folder, found, f"{rule.rounding.name}.nir")
    options = Options(learning=replace(rule_of(rule), **changes))
    return compile_model(path, chip or load_target("grai-vip"), options).image, learner


def spikes(random: np.random.Generator, rule: Rule) -> NDArray[np.uint8]:
    """A recording: some inputs spike often, others hardly ever."""
    rates = random.choice([0.02, 0.5], INPUTS)
    found: NDArray[np.uint8] = (random.random((rule.steps, INPUTS)) < rates).astype(np.uint8)
    return found


__all__ = ["INPUTS", "SMALL", "Rounding", "image_of", "rule_of", "spikes", "untrained"]
