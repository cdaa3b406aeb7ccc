"""What stands in a word for a thing that has a name: the numbers of the image, and nowhere else.

A new weight format, neuron model or activation function is a row here beside its declaration in ir/.
"""

from ...ir.activations import Activation
from ...ir.neurons import Neuron, NeuronModel, Update
from .bits import Codes

NO_SYNAPSE = "null"  # the format of a kernel that has no weights

# Of codecs that differ in their form alone, the family: the form has fields of its own.
WEIGHTS: Codes[str] = Codes(
    "WeightCode",
    {NO_SYNAPSE: 0, "float32": 1, "float16": 2, "fixed8": 3, "fixed": 4, "adaptive": 5, "sign": 6},
)

UPDATES: Codes[Update] = Codes(
    "Update", {Update.ADD: 0, Update.MULTIPLY: 1, Update.MAXIMUM: 2, Update.MINIMUM: 3}
)

NEURONS: Codes[NeuronModel] = Codes(
    "Neuron",
    {
        Neuron.STANDARD: 0,
        Neuron.INPUT: 1,
        Neuron.LIF: 2,
        Neuron.COUNTING_LIF: 3,
        Neuron.LI: 4,
        Neuron.CUBA_LIF: 5,
        Neuron.SIGMA_DELTA: 6,
        Neuron.WIDE: 7,
        Neuron.LOIHI_CUBA: 8,
        Neuron.LOIHI_SIGMA_DELTA: 9,
        Neuron.SIGMA: 10,
    },
)

ACTIVATIONS: Codes[Activation] = Codes(
    "Activation",
    {
        Activation.IDENTITY: 0,
        Activation.RELU: 1,
        Activation.CLIP: 2,
        Activation.LEAKY_RELU: 3,
        Activation.SIGMOID: 4,
        Activation.TANH: 5,
        Activation.HARD_SIGMOID: 6,
        Activation.ELU: 7,
        Activation.SELU: 8,
        Activation.CELU: 9,
        Activation.SILU: 10,
        Activation.HARD_SWISH: 11,
        Activation.SOFTPLUS: 12,
        Activation.SOFTSIGN: 13,
        Activation.THRESHOLDED_RELU: 14,
        Activation.ABSOLUTE: 15,
        Activation.EXP: 16,
        Activation.LOG: 17,
        Activation.SQRT: 18,
        Activation.RECIPROCAL: 19,
        Activation.POWER: 20,
        Activation.ERF: 21,
        Activation.GELU: 22,
        Activation.SWISH: 23,
        Activation.MISH: 24,
        Activation.SHRINK: 25,
        Activation.SINE: 26,
        Activation.SIGN: 27,
        Activation.FLOOR: 28,
        Activation.CEIL: 29,
        Activation.ROUND: 30,
        Activation.REQUANTISE: 31,
        Activation.ACOS: 32,
        Activation.ACOSH: 33,
        Activation.ASIN: 34,
        Activation.ASINH: 35,
        Activation.ATAN: 36,
        Activation.ATANH: 37,
        Activation.COSH: 38,
        Activation.SINH: 39,
        Activation.TAN: 40,
    },
)
# Those that a descriptor has bits for; an extension word FUNCTION says the others.
NEAR_ACTIVATIONS: Codes[Activation] = Codes(
    ACTIVATIONS.title, {each: code for each, code in ACTIVATIONS.numbers.items() if not each.is_further}
)
