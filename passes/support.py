"""The support table: what lowering understands, operator by operator, as docs/operators.md lists it."""

from .composing.compose import COMPOSITIONS
from .lowering.lower import HANDLERS

HEAD = """# Operators

<!-- Generated from the functions that lower: change their docstrings, and run `make bless`. -->

What the compiler maps onto the chip. Everything else, and whatever a line rules out, goes to the host where
it stands before the chip's first layer or behind its last, and is refused elsewhere. `snc check` says which,
for every node of a model. What is made of other operators, as Softmax and the normalisations are, is the
chip's only between its layers: where the host can have it, it has. Operators have the meaning that ONNX gives
them, opsets 6 to 28; weights, axes, sizes and scales are constants. QuantizeLinear, DequantizeLinear of what
is computed, and the operators of quantised models (QLinearConv, ConvInteger, MatMulInteger, ...) are not in
the table: such models are rewritten while they are read, and so are RNN, GRU, LSTM, Scan and Loop, whose
steps are frames, or whose sequences are where a node runs backwards ([time.md](time.md)). Where a line says
that an operator is a product with a constant, the constant has at most 4,194,304 elements.

| operator | what is mapped |
| --- | --- |
"""


def support_table() -> str:
    """docs/operators.md."""
    return HEAD + "".join(f"| {name} | {summary} |\n" for name, summary in sorted(summaries().items()))


def mappable() -> frozenset[str]:
    """The operators of which something is mapped."""
    return frozenset({*HANDLERS, *COMPOSITIONS})


def summaries() -> dict[str, str]:
    """What is mapped of each operator of ONNX, those that are made of others included."""
    found = {name: handler.summary for name, handler in HANDLERS.items() if handler.is_onnx}
    return found | {name: composition.summary for name, composition in COMPOSITIONS.items()}
