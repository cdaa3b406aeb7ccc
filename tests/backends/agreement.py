"""The walk and the literal machine on one image: the same numbers in every population, the same counts."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snc.backends.image.image import Image, ImagePiece, ImageTensor
from snc.backends.lifted.edges import Unliftable
from snc.backends.lifted.walk import Walk
from snc.backends.machine.decode import decode
from snc.backends.machine.machine import ARITHMETICS, Arithmetic, Machine, Run
from snc.ir.errors import Origin

Inputs = Mapping[str, NDArray[Any]]
COUNTERS = ("firing", "events", "hops", "empty_events", "synaptic_operations")


def watched(image: Image) -> Image:
    """The image with every population's values as a layer's tensor."""
    found = list(image.tensors)
    for block in decode(image, Origin(file="watched")).blocks:
        shape = block.word.depth, block.word.height, block.word.width
        steps = shape[1] * shape[2], shape[2], 1
        piece = ImagePiece(block.core, block.address, 0, 0, 0, *shape, 0, *steps)
        name = f"core {block.core} at {block.address}"
        found.append(ImageTensor(name, "layer", shape, "float32", (piece,)))
    return replace(image, tensors=tuple(found))


def assert_same(got: Run, want: Run) -> None:
    """Every tensor and every counter of every population."""
    for name in COUNTERS:
        np.testing.assert_array_equal(getattr(got.counters, name), getattr(want.counters, name), err_msg=name)
    for ours, theirs in ((got.outputs, want.outputs), (got.layers, want.layers)):
        assert ours.keys() == theirs.keys()
        for name, values in theirs.items():
            np.testing.assert_array_equal(ours[name], values, err_msg=name)


def agree(
    image: Image, frames: Iterable[Inputs], arithmetics: Iterable[Arithmetic] = ARITHMETICS, threads: int = 2
) -> str:
    """Runs frames on both, one by one and together. Gives why the image is not lifted, or nothing."""
    seen, held = watched(image), list(frames)
    for arithmetic in arithmetics:
        try:
            walk = Walk(seen, arithmetic, threads=threads)
        except Unliftable as why:
            return str(why)
        machine = Machine(seen, arithmetic)
        wanted = []
        for frame in held:
            got, want = walk.run(frame, keep_layers=True), machine.run(frame, keep_layers=True)
            assert_same(got, want)
            wanted.append(replace(want, layers={}))
        opposite = [{name: -array for name, array in frame.items()} for frame in held]
        wanted += [machine.run(frame) for frame in opposite]
        for got, want in zip(walk.run_several([*held, *opposite]), wanted, strict=True):
            assert_same(got, want)
    return ""
