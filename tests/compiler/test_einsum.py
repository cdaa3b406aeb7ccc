"""Einsum: with a constant it is a layer with weights, elsewhere it is made of products, sums and views."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest

from snc.ir.errors import SncError

from .reference import compiled
from .test_families import Net
from .test_middle import is_computed


def with_weights(equation: str, shape: Sequence[int], *weights: Sequence[int]) -> onnx.ModelProto:
    """Alone but for a Relu: nothing but the Einsum has weights."""
    net = Net(13, shape)
    held = [net.constant(net.random.standard_normal(form) / 2) for form in weights]
    return net.model(net.add("Relu", net.add("Einsum", "x", *held, equation=equation)))


ROWS = (1, 7, 12)
MAPS = (1, 8, 4, 6)
WEIGHTED: dict[str, tuple[str, Sequence[int], tuple[Sequence[int], ...]]] = {
    "dense": ("btf,fo->bto", ROWS, ((12, 5),)),
    "dense, turned": ("btf,of->bto", ROWS, ((5, 12),)),
    "to heads": ("btf,fhd->bhtd", ROWS, ((12, 2, 3),)),
    "from heads": ("bhtd,hdo->bto", (1, 2, 7, 6), ((2, 6, 5),)),
    "each head with its own": ("bhtd,hde->bhte", (1, 2, 7, 6), ((2, 6, 5),)),
    "any axes before": ("...f,fo->...o", ROWS, ((12, 5),)),
    "without a result": ("btf,fo", ROWS, ((12, 5),)),
    "pointwise convolution": ("nchw,dc->ndhw", MAPS, ((5, 8),)),
    "scale of channels": ("nchw,c->nchw", MAPS, ((8,),)),
    "sum along rows": ("nchw,c->nhc", MAPS, ((8,),)),
    "columns that are summed of the constant": ("btf,fok->bto", ROWS, ((12, 5, 2),)),
    "two constants": ("btf,fk,ko->bto", ROWS, ((12, 3), (3, 5))),
    "outer product": ("btf,o->btfo", ROWS, ((3,),)),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_with_a_constant_it_is_the_chips(name: str) -> None:
    equation, shape, weights = WEIGHTED[name]
    is_computed(with_weights(equation, shape, *weights))


def test_the_constant_may_come_first() -> None:
    net = Net(13, ROWS)
    held = net.constant(net.random.standard_normal((12, 5)))
    is_computed(net.model(net.add("Einsum", held, "x", equation="fo,btf->tbo")))


def between(equation: str, operands: str, last: int, opset: int = 13) -> onnx.ModelProto:
    """An Einsum of a [1, 7, 12] and the like, between two products."""
    net = Net(opset, ROWS)
    made = {name: net.add("MatMul", "x", net.weights(12, 12)) for name in dict.fromkeys(operands)}
    found = net.add("Einsum", *(made[name] for name in operands), equation=equation)
    return net.model(net.add("MatMul", found, net.weights(last, 4)))


@pytest.mark.parametrize(
    ("equation", "operands", "last"),
    [
        ("btf->bft", "a", 7),
        ("btf->bf", "a", 12),
        ("bqf,bkf->bqk", "ab", 7),
        ("bqf,bkf,bkg->bqg", "abc", 12),
        ("btf,btf->btf", "ab", 12),
        ("btf,btf->bt", "ab", 7),
        ("...f,...f->...", "ab", 7),
    ],
)
def test_between_layers_of_the_chip(equation: str, operands: str, last: int) -> None:
    is_computed(between(equation, operands, last))


@pytest.mark.parametrize("equation", ["bff->bf", "bff->b"])
def test_a_diagonal_is_refused(equation: str) -> None:
    net = Net(13, (1, 12, 12))
    square = net.add("MatMul", "x", net.weights(12, 12))
    found = net.add("Einsum", square, equation=equation)
    last = net.add("Mul", net.add("Unsqueeze", found, net.constant(np.asarray([0]))), found)
    with pytest.raises(SncError, match="Einsum"):
        compiled(net.model(net.add("MatMul", last, net.weights(12 if equation.endswith("f") else 1, 4))))
