"""An image for crossbars as text: every word of rules, crossbars and sites, and every cell."""

from collections.abc import Iterator

from .decode import decode
from .image import CrossbarImage

DIGITS = 9  # of a single: no two have the same text


def listing(image: CrossbarImage) -> Iterator[str]:
    """The lines. Raises BadImage for an image that does not hold together."""
    program = decode(image)
    for number, rule in enumerate(program.rules):
        numbers = " ".join(f"{value:.{DIGITS}g}" for value in rule.numbers)
        what = f"{rule.neuron.name} {rule.activation.name} scale {rule.scale:.{DIGITS}g} {numbers}"
        yield f"rule {number}: {what.rstrip()}"
    for index, one in enumerate(program.crossbars):
        rows, columns = one.cells.shape
        yield f"crossbar {index} at ({one.x}, {one.y}): {rows} rows, {columns} columns"
        for column in range(columns):
            cells = one.cells[:, column]
            shown = " ".join(f"{row}:{cells[row]:.{DIGITS}g}" for row in cells.nonzero()[0].tolist())
            head = f"bias {one.bias[column]:.{DIGITS}g} rule {one.rule[column]} step {one.step[column]}"
            yield f"  column {column}: {head} cells {shown}"
        for column, to, row in one.routes.tolist():
            yield f"  column {column} -> crossbar {to} row {row}"
    for tensor, sites in zip(image.tensors, program.sites, strict=True):
        line = "row" if tensor.kind == "input" else "column"
        yield f"{tensor.kind} {tensor.name} {list(tensor.shape)} {tensor.dtype}"
        for element, crossbar, at in sites.tolist():
            yield f"  element {element}: crossbar {crossbar} {line} {at}"
