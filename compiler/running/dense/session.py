"""A graph in ONNX Runtime, its maps in one array that is written anew in every run."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .graph import Graph, Size

Floats = NDArray[np.float32]

LINE = 16  # numbers of a cache line
BEHIND = 64  # numbers behind all maps that may be read


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The maps of some frames, [frames, D, H, W] each, one behind the other in `numbers`."""

    numbers: Floats
    maps: Mapping[int, Floats]
    binding: Any  # ONNX Runtime's, None where it has nothing to do


class Session:
    """A graph whose inputs and outputs are maps. `threads`: as many as there are processors where it is 0."""

    def __init__(
        self, graph: Graph, inputs: Mapping[int, Size], outputs: Mapping[int, Size], threads: int
    ) -> None:
        self._sizes = {**inputs, **outputs}
        self.inputs, self._outputs = inputs, outputs
        lines = [-(-size.depth * size.height * size.width // LINE) for size in self._sizes.values()]
        *begins, self._size = accumulate((LINE * count for count in lines), initial=0)
        self.begins = dict(zip(self._sizes, begins, strict=True))
        varying = graph.varying([f"m{index}" for index in inputs])
        self.constant = frozenset(index for index in outputs if f"m{index}" not in varying)
        self._numbers = np.zeros(0, dtype=np.float32)
        self._values: dict[int, Values] = {}
        self._frames = 0
        self._session = self._made(graph, threads) if outputs else None

    def values(self, frames: int) -> Values:
        """Where the inputs of so many frames are written, and their outputs found: until the next call."""
        if self._numbers.size < frames * self._size + BEHIND:
            self._values, self._numbers = {}, self._numbers[:0]  # their memory is free again
            whole = np.zeros(frames * self._size + LINE + BEHIND, dtype=np.float32)
            self._numbers = whole[-(whole.ctypes.data // whole.itemsize) % LINE :]
        if frames not in self._values:
            self._values[frames] = self._placed(frames)
        values = self._values[frames]
        if frames != self._frames:  # what no input names is 0, and others have stood there
            self._frames = frames
            for index in self.inputs:
                values.maps[index][:] = 0
        return values

    def run(self, values: Values) -> None:
        """Makes the outputs of the inputs."""
        if self._session is not None:
            self._session.run_with_iobinding(values.binding)

    def _made(self, graph: Graph, threads: int) -> Any:
        sizes = {f"m{index}": size for index, size in self.inputs.items()}
        model, large = graph.model(sizes, [f"m{index}" for index in self._outputs])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        held = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in large.items()}
        if held:
            options.add_external_initializers(list(held), list(held.values()))
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def _placed(self, frames: int) -> Values:
        maps: dict[int, Floats] = {}
        binding = None if self._session is None else self._session.io_binding()
        for index, size in self._sizes.items():
            first = frames * self.begins[index]
            count = 1 if index in self.constant else frames
            shape = count, size.depth, size.height, size.width
            each = self._numbers[first : first + np.prod(shape)].reshape(shape)
            if binding is not None:
                bind = binding.bind_input if index in self.inputs else binding.bind_output
                bind(f"m{index}", "cpu", 0, np.float32, shape, each.ctypes.data)
            maps[index] = np.broadcast_to(each, (frames, *shape[1:])) if count < frames else each
        return Values(self._numbers, maps, binding)
