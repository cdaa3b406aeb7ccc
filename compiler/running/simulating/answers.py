"""What the outputs of all frames say, gathered block by block: no frame is kept but the first few."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import BadInput, Origin
from ..figures import is_class_numbers
from .blocks import Block

FIRST = 8  # frames that are kept
Floats = NDArray[Any]
Classes = NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Range:
    """The elements of one output over all frames: the first frames', the extremes and the sum."""

    first: Floats
    low: float = np.inf
    high: float = -np.inf
    total: float = 0.0
    elements: int = 0

    def add(self, array: Floats) -> None:
        """Further frames."""
        if array.size:
            self.low, self.high = min(self.low, float(array.min())), max(self.high, float(array.max()))
        self.total += float(array.sum(dtype=np.float64))
        self.elements += array.size
        if len(self.first) < FIRST:
            self.first = np.concatenate([self.first, array[: FIRST - len(self.first)]])

    @property
    def mean(self) -> float:
        """Of all elements."""
        return self.total / max(1, self.elements)


class Answers:
    """Shapes and ranges of the outputs, and each frame's class, where there is one.

    A class is the number that an output holds (the first of several, as TopK orders them), or else the place
    of the first output's largest element.
    """

    def __init__(self, must_name_classes: bool = False) -> None:
        self.must_name_classes = must_name_classes
        self.frames = 0
        self.ranges: dict[str, Range] = {}
        self._classes = bytearray()  # of int64; a slice for each block would keep the block

    def add(self, block: Block) -> None:
        """The next block. Raises BadInput where its outputs name no class, but must."""
        for name, array in block.outputs.items():
            self.ranges.setdefault(name, Range(array[:0])).add(array)
        self.frames += block.frames
        fault = self.fault()
        if fault is None:
            self._classes += classes_of(block.outputs).tobytes()
        elif self.must_name_classes:
            raise fault

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the outputs with all frames along the first axis."""
        return {name: batched(self.frames, found.first.shape[1:]) for name, found in self.ranges.items()}

    @property
    def classes(self) -> Classes:
        """Each frame's class. Raises BadInput where the outputs name none."""
        fault = self.fault()
        if fault is not None:
            raise fault
        return np.frombuffer(self._classes, dtype=np.int64).copy()

    def accuracy(self, labels: Classes) -> float:
        """The share of frames whose class is their label. Raises BadInput where no output says a class."""
        return float((self.classes == labels).mean())

    def fault(self) -> BadInput | None:
        """Why the outputs name no class, if so."""
        name, is_number, shape = classifier({name: found.first for name, found in self.ranges.items()})
        elements = int(np.prod(shape, dtype=np.int64))
        origin = Origin(node=name, operator="output")
        if is_number and elements != max(shape, default=1):
            return BadInput(
                origin,
                f"gives {elements} classes for each frame, {list(shape)} in all",
                hint="labels are for networks that give each frame one",
            )
        if not is_number and elements < 2:
            return BadInput(
                origin,
                "gives each frame one number, which names no class",
                hint="labels are for networks that score classes or give their numbers",
            )
        return None


class Kept:
    """The outputs of all frames, in memory."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    def add(self, block: Block) -> None:
        """The next block."""
        self._blocks.append(block)

    @property
    def outputs(self) -> dict[str, Floats]:
        """Arrays with all frames along the first axis."""
        found = {}
        for name in self._blocks[0].outputs:
            array = np.concatenate([block.outputs[name] for block in self._blocks])
            found[name] = array.reshape(batched(len(array), array.shape[1:]))
        return found


def classes_of(outputs: dict[str, Floats]) -> Classes:
    """The class of each frame, along the first axis of outputs that name one."""
    name, is_number, _ = classifier(outputs)
    scores = outputs[name].reshape(len(outputs[name]), -1)
    return np.asarray(scores[:, 0] if is_number else scores.argmax(axis=1), dtype=np.int64)


def classifier(outputs: dict[str, Floats]) -> tuple[str, bool, tuple[int, ...]]:
    """The output that names a class, whether by its number, and its shape in a frame."""
    for name, array in outputs.items():
        if is_class_numbers(array):
            return name, True, array.shape[1:]
    name, array = next(iter(outputs.items()))
    return name, False, array.shape[1:]


def batched(frames: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of all frames' outputs: along the batch axis where there is one, else a new first axis."""
    if frames == 1:
        return shape
    return (frames, *(shape[1:] if shape[:1] == (1,) else shape))
