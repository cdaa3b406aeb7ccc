"""The support table: what lowering understands, operator by operator, as docs/operators.md lists it."""

from .lower import HANDLERS

HEAD = """# Operators

<!-- Generated from the functions that lower: change their docstrings, and run `make bless`. -->

What the compiler maps onto the chip. Everything else, and whatever a line rules out, goes to the host where
it stands before the chip's first layer or behind its last, and is refused elsewhere. `snc check` says which,
for every node of a model. Operators have the meaning that ONNX gives them, opsets 6 to 28; weights, axes,
sizes and scales are constants.

| operator | what is mapped |
| --- | --- |
"""


def support_table() -> str:
    """docs/operators.md."""
    return HEAD + "".join(f"| {name} | {HANDLERS[name].summary} |\n" for name in sorted(HANDLERS))
