"""A NetX file becomes layers: convolutions and dense layers as ONNX has them, and Loihi's neurons.

Every block sees what the one before sent a step ago, as between the processes of Lava: blocks fire from the
last one on, and what a block receives comes through a `Feedback` layer.
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ....ir.errors import BadInput, Origin
from ....ir.layers import Array, Attribute, Layer, LayerGraph, Value
from ..nir.dynamics import Dynamics
from ..nir.read import DRIVE, EXACT, HOW, OPSET
from .blocks import Block, Kind, NetBlock, NetXFile, Neurons, Shape, groups_of
from .file import load_netx

ALIGNED = 6  # bits that registers have below the unit of weights, biases, thresholds and spikes
INPUT = "input"
OPS = {
    Kind.CUBA: "LoihiCuba",
    Kind.SIGMA_DELTA: "LoihiSigmaDelta",
    Kind.DELTA: "LoihiSigmaDelta",
    Kind.SIGMA: "Sigma",
}
GRADED = "exact in float32 arithmetic; in the chip's, an event's value is a float16"
MEAN = "exact, but for the rounding of 1/{count} to single precision"
NOTE = "steps of Lava on Loihi, in whole numbers: a block sees what the one before sent a step ago"


def read_netx(path: Path, dynamics: Dynamics) -> LayerGraph:
    """The layers of a file. Raises SncError with everything that cannot be mapped."""
    return layers_of(load_netx(path, dynamics.skip_layers), dynamics)


def layers_of(file: NetXFile, dynamics: Dynamics) -> LayerGraph:
    """The layers of blocks that are known."""
    writer = _Writer(file, dynamics)
    neural = [index for index, block in enumerate(file.blocks) if block.neurons]
    for index in reversed(neural):
        if file.blocks[index].kind is not Block.INPUT:
            writer.neurons(index, [])
    tensor = writer.feed()
    for index, block in enumerate(file.blocks):
        tensor = writer.block(index, block, tensor)
    return writer.graph(tensor)


def gain(neurons: Neurons) -> int:
    """What a block's weights are worth in the registers that they add to."""
    if neurons.kind is Kind.CUBA:
        return int(2 ** (ALIGNED + neurons.weight_exponent))
    return 1


@dataclass(slots=True)
class _Writer:
    """Layers while they are written."""

    file: NetXFile
    dynamics: Dynamics
    layers: list[Layer] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)

    def add(
        self, name: str, op: str, inputs: list[str], shape: Shape, origin: Origin, **facts: Attribute
    ) -> str:
        """A layer, which has the name of its result."""
        self.values[name] = Value(name, (1, *shape))
        self.layers.append(Layer(name, op, tuple(inputs), (name,), MappingProxyType(facts), origin))
        return name

    def feed(self) -> str:
        """The network's input: what the first block receives, or what a skipped one sends."""
        first = self.file.blocks[0]
        is_value = first.neurons is not None and first.neurons.kind is Kind.DELTA
        value = Value(INPUT, (1, *self.file.given), "int32" if is_value else "float32")
        self.inputs.append(value)
        self.values[INPUT] = value
        return INPUT

    def neurons(self, index: int, inputs: list[str], weight: int = 1) -> str:
        """The neurons of a block."""
        block = self.file.blocks[index]
        found = block.neurons
        assert found is not None
        how = EXACT if found.kind is Kind.CUBA else GRADED
        facts: dict[str, Attribute] = {HOW: how, "weight": float(weight)}
        unit = 2**ALIGNED
        if found.kind is Kind.CUBA:
            drive = [0] if block.bias is None else (block.bias * unit).tolist()
            facts |= {
                "current_decay": float(found.current_decay),
                "decay": float(found.decay),
                "drive": float(drive[0]) if len(set(drive)) == 1 else tuple(map(float, drive)),
                "threshold": float(found.threshold * unit),
                "delay": float(found.delay),
            }
            if self.dynamics.reset_interval:
                facts["ends"] = self._ends(index)
        elif found.kind is not Kind.SIGMA:
            facts["threshold"] = float(found.threshold * unit**2)
        if found.rectifies:
            facts["activation"] = "RELU"
        if block.bias is not None and found.kind is not Kind.CUBA:
            constant = f"{block.name}.bias"
            scale = unit**2 if found.kind is Kind.SIGMA_DELTA else 1
            self.constants[constant] = (block.bias * scale).astype(np.float32)
            facts[DRIVE] = constant
        return self.add(block.name, OPS[found.kind], inputs, block.shape, block.origin, **facts)

    def _ends(self, index: int) -> tuple[int, ...]:
        """The frames behind which a block's states begin again: Lava counts steps from 1, and lets the reset
        of each block come a step later than that of the one before.
        """
        interval = self.dynamics.reset_interval
        before = sum(block.neurons is not None for block in self.file.blocks[:index])
        first = self.dynamics.reset_offset + 1 + before  # Lava's number of the step that begins anew
        return interval, (first - 2) % interval

    def block(self, index: int, block: NetBlock, tensor: str) -> str:
        """What brings a block what it receives; gives what it sends."""
        name, origin = block.name, block.origin
        if block.kind is Block.INPUT:
            return self._input(index, block, tensor)
        if block.kind is Block.FLATTEN:
            return self.add(name, "Flatten", [tensor], block.shape, origin, **{HOW: EXACT})
        if block.kind is Block.AVERAGE:
            return self._average(block, tensor)
        assert block.neurons is not None
        made = f"{name}~synapses"
        weight = gain(block.neurons)
        inputs = [tensor]
        if block.kind is not Block.POOL:
            assert block.weights is not None
            self.constants[f"{name}.weight"] = (block.weights * weight).astype(np.float32)
            inputs.append(f"{name}.weight")
        if block.kind is Block.DENSE:
            if len(self.values[tensor].shape) > 2:
                size = int(np.prod(self.values[tensor].shape))
                inputs[0] = self.add(f"{name}~flat", "Flatten", [tensor], (size,), origin, **{HOW: EXACT})
            self.add(made, "Gemm", inputs, block.shape, origin, transB=1, **{HOW: EXACT})
        else:
            assert block.window is not None
            assert block.weights is not None
            window = block.window
            facts: dict[str, Attribute] = {
                "kernel_shape": window.kernel,
                "strides": window.stride,
                "pads": (*window.padding, *window.padding),
                HOW: EXACT,
            }
            if block.kind is Block.POOL:
                facts["weight"] = float(int(block.weights) * weight)
            else:
                facts |= {"group": window.groups}
            op = "SumPool" if block.kind is Block.POOL else "Conv"
            self.add(made, op, inputs, block.shape, origin, dilations=window.dilation, **facts)
        self.add(f"{made} -> {name}", "Feedback", [made, name], block.shape, origin, **{HOW: EXACT})
        return name

    def _input(self, index: int, block: NetBlock, tensor: str) -> str:
        """An input's neurons see what they are given in the same step."""
        if block.neurons is None:
            return tensor
        if block.neurons.kind is Kind.CUBA:
            return self.neurons(index, [tensor], 2**ALIGNED)
        if block.neurons.kind is not Kind.DELTA:
            raise BadInput(block.origin, "its neurons are none of an input", hint="export it again")
        changes = f"{block.name}~changes"
        self.add(changes, "Changes", [tensor], block.shape, block.origin, **{HOW: EXACT})
        return self.neurons(index, [changes], 4**ALIGNED)

    def _average(self, block: NetBlock, tensor: str) -> str:
        """Means of so many elements in a row."""
        given = self.values[tensor].shape
        size = int(np.prod(given))
        count = groups_of(given[1:], block.shape)
        if len(given) > 2:
            tensor = self.add(
                f"{block.name}~flat", "Flatten", [tensor], (size,), block.origin, **{HOW: EXACT}
            )
        weights = np.kron(np.eye(block.shape[0]), np.full((1, count), 1 / count)).astype(np.float32)
        self.constants[f"{block.name}.mean"] = weights
        how = MEAN.format(count=count) if count & (count - 1) else EXACT
        inputs = [tensor, f"{block.name}.mean"]
        return self.add(block.name, "Gemm", inputs, block.shape, block.origin, transB=1, **{HOW: how})

    def graph(self, output: str) -> LayerGraph:
        """All of it."""
        notes = [NOTE]
        kinds = {block.neurons.kind for block in self.file.blocks if block.neurons}
        if self.dynamics.reset_interval and kinds != {Kind.CUBA}:
            notes.append("neurons of type SDNN are not reset, as in Lava")
        return LayerGraph(
            self.file.name,
            OPSET,
            tuple(self.layers),
            MappingProxyType(self.constants),
            tuple(self.inputs),
            (self.values[output],),
            MappingProxyType(self.values),
            tuple(notes),
            is_whole=True,
        )
