"""The network before it has learnt, which a chip begins with that learns."""

from typing import Any

import numpy as np

from .lessons import DIGITS, Lesson
from .network import CLASSES, Trained, drawn_phases, network
from .rule import Counts, Learner, Rule


def untrained(rule: Rule | None = None, seed: int = 0, lesson: Lesson = DIGITS) -> Any:
    """The graph, for `nir.write`: Input [1, side, side], the spikes of a step; Output [neurons], their
    spikes. It begins with the weights that `train` does.
    """
    import nir

    rule = rule or lesson.rule
    random = np.random.default_rng(seed)
    phases = drawn_phases(lesson, random)  # first, as `train` does
    learner = Learner.new(rule, lesson.pixels, random)
    nobody = np.ones((rule.neurons, CLASSES), dtype=np.int64)  # what neurons will answer is not known
    whole = network(Trained(learner, phases, nobody, Counts(0, 0, 0, 0), lesson))
    nodes = {name: node for name, node in whole.nodes.items() if name != "votes"}
    nodes["output"] = nir.Output({"output": np.array([rule.neurons])})
    edges = [edge for edge in whole.edges if "votes" not in edge]
    return nir.NIRGraph(nodes, [*edges, ("neurons", "output")])
