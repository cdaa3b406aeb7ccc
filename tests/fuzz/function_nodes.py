"""Functions of one value, drawn at random, on values for which they are numbers and not too steep."""

import functools

import numpy as np

from .drawing import Attribute, Draw, Drawing, Rejected

LEAST = 0.5  # of what stands below a fraction bar, in a root or a logarithm
STEEP = 4.0  # from where an exponential makes much of a rounding
TURNS = 8.0  # from where the rounding of an angle shows
SWISH = 24
NEAR = 1e-3  # how near to a jump a value may be


def _values(d: Drawing, x: str) -> np.ndarray:
    return np.concatenate([np.asarray(value).ravel() for value in d.values[x]])


def positive(d: Drawing) -> str:
    """A tensor that is well above zero: one that is, or the magnitude of one, and something more."""
    x = d.tensor()
    if _values(d, x).min() >= LEAST:
        return x
    return d.add("Add", [d.add("Abs", [x]), d.constant(np.asarray(d.pick(0.5, 1.0)))])


def above_zero(name: str, d: Drawing) -> None:
    d.add(name, [positive(d)])


def power(d: Drawing) -> None:
    exponent = d.pick(2.0, 3.0, 0.5, -0.5, 1.5, 1.0)
    x = d.tensor() if exponent in (1.0, 2.0, 3.0) else positive(d)
    if exponent > 1 and np.abs(_values(d, x)).max() > TURNS:
        raise Rejected("too large a power")
    d.add("Pow", [x, d.constant(np.asarray(exponent) if d.chance(0.5) else np.full(1, exponent))])


def within(name: str, bound: float, d: Drawing) -> None:
    x = d.tensor()
    if np.abs(_values(d, x)).max() > bound:
        raise Rejected("too steep there")
    d.add(name, [x])


def squashed(name: str, d: Drawing) -> None:
    """A function that is steep at 1 and -1, of numbers between 0.9 and -0.9."""
    x = d.tensor()
    if np.abs(_values(d, x)).max() > 0.9:
        x = d.add("Mul", [d.add("Tanh", [x]), d.constant(np.asarray(0.9))])
    d.add(name, [x])


def above_one(name: str, d: Drawing) -> None:
    d.add(name, [d.add("Add", [positive(d), d.constant(np.asarray(1.0))])])


def smooth(name: str, attributes: tuple[tuple[str, tuple[Attribute, ...]], ...], d: Drawing) -> None:
    options: dict[str, Attribute] = {key: d.pick(*found) for key, found in attributes if d.chance(0.6)}
    d.add(name, [d.tensor()], **options)


def _away_from(d: Drawing, x: str, jumps: np.ndarray) -> None:
    """Raises Rejected where a value is so near to a jump that the last place decides."""
    values = _values(d, x)
    nearest = jumps[np.abs(values[:, None] - jumps).argmin(axis=1)] if jumps.size else np.round(values)
    if ((np.abs(values - nearest) < NEAR) & (values != 0)).any():
        raise Rejected("near a jump")


def stepped(name: str, d: Drawing) -> None:
    x = d.tensor()
    if np.abs(_values(d, x)).max() > 100:
        raise Rejected("the last place decides")
    if name == "Sign":
        _away_from(d, x, np.zeros(1))
    elif name == "Round":
        _away_from(d, x, np.arange(-100, 101) + 0.5)
    else:
        _away_from(d, x, np.zeros(0))
    d.add(name, [x])


def shrink(d: Drawing) -> None:
    x = d.tensor()
    limit, bias = d.pick(0.5, 0.2), d.pick(0.0, 0.2, 1.0)
    _away_from(d, x, np.asarray([-limit, limit]))
    d.add("Shrink", [x], lambd=limit, bias=bias)


def gated(name: str, d: Drawing) -> None:
    """A smooth function; often Swish, which ONNX Runtime has at one opset alone."""
    if d.opset == SWISH and (name in ("Swish", "Gelu") or d.chance(0.8)):
        smooth("Swish", (("alpha", (0.5, 1.0, 1.7)),), d)
    elif name == "Swish":
        raise Rejected("no such operator")
    else:
        smooth(name, (("approximate", ("none", "tanh")),) if name == "Gelu" else (), d)


FUNCTION_NODES: dict[str, Draw] = {
    **{name: functools.partial(above_zero, name) for name in ("Log", "Sqrt", "Reciprocal")},
    "Exp": functools.partial(within, "Exp", STEEP),
    **{name: functools.partial(within, name, TURNS) for name in ("Sin", "Cos")},
    **{name: functools.partial(gated, name) for name in ("Erf", "Mish", "Gelu", "Swish")},
    **{name: functools.partial(within, name, STEEP) for name in ("Cosh", "Sinh")},
    **{name: functools.partial(squashed, name) for name in ("Acos", "Asin", "Atanh", "Tan")},
    **{name: functools.partial(smooth, name, ()) for name in ("Atan", "Asinh")},
    "Acosh": functools.partial(above_one, "Acosh"),
    "Pow": power,
    **{name: functools.partial(stepped, name) for name in ("Sign", "Floor", "Ceil", "Round")},
    "Shrink": shrink,
}
