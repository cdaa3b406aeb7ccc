"""Learning: the weights of a projection become whole numbers that the chip may change while it runs."""

from dataclasses import dataclass, replace

import numpy as np

from ..ir.errors import BadInput, Origin, Unsupported
from ..ir.firing.learning import LEARNER, NOISE_PARTS, Learning, moved
from ..ir.network import AxisMap, Network, Population, PopulationId, Projection, Update
from ..ir.storage.weights import FORMATS

THRESHOLD = "threshold"  # of a neuron that learns: the parameter that rises


@dataclass(frozen=True, slots=True)
class Teach:
    """A network in which one projection learns by a rule; what it computes without learning stays.

    Raises Unsupported where the rule cannot be run on its neurons and weights, BadInput for layers that there
    are none of.
    """

    rule: Learning

    def __call__(self, network: Network) -> Network:
        """The network, with the rule, weights in its format, and a threshold for each neuron that learns."""
        source, target = (_layer(network, name) for name in (self.rule.source, self.rule.to))
        learner = network.populations[target]
        if learner.neuron is not LEARNER:
            rule = f"is of {learner.neuron.name} neurons, of which none learns"
            raise Unsupported(learner.origin, rule, hint=f"name a layer of {LEARNER.name} neurons in `to`")
        if learner.shape.height * learner.shape.width > 1:
            rule = "has several neurons in a channel, which share a threshold and weights"
            raise Unsupported(learner.origin, rule, hint="name a dense layer in `to`")
        found = [p for p in network.projections if (p.source, p.target) == (source, target)]
        if len(found) != 1:
            rule = (
                f"gets events from {self.rule.source!r} through {len(found)} projections, learning takes one"
            )
            raise Unsupported(learner.origin, rule, hint="name the layer before it in `from`")
        self._check_rule(learner)
        taught = self._taught(found[0])
        own = learner.neuron.parameters.index(THRESHOLD)
        parameters = list(learner.parameters)
        threshold = parameters[own]
        if not isinstance(threshold, tuple):
            parameters[own] = (float(threshold),) * learner.shape.depth
        populations = list(network.populations)
        populations[target] = replace(learner, parameters=tuple(parameters), learns=True)
        projections = tuple(taught if p is found[0] else p for p in network.projections)
        return replace(network, populations=tuple(populations), projections=projections, learning=self.rule)

    def _check_rule(self, learner: Population) -> None:
        """Raises Unsupported where an update leaves the numbers of the codec."""
        most = int(FORMATS[self.rule.format].largest)
        for code in range(most + 1):
            for drawn in (True, False):
                for part in (0, NOISE_PARTS - 1):
                    after = moved(
                        code, drawn, self.rule.exponent, self.rule.maximum, self.rule.shift,
                        self.rule.rounding, part,
                    )  # fmt: skip
                    if not 0 <= after <= most:
                        what = f"an update by {self.rule.rounding} rounding takes {code} to {after}"
                        rule = f"weights of {self.rule.bits} bits end at {most}, and {what}"
                        raise Unsupported(learner.origin, rule, hint="take 8 bits, or nearest rounding")

    def _taught(self, projection: Projection) -> Projection:
        """The projection with weights as its rule changes them."""
        kernel = projection.kernel
        if projection.update is not Update.ADD or kernel.is_shared or not _is_own(projection):
            rule = "has weights that several synapses share, and an update is of one"
            raise Unsupported(projection.origin, rule, hint="let a dense layer learn")
        if (kernel.first < 0).any():
            rule = f"has no weight other than 0 for input channel {int(np.argmax(kernel.first < 0))}"
            raise Unsupported(projection.origin, rule, hint="begin with other weights than 0")
        codec = FORMATS[self.rule.format]
        exponents = np.full(len(kernel.weights), self.rule.exponent, dtype=np.int64)
        held = codec.rounded(kernel.weights, exponents)
        if (held != kernel.weights).any() or held.min() < 0 or held.max() > self.rule.maximum:
            step = 2**self.rule.exponent
            rule = f"has weights that are no multiples of {step} from 0 to {self.rule.maximum}"
            raise Unsupported(projection.origin, rule, hint="round them before they are compiled")
        learns = replace(kernel, format=codec.name, exponents=exponents, is_plastic=True)
        return replace(projection, kernel=learns)


def _layer(network: Network, name: str) -> PopulationId:
    """The population of a layer's result. Raises BadInput."""
    for layer in network.layers:
        if layer.name == name:
            return layer.result
    known = ", ".join(layer.name for layer in network.layers)
    raise BadInput(Origin(file=network.name), f"has no layer {name!r} to learn", hint=f"there are {known}")


def _is_own(projection: Projection) -> bool:
    """Whether each weight belongs to one synapse."""
    return all(_takes_taps_once(axis) for axis in (projection.y, projection.x))


def _takes_taps_once(axis: AxisMap) -> bool:
    return len(np.unique(axis.taps)) == len(axis.taps) and bool((axis.factors == 1).all())
