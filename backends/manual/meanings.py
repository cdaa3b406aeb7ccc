"""What docs/image.md says of codes and keys, beside their declarations in its tables, and its examples."""

from enum import IntEnum

from ...ir.activations import Activation
from ...ir.chip import Chip
from ...ir.firing.learning import Rounding
from ...ir.neurons import Neuron, Update
from ..image.image import About, Addend, ImageFragment, ImageLayer, ImagePiece, ImageTensor, Solver
from ..words.bits import Word
from ..words.words import (
    Axon,
    BiasFormat,
    Course,
    Extension,
    ExtensionKind,
    Kernel,
    Learning,
    Order,
    Plastic,
    Population,
    Port,
    Step,
    Stride,
)

CODES: dict[type[IntEnum], dict[IntEnum, str]] = {
    BiasFormat: {
        BiasFormat.NONE: "no bias words",
        BiasFormat.FLOAT16: "float16, four in a word",
        BiasFormat.FLOAT32: "float32, two in a word",
    },
    ExtensionKind: {
        ExtensionKind.STATES: "the states lie at `address`, or else behind the axons",
        ExtensionKind.FIRING: "with `address` 1, neurons whose value is 0 send events too",
        ExtensionKind.INITIAL: "`value`, or else 0, is what first states begin at, where there are no biases",
        ExtensionKind.SCALE: "the state times `value`, or else 1, goes into the activation function",
        ExtensionKind.PARAMETER: "`value` is the activation function's next parameter, in the order above",
        ExtensionKind.PARAMETERS: "the next parameter, too: D float32 numbers at `address`, one a channel",
        ExtensionKind.CHANGES: "of an input: it sends changes of more than `value`, or else its elements",
        ExtensionKind.SCALES: "as `SCALE`: D float32 numbers at `address`, one a channel",
        ExtensionKind.FUNCTION: "the activation function has the code `address`, which is above 31",
    },
    Order: {
        Order.RESET: "the states of the population get their first values",
        Order.FIRE: "the values of the population are computed, and its events sent",
    },
    Rounding: {
        Rounding.TRUNCATE: "it is dropped",
        Rounding.NEAREST: "half and more is one more",
        Rounding.STOCHASTIC: "it is one more as often as the part says",
    },
}

MEANINGS: dict[type, dict[str, str]] = {
    Chip: {
        "name": "the target's name",
        "mesh": "cores in X and in Y",
        "core_words": "words of a core's memory",
        "width_max": "W of a population",
        "height_max": "H of a population",
        "depth_max": "D of a population",
        "kernel_max": "KW and KH of a kernel",
        "stride_max": "stride of a kernel, 2^SL",
        "upsampling_max": "upsampling of an axon, 2^US",
        "offset_min": "X_off and Y_off",
        "offset_max": "X_off and Y_off",
        "channel_offset_max": "C_off",
        "axons_max": "axons of a population",
        "ports_max": "ports of a core",
        "reach_min": "relative core address, in X and in Y",
        "reach_max": "relative core address, in X and in Y",
        "strided_tables": "the most pairs in a port's strided table, 0: ports have none",
        "state_bits": "bits of a state",
        "wide_state_bits": "bits of a state of neuron type `WIDE`, 0: there is no such type",
        "chip_mesh": "cores of one chip in X and in Y; a larger mesh is several chips",
        "chip_border_cost": "what the way from one chip to the next costs the mapper, in hops",
        "access_fj": "for estimates: femtojoules of an access to a memory of one word",
        "access_root_fj": "for estimates: femtojoules more for the root of the memory's words",
        "operation_fj": "for estimates: femtojoules of a synaptic operation, its memory accesses apart",
        "hop_fj": "for estimates: femtojoules of an event's way from a core to the next",
        "cycle_ps": "for estimates: picoseconds of a cycle, in which a core does a synaptic operation",
    },
    ImageTensor: {
        "name": "the tensor's name in the model; of a step of a node, `/` and a name behind it",
        "kind": "`input`, `output` or `layer`",
        "shape": "the tensor's shape",
        "dtype": "element type, by numpy's name",
        "pieces": "which neurons are which elements",
        "layer": 'of kind `layer` the layer\'s name, else ""',
    },
    ImagePiece: {
        "core": "index of the core section",
        "population": "address of the population's descriptor",
        "c0": "first channel of the box",
        "y0": "first row",
        "x0": "first column",
        "depth": "channels of the box",
        "height": "rows",
        "width": "columns",
        "base": "element of the box's first neuron",
        "step_c": "elements from a channel to the next",
        "step_y": "elements from a row to the next",
        "step_x": "elements from a column to the next",
    },
    About: {
        "model": "the model's file name",
        "compiler": "what wrote the image",
        "weights": "format of the trained weights; `a x 2, b`: of the first two constants, and of the third",
        "states": "`persistent`, `shared`, or `banded`: shared, with feature maps in bands of rows",
        "objective": "what the mapping minimises",
        "seed": "of the solver",
        "solver": "how good the mapping is",
        "layers": "the layers, in order",
        "host_before": "nodes left to the host, before the chip",
        "host_after": "nodes left to the host, after the chip",
        "host_share_of_macs": "the host's part of all multiplications",
        "host_reasons": "why each of these nodes is left to the host, in their order",
        "dynamics": 'how the network runs over time; "" where each frame is for itself',
    },
    Addend: {
        "constant": "the model's constant that the bias was",
        "values": "numbers of single precision, one for each channel",
    },
    Solver: {
        "status": "the solver's word for the result",
        "objective": "what was reached",
        "bound": "what cannot be bettered",
        "cores_lower_bound": "no mapping has fewer cores",
    },
    ImageLayer: {
        "name": "the layer's name",
        "op": "its operator",
        "nodes": "the model's nodes in it",
        "shape": "D, H, W",
        "fragments": "where its parts lie",
    },
    ImageFragment: {
        "core": "index of the core section",
        "population": "address of the population's descriptor",
        "c0": "the part's first channel in the layer",
        "y0": "its first row",
        "x0": "its first column",
    },
}

EXAMPLES: dict[type[Word], Word] = {
    Port: Port(population=12, table=310, update=Update.MAXIMUM),
    Population: Population(
        width=28,
        height=14,
        depth=64,
        neuron=Neuron.STANDARD,
        activation=Activation.LEAKY_RELU,
        axons=2,
        start=40,
        bias=BiasFormat.FLOAT16,
        extensions=1,
    ),
    Extension: Extension(kind=ExtensionKind.PARAMETER, value=0.125),
    Axon: Axon(
        x_off=-1, y_off=-1, c_off=64, width=4, height=2, kw=3, kh=3, us=0, core_x=-2, core_y=1, port=5
    ),
    Kernel: Kernel(kd=64, kw=3, kh=3, sl=1, first=0, code="fixed8", exponent=-7, address=2048),
    Stride: Stride(stride=576, step=0, begin=0, count=64, exponents=1024),
    Step: Step(order=Order.FIRE, core=3, population=12),
    Learning: Learning(growth=320, maximum=127, window=6, shift=2, rounding=Rounding.STOCHASTIC, pairs=1),
    Course: Course(noise=1, settled=7120),
    Plastic: Plastic(source_core=0, source=3, core=1, population=4),
}
