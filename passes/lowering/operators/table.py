"""The table of operators: what lowers each of them."""

from collections.abc import Callable
from dataclasses import dataclass

from ....ir.layers import Layer
from ..builder import Builder

Lowering = Callable[[Builder, Layer], None]


@dataclass(frozen=True, slots=True)
class Handler:
    """An operator's lowering and the words that the support table says of it. `is_onnx`: ONNX has it."""

    operator: str
    lower: Lowering
    summary: str
    is_onnx: bool = True


HANDLERS: dict[str, Handler] = {}


def lowers(*operators: str, is_onnx: bool = True) -> Callable[[Lowering], Lowering]:
    """Enters a function into the table; the first line of its docstring is what the support table says."""

    def enter(function: Lowering) -> Lowering:
        summary = (function.__doc__ or "").strip().splitlines()[0]
        for operator in operators:
            HANDLERS[operator] = Handler(operator, function, summary, is_onnx)
        return function

    return enter
