"""What the chip in Verilog can run: whatever an image uses beyond it is refused, by its name."""

from ...ir.activations import Activation
from ...ir.errors import Origin, Unsupported
from ...ir.neurons import Neuron
from ..image.image import Image
from ..machine.decode import decode

# Those that are made of comparisons, products and sums, each rounded once: they have one result.
ACTIVATIONS = (
    Activation.IDENTITY,
    Activation.RELU,
    Activation.CLIP,
    Activation.LEAKY_RELU,
    Activation.HARD_SIGMOID,
    Activation.HARD_SWISH,
    Activation.THRESHOLDED_RELU,
    Activation.ABSOLUTE,
    Activation.SHRINK,
    Activation.SIGN,
    Activation.FLOOR,
    Activation.CEIL,
    Activation.ROUND,
)
NEURONS = (Neuron.STANDARD, Neuron.INPUT, Neuron.SIGMA_DELTA)
STEPS, INPUTS = 2**14, 2**20  # of rtl/sequencer.sv, and of a frame in rtl/bench.sv
MESH = 64  # cores: of a larger mesh, the bench takes too long to build
WAY_OUT = "docs/rtl.md lists what the chip in Verilog has; snc simulate --arithmetic chip has everything"


def check(image: Image, file: str, mesh: tuple[int, int]) -> None:
    """Raises Unsupported for the first thing in an image that the chip in Verilog has not."""
    program = decode(image, Origin(file=file))

    def refuse(core: int, address: int, rule: str) -> None:
        raise Unsupported(Origin(file=file), f"core {core}, population {address}: {rule}", hint=WAY_OUT)

    for number, act in enumerate(program.body, len(program.prologue)):
        if act.every:
            block, said = program.blocks[act.block], f"step {number}, of one frame in {act.every}"
            refuse(block.core, block.address, f"{said}, is not in Verilog")
    for block in program.blocks:
        here = block.core, block.address
        if block.word.neuron not in NEURONS:
            refuse(*here, f"neurons of type {block.word.neuron.name} are not in Verilog")
        if block.activation not in ACTIVATIONS:
            refuse(*here, f"the activation function {block.activation.name} is not in Verilog")
    inputs = sum(block.neurons for block in program.blocks if block.is_input)
    for count, most, what in (
        (len(image.steps), STEPS, "steps"),
        (mesh[0] * mesh[1], MESH, "cores in the rectangle of the mesh that holds it"),
        (inputs, INPUTS, "values of a frame"),
    ):
        if count > most:
            rule = f"{count:,} {what}, and the bench takes {most:,}"
            raise Unsupported(Origin(file=file), rule, hint=WAY_OUT)
