"""The words of a core's memory, declared once (paper, sections 4 and 5.1; decisions in docs/image.md).

Only this file knows how wide a field is. A pass that needs a limit asks the `Chip`.
"""

from enum import IntEnum

from ...ir.activations import Activation
from ...ir.firing.learning import Rounding
from ...ir.neurons import NeuronModel, Update
from ...ir.storage.weights import FORMATS, Codec
from .bits import Word, bits, float32, padding
from .codes import NEAR_ACTIVATIONS, NEURONS, NO_SYNAPSE, UPDATES, WEIGHTS


class BiasFormat(IntEnum):
    """How the initial states of a population's channels are stored."""

    NONE = 0
    FLOAT16 = 1
    FLOAT32 = 2

    @classmethod
    def of(cls, codec: Codec) -> "BiasFormat":
        """The code of a codec."""
        return cls[codec.name.upper()]

    @property
    def codec(self) -> Codec | None:
        """The codec, where there are biases."""
        return None if self is BiasFormat.NONE else FORMATS[self.name.lower()]


class Port(Word):
    """Where an event goes inside its target core: the word at address ID_p.

    ID_p selects the population and the kernels (paper 4.1). Where `strides` is 0, a kernel descriptor is
    found at (table + channel of the event) modulo 2^15. Where it is not, the table is so many pairs of words,
    a kernel descriptor and a stride each.
    """

    population: int = bits(15, "address of the target population's descriptor")
    table: int = bits(15, "base of the kernel-descriptor table")
    update: Update = bits(3, "what a synapse does to the neuron's state", codes=UPDATES)
    strides: int = bits(10, "number of pairs in a strided table, 0: a descriptor a channel", default=0)
    reserved: int = padding(21)


class Population(Word):
    """A block of neurons with one shape, one neuron type and one activation function (paper 4.1, 5.1).

    `start` points to the population's block: extension words, bias words, axons, and then, unless an
    extension word says otherwise, its states.
    """

    width: int = bits(8, "W, neurons in X", minus_one=True)
    height: int = bits(8, "H, neurons in Y", minus_one=True)
    depth: int = bits(10, "D, channels", minus_one=True)
    neuron: NeuronModel = bits(4, "neuron type", codes=NEURONS)
    activation: Activation = bits(5, "activation function", codes=NEAR_ACTIVATIONS)
    axons: int = bits(9, "number of axons")
    start: int = bits(15, "address of the block")
    bias: BiasFormat = bits(2, "format of the bias words", codes=BiasFormat)
    extensions: int = bits(3, "number of extension words")


class ExtensionKind(IntEnum):
    """What an extension word says of its population.

    STATES: `address` is where the states lie (default: behind the axons). FIRING: `address` is 1 when neurons
    with the value 0 send events too (default: 0, they are silent). INITIAL: `value` is every state's first
    value where there are no bias words (default: 0). SCALE: the state is multiplied by `value` before the
    activation function (default: 1). PARAMETER: the activation function's next parameter, in the order of its
    table. PARAMETERS: the same, a number of its own for each channel, float32 from `address` on. CHANGES: the
    values of an input are what its elements are more than what was sent so far, where that is more than
    `value` either way, else 0 (default: the elements themselves). SCALES: in
    place of SCALE, a number of its own for each channel, as with PARAMETERS. FUNCTION: `address` is the code
    of the activation function, which the descriptor then says to be IDENTITY (default: what that says).
    """

    STATES = 1
    FIRING = 2
    INITIAL = 3
    SCALE = 4
    PARAMETER = 5
    PARAMETERS = 6
    CHANGES = 7
    SCALES = 8
    FUNCTION = 9


class Extension(Word):
    """One more fact about a population; most have none. Where the word is absent, a default holds."""

    kind: ExtensionKind = bits(4, "what the word says", codes=ExtensionKind)
    address: int = bits(15, "a word address or a flag", default=0)
    reserved: int = padding(13)
    value: float = float32("a number", default=0.0)


class Axon(Word):
    """Sends the events of one population to one other population (paper 4.2 and 4.3, algorithm 5)."""

    x_off: int = bits(9, "X_off: added to the firing neuron's x << US (equation 12)", signed=True)
    y_off: int = bits(9, "Y_off: added to the firing neuron's y << US", signed=True)
    c_off: int = bits(10, "C_off: added to the firing neuron's channel")
    width: int = bits(6, "W << SL of the target in eights, rounded up", minus_one=True)
    height: int = bits(6, "H << SL of the target in eights, rounded up", minus_one=True)
    kw: int = bits(4, "KW, the kernel's width", minus_one=True)
    kh: int = bits(4, "KH, the kernel's height", minus_one=True)
    us: int = bits(3, "US, log2 of the upsampling")
    core_x: int = bits(4, "X of the target core, relative", signed=True)
    core_y: int = bits(4, "Y of the target core, relative", signed=True)
    port: int = bits(5, "ID_p, the address of a port word in the target core")


class Kernel(Word):
    """The synapses of the events of one source channel (paper 5.1: one kernel descriptor for each)."""

    kd: int = bits(10, "KD, target channels that have synapses", minus_one=True)
    kw: int = bits(4, "KW, the kernel's width", minus_one=True)
    kh: int = bits(4, "KH, the kernel's height", minus_one=True)
    sl: int = bits(1, "SL, log2 of the stride")
    first: int = bits(10, "the first of the KD target channels, in the target population")
    code: str = bits(3, "format of the weights", codes=WEIGHTS)
    lists: int = bits(1, "1, where `skips` is: a list of places names them, and no bitmap", default=0)
    exponent: int = bits(8, "weights are numbers times 2^exponent", signed=True)
    address: int = bits(15, "address of the weights")
    number_bits: int = bits(4, "n, where the format has it: bits of a number, else 0", default=0)
    exponent_bits: int = bits(2, "e, where the format has it: bits of a number's exponent, else 0", default=0)
    subnormals: int = bits(1, "1 where the format has subnormal numbers, else 0", default=0)
    skips: int = bits(1, "1: of the weights, those are stored that what stands before them names", default=0)


class Stride(Word):
    """Of a strided table: the channels whose kernels the kernel descriptor before this word describes.

    They are channels `begin` to begin + count - 1 of the port's events. For channel begin + i, i * step is
    added to the descriptor's `first`, and i * stride bytes to where its weights begin.
    """

    stride: int = bits(18, "bytes from the weights of a channel to those of the next")
    step: int = bits(9, "target channels from the first of a channel to the first of the next")
    begin: int = bits(11, "the first channel")
    count: int = bits(11, "number of channels", minus_one=True)
    exponents: int = bits(15, "address of a signed byte for each channel, its exponent; 0: the descriptor's")


FORM = "number_bits", "exponent_bits", "subnormals"  # which of the codecs with one code


def codecs() -> dict[tuple[int, ...], Codec]:
    """The codecs by what stands in a kernel descriptor for them: the code's number, then the form's."""
    numbers = WEIGHTS.numbers
    return {(numbers[codec.kind], *codec.form): codec for codec in FORMATS.values() if codec.kind in numbers}


NULL_KERNEL = Kernel(kd=1, kw=1, kh=1, sl=0, first=0, code=NO_SYNAPSE, exponent=0, address=0)


class Order(IntEnum):
    """What a step of the firing order does to a population."""

    RESET = 0
    FIRE = 1


class Step(Word):
    """One step of the firing order; the steps are taken one after the other, the same for every frame.

    Those whose `once` is 1 stand first: they are taken before the first frame only. Where `every` is not 0, a
    step is taken in each frame whose number, from 0 on, is `phase` modulo `every`.
    """

    order: Order = bits(2, "RESET sets the states to their first values, FIRE sends events", codes=Order)
    core: int = bits(16, "index of the core section")
    population: int = bits(15, "address of the population's descriptor")
    once: int = bits(1, "1 in the prologue, 0 for each frame", default=0)
    every: int = bits(15, "0: in each frame, else in one of so many", default=0)
    phase: int = bits(15, "in which of them, below `every`; 0 where that is 0", default=0)


class Learning(Word):
    """A rule by which weights change. A `Course` word follows it, and `pairs` words `Plastic`."""

    growth: float = float32("what the threshold of a neuron rises by when it learns")
    maximum: int = bits(8, "what weights are drawn to from sources that have just fired")
    window: int = bits(8, "frames, besides the one that runs, for which a source has just fired")
    shift: int = bits(4, "a weight makes 2^-shift of its way")
    rounding: Rounding = bits(2, "what becomes of a change that is no whole number", codes=Rounding)
    pairs: int = bits(10, "number of words Plastic", minus_one=True)


class Course(Word):
    """How far the learning by a rule has come. The noise changes whenever a weight is rounded by chance."""

    noise: int = bits(31, "state of the generator")
    reserved: int = padding(1)
    settled: float = float32("from this threshold on, a weight makes 2^-(shift + 1) of its way")


class Plastic(Word):
    """Two populations: the weights of the events from `source` to `population` learn."""

    source_core: int = bits(16, "index of the source's core section")
    source: int = bits(15, "address of the source's descriptor")
    core: int = bits(16, "index of the core section of the population that learns")
    population: int = bits(15, "address of its descriptor")
    reserved: int = padding(2)


CORE_WORDS = (Port, Population, Extension, Axon, Kernel, Stride)
LEARNING_WORDS = (Learning, Course, Plastic)
