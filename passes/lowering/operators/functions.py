"""Functions of one value: each is an activation function of the population that its input is."""

import math
from collections.abc import Callable

from ....ir.layers import Layer
from ....ir.network import Activation
from ..builder import Builder
from .pointwise import activate, activate_each
from .table import HANDLERS, Handler, lowers

Parameters = tuple[float, ...]
GELU_SLOPE, GELU_CUBIC = 2 * math.sqrt(2 / math.pi), 2 * math.sqrt(2 / math.pi) * 0.044715  # of ONNX
SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875  # of ONNX


def numbers(*attributes: tuple[str, float]) -> Callable[[Builder, Layer], Parameters]:
    """Parameters that are attributes of the operator, each with its default."""
    return lambda builder, layer: tuple(layer.number(name, default) for name, default in attributes)


def fixed(*values: float) -> Callable[[Builder, Layer], Parameters]:
    """Parameters that are the same for every layer."""
    return lambda builder, layer: values


def _gelu(builder: Builder, layer: Layer) -> tuple[Activation, Parameters]:
    if layer.text("approximate", "none") == "tanh":
        return Activation.SWISH, (GELU_SLOPE, GELU_CUBIC)
    return Activation.GELU, ()


def _swish(builder: Builder, layer: Layer) -> tuple[Activation, Parameters]:
    alpha = layer.number("alpha", 1.0)
    return (Activation.SILU, ()) if alpha == 1 else (Activation.SWISH, (alpha, 0.0))


Chosen = Callable[[Builder, Layer], tuple[Activation, Parameters]]

NONE, ALPHA = fixed(), numbers(("alpha", 1.0))

# Operator, activation function, parameters, and what the support table says.
FUNCTIONS: tuple[tuple[str, Activation, Callable[[Builder, Layer], Parameters], str], ...] = (
    ("Relu", Activation.RELU, NONE, "The rectifier, max(0, x)."),
    ("LeakyRelu", Activation.LEAKY_RELU, numbers(("alpha", 0.01)), "x, or alpha x below zero."),
    ("Tanh", Activation.TANH, NONE, "The hyperbolic tangent."),
    ("Elu", Activation.ELU, ALPHA, "x, or alpha (exp(x) - 1) below zero."),
    (
        "Selu",
        Activation.SELU,
        numbers(("alpha", SELU_ALPHA), ("gamma", SELU_GAMMA)),
        "Gamma x, or gamma alpha (exp(x) - 1) below zero.",
    ),
    ("Celu", Activation.CELU, ALPHA, "x, or alpha (exp(x / alpha) - 1) below zero."),
    (
        "HardSwish",
        Activation.HARD_SWISH,
        fixed(1 / 6, 0.5),
        "The product of x and max(0, min(1, x / 6 + 1 / 2)).",
    ),
    ("Softplus", Activation.SOFTPLUS, NONE, "log(1 + exp(x))."),
    ("Softsign", Activation.SOFTSIGN, NONE, "The soft sign, x / (1 + abs(x))."),
    ("ThresholdedRelu", Activation.THRESHOLDED_RELU, ALPHA, "The input where it is above alpha, else 0."),
    ("Abs", Activation.ABSOLUTE, NONE, "The absolute value."),
    ("Exp", Activation.EXP, NONE, "The exponential function."),
    ("Log", Activation.LOG, NONE, "The natural logarithm: minus infinity at 0, NaN below."),
    ("Sqrt", Activation.SQRT, NONE, "The square root: NaN below 0."),
    ("Reciprocal", Activation.RECIPROCAL, NONE, "1 / x: infinite at 0."),
    ("Erf", Activation.ERF, NONE, "The error function."),
    ("Mish", Activation.MISH, NONE, "The product of x and tanh(log(1 + exp(x)))."),
    (
        "Shrink",
        Activation.SHRINK,
        numbers(("lambd", 0.5), ("bias", 0.0)),
        "x + bias below -lambd, x - bias above lambd, else 0.",
    ),
    ("Sin", Activation.SINE, fixed(0.0), "The sine."),
    ("Cos", Activation.SINE, fixed(math.pi / 2), "The cosine: a sine a quarter of a turn ahead."),
    ("Tan", Activation.TAN, NONE, "The tangent."),
    ("Acos", Activation.ACOS, NONE, "The inverse of the cosine: NaN beyond 1 and -1."),
    ("Asin", Activation.ASIN, NONE, "The inverse of the sine: NaN beyond 1 and -1."),
    ("Atan", Activation.ATAN, NONE, "The inverse of the tangent."),
    ("Cosh", Activation.COSH, NONE, "The hyperbolic cosine."),
    ("Sinh", Activation.SINH, NONE, "The hyperbolic sine."),
    ("Acosh", Activation.ACOSH, NONE, "The inverse of the hyperbolic cosine: NaN below 1."),
    ("Asinh", Activation.ASINH, NONE, "The inverse of the hyperbolic sine."),
    ("Atanh", Activation.ATANH, NONE, "The inverse of the hyperbolic tangent: NaN beyond 1 and -1."),
    ("Sign", Activation.SIGN, NONE, "1, -1 or 0."),
    ("Floor", Activation.FLOOR, NONE, "The largest integer that is not above x."),
    ("Ceil", Activation.CEIL, NONE, "The least integer that is not below x."),
)
# Operators whose attributes choose the function.
CHOOSING: tuple[tuple[str, Chosen, str], ...] = (
    ("Gelu", _gelu, "x (1 + erf(x / sqrt(2))) / 2, or its approximation by tanh."),
    ("Swish", _swish, "The product of x and sigmoid(alpha x)."),
)


def _enter(operator: str, chosen: Chosen, summary: str) -> None:
    def lower(builder: Builder, layer: Layer) -> None:
        activation, parameters = chosen(builder, layer)
        activate(builder, layer, activation, parameters)

    HANDLERS[operator] = Handler(operator, lower, summary)


def _always(activation: Activation, parameters: Callable[[Builder, Layer], Parameters]) -> Chosen:
    return lambda builder, layer: (activation, parameters(builder, layer))


@lowers("Pow")
def power(builder: Builder, layer: Layer) -> None:
    """With a constant exponent: one, one for each channel, or one for each element."""
    activate_each(builder, layer, Activation.POWER, builder.constant(layer, 1), "exponent")


for _operator, _activation, _parameters, _summary in FUNCTIONS:
    _enter(_operator, _always(_activation, _parameters), _summary)
for _operator, _chosen, _summary in CHOOSING:
    _enter(_operator, _chosen, _summary)
