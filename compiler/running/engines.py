"""What runs the chip's part of an image, by name: with the same results, to the last bit, but for the dense
engine, whose are near them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from ...backends.crossbar.image import CrossbarImage
from ...backends.image.image import Image
from ...ir.activations import Activation
from ...ir.errors import BadInput, Origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from ...backends.machine.machine import Arithmetic, Fire, Run


AnyImage = Image | CrossbarImage


def lost(image: AnyImage) -> int:
    """Synapses of its network that an image does not have, for they were pruned."""
    return image.about.lost if isinstance(image, CrossbarImage) else 0


class Engine(Protocol):
    """An image that is ready to run, frame by frame."""

    def run(
        self,
        inputs: "Mapping[str, ArrayLike]",
        *,
        keep_layers: bool = False,
        trace: "Callable[[Fire], None] | None" = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> "Run":
        """The next frame. Raises BadInput for arrays that are not the image's inputs."""
        ...

    def states(self, core: int, population: int) -> "tuple[NDArray[np.float32], ...]":
        """What the states of a population hold now, [D, H, W] each."""
        ...

    def restart(self) -> None:
        """The next frame is the first of a run."""
        ...


class Several(Protocol):
    """An engine for frames that do not depend on each other, quicker with some together."""

    @property
    def together(self) -> int:
        """How many."""

    def run_several(self, frames: "Sequence[Mapping[str, ArrayLike]]") -> "list[Run]":
        """What `run` gives for each."""


def several(engine: Engine) -> Several | None:
    """The engine, where it is quicker with some frames together."""
    return cast(Several, engine) if hasattr(engine, "run_several") else None


def auto(image: Image, arithmetic: "Arithmetic") -> Engine:
    """By ONNX Runtime where that is known to give the machine's numbers, as it is of networks of integers;
    else as `walk`.
    """
    from ...backends.lifted.edges import Unliftable
    from ...backends.lifted.feeds import lift
    from ...backends.lifted.walk import Walk

    try:
        lifted = lift(image, Origin())
        of_integers = any(block.activation is Activation.REQUANTISE for block in lifted.program.blocks)
        if of_integers and arithmetic == "float32":
            from .dense.engine import Dense

            with suppress(BadInput):  # what has no graph
                dense = Dense(image, lifted=lifted, exactly=True)
                if dense.is_exact:
                    return dense
        return Walk(image, arithmetic, lifted=lifted)
    except Unliftable:
        return literal(image, arithmetic)


def walk(image: Image, arithmetic: "Arithmetic") -> Engine:
    """Feature map by feature map where the image can be lifted, event by event where not."""
    from ...backends.lifted.edges import Unliftable
    from ...backends.lifted.walk import Walk

    try:
        return Walk(image, arithmetic)
    except Unliftable:
        return literal(image, arithmetic)


def literal(image: Image, arithmetic: "Arithmetic") -> Engine:
    """Event by event, as the manual says it."""
    from ...backends.machine.machine import Machine

    return Machine(image, arithmetic)


def dense(image: Image, arithmetic: "Arithmetic") -> Engine:
    """By ONNX Runtime, as layers again. Raises BadInput for chip arithmetic, and for what has no graph."""
    if arithmetic != "float32":
        raise BadInput(None, f"the dense engine has no {arithmetic} arithmetic", hint="use --engine walk")
    from .dense.engine import Dense

    return Dense(image)


ENGINES: Mapping[str, Callable[[Image, "Arithmetic"], Engine]] = {
    "auto": auto,
    "walk": walk,
    "literal": literal,
    "dense": dense,
}


def engine_of(image: AnyImage, arithmetic: "Arithmetic", name: str) -> Engine:
    """What runs an image of any kind. Raises BadInput for what its kind does not have."""
    if not isinstance(image, CrossbarImage):
        return ENGINES[name](image, arithmetic)
    from ...backends.crossbar.machine import CrossbarMachine

    if arithmetic != "float32":
        rule = f"an image for crossbars has no {arithmetic} arithmetic"
        raise BadInput(None, rule, hint="leave --arithmetic out")
    if name not in ("auto", "walk"):
        rule = f"an image for crossbars is not run by the {name} engine"
        raise BadInput(None, rule, hint="leave --engine out")
    return CrossbarMachine(image)
