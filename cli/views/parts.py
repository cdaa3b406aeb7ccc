"""How a network in parts looks: a row for each part, and why the host has some."""

from typing import TYPE_CHECKING

from .show import Sheet, paragraph, say, size, times

if TYPE_CHECKING:
    from ...compiler.reports.parts import PartsReport

INDENT = 9


def show_parts(found: "PartsReport") -> None:
    """The parts in the order in which they run."""
    chips = sum(part.report is not None for part in found.parts)
    hosts = len(found.parts) - chips
    many = "1 part" if len(found.parts) == 1 else f"{len(found.parts)} parts"
    say(f"{found.model} on {found.target} in {many}: {chips} of the chip, {hosts} of the host", style="bold")
    say()
    table = Sheet("part", "layers>", "cores>", "memory>", "file>", "reads*", "makes*")
    for part in found.parts:
        known = part.report
        table.add(
            part.file,
            "" if known is None else len(known.layers),
            "" if known is None else f"{known.cores.used} of {known.cores.available}",
            "" if known is None else size(known.totals.total_bytes),
            size(part.file_bytes),
            ", ".join(part.inputs),
            ", ".join(part.outputs),
        )
    table.show()
    for part in found.parts:
        for number, reason in enumerate(part.reasons):
            label = part.file.partition(".")[0] if number == 0 else ""
            paragraph(reason, indent=INDENT, label=label)
    for title, tensors in (("inputs", found.inputs), ("outputs", found.outputs)):
        shown = ", ".join(f"{tensor.name} {times(tensor.shape)} {tensor.dtype}" for tensor in tensors)
        say(f"{title:{INDENT}}{shown}")
    say(f"{'weights':{INDENT}}{found.weights}")
    say(f"{'runs':{INDENT}}each image is of a whole chip: they run one after the other")
