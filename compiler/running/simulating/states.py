"""What an image's states of 16 bits cost: the image in the chip's arithmetic against its model, on frames."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...choosing.frames import Errors, StateAccuracy, apart
from ...frontend.read import to_onnx
from ..reference import Reference
from ..runner import Runner

if TYPE_CHECKING:
    from ...pipeline.driver import Compiled

FRAMES = 4  # every event of each is run


def chip_accuracy(compiled: "Compiled", frames: Sequence[Mapping[str, NDArray[Any]]]) -> StateAccuracy:
    """How near an image is to its model when it rounds as the chip does, on the first frames to choose by."""
    graph = compiled.graph
    names = [value.name for value in graph.outputs if np.dtype(value.dtype).kind == "f"]
    model, held = (
        Reference(to_onnx(each), names, is_precise=False, file=graph.name)
        for each in (graph, compiled.reference())
    )
    runner, narrow, wide = Runner(compiled.image, "chip"), Errors(names), Errors(names)
    kept, _ = apart(len(frames))
    for index in kept[:FRAMES]:
        frame = dict(frames[index])
        wanted = model(frame)
        narrow.add(wanted, runner(frame).outputs)
        wide.add(wanted, held(frame))
    found = narrow.measured()
    return StateAccuracy(found.frames, found.sqnr_db, found.agreement, wide.measured().sqnr_db)
