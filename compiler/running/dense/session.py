"""A graph in ONNX Runtime, its maps in one array that is written anew in every run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from .graph import Graph, Size
from .parts import LINE, cuts, lives, placed

Floats = NDArray[np.float32]

BEHIND = 64  # numbers behind all maps that may be read


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The maps of some frames, [frames, D, H, W] each, in `numbers`; and ONNX Runtime's bindings by part."""

    numbers: Floats
    maps: Mapping[int, Floats]
    bindings: tuple[Any, ...]


class Session:
    """A graph, for inputs and outputs that are maps, run part by part.

    `kept`: outputs that are there until the next run; others until a part writes over them. `parts`: the maps
    that are there from each part on. `begins`: where the maps of one frame begin; those of more frames at so
    many times as much. `size`: the numbers of a frame. `constant`: maps with one frame, that stands for all.
    `left`: names of ONNX Runtime's rewritings that it leaves out.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Mapping[int, Size],
        outputs: Mapping[int, Size],
        kept: Collection[int],
        threads: int,
        left: Sequence[str] = (),
    ) -> None:
        self._sizes, self.inputs, self._left = {**inputs, **outputs}, inputs, list(left)
        varying = graph.varying([f"m{index}" for index in inputs])
        self.constant = frozenset(index for index in outputs if f"m{index}" not in varying)
        # Threads of several parts would get in each other's way.
        makes = cuts(graph, inputs, outputs) if threads == 1 else [list(outputs)]
        self._reads: list[list[int]] = []
        self._runtimes = []
        known = list(inputs)
        for part in makes:
            nodes, read = graph.part([f"m{index}" for index in part], {f"m{index}" for index in known})
            self._reads.append([index for index in known if f"m{index}" in read])
            self._runtimes.append(self._runtime(nodes, self._reads[-1], part, threads) if part else None)
            known += part
        self._makes = makes
        self.parts = [[*inputs, *makes[0]], *makes[1:]]
        there = lives(self.parts, self._reads, {*kept, *inputs})
        self.begins, self.size = placed(self._sizes, there)
        self._numbers = np.zeros(0, dtype=np.float32)
        self._values: dict[int, Values] = {}
        self._frames = 0

    def values(self, frames: int) -> Values:
        """Where the inputs of so many frames are written, and their outputs found: until the next call."""
        if self._numbers.size < frames * self.size + BEHIND:
            self._values, self._numbers = {}, self._numbers[:0]  # their memory is free again
            whole = np.zeros(frames * self.size + LINE + BEHIND, dtype=np.float32)
            self._numbers = whole[-(whole.ctypes.data // whole.itemsize) % LINE :]
        if frames not in self._values:
            self._values[frames] = self._placed(frames)
        values = self._values[frames]
        if frames != self._frames:  # what no input names is 0, and others have stood there
            self._frames = frames
            for index in self.inputs:
                values.maps[index][:] = 0
        return values

    def run(self, values: Values, part: int) -> None:
        """Runs a part, behind those before it."""
        runtime = self._runtimes[part]
        if runtime is not None:
            runtime.run_with_iobinding(values.bindings[part])

    def _runtime(self, graph: Graph, inputs: Collection[int], outputs: Collection[int], threads: int) -> Any:
        sizes = {f"m{index}": self._sizes[index] for index in inputs}
        constant = {f"m{index}" for index in self.constant}
        model, large = graph.model(sizes, [f"m{index}" for index in outputs], constant)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # walk and host go on behind
        options.log_severity_level = 4
        held = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in large.items()}
        if held:
            options.add_external_initializers(list(held), list(held.values()))
        return onnxruntime.InferenceSession(
            model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=self._left,
        )

    def _placed(self, frames: int) -> Values:
        maps: dict[int, Floats] = {}
        single: dict[int, Floats] = {}
        for index, size in self._sizes.items():
            first = frames * self.begins[index]
            shape = 1 if index in self.constant else frames, size.depth, size.height, size.width
            each = single[index] = self._numbers[first : first + np.prod(shape)].reshape(shape)
            maps[index] = np.broadcast_to(each, (frames, *shape[1:])) if len(each) < frames else each
        bindings = []
        for runtime, reads, makes in zip(self._runtimes, self._reads, self._makes, strict=True):
            binding = None if runtime is None else runtime.io_binding()
            if binding is not None:
                for bind, indices in ((binding.bind_input, reads), (binding.bind_output, makes)):
                    for index in indices:
                        each = single[index]
                        bind(f"m{index}", "cpu", 0, np.float32, each.shape, each.ctypes.data)
            bindings.append(binding)
        return Values(self._numbers, maps, tuple(bindings))
