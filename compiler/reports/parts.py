"""The report of a network in parts, of `compile --split` and `inspect`, as plain values. Draws nothing."""

from dataclasses import dataclass
from pathlib import Path

from ...backends.image.image import Image
from ...backends.image.parts import SplitImage
from .report import Report, TensorReport, report


@dataclass(frozen=True, slots=True)
class PartReport:
    """A part, in the order in which they run. `report`: of a chip's image; `reasons`: why a host has it."""

    file: str
    kind: str
    file_bytes: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reasons: tuple[str, ...]
    report: Report | None


@dataclass(frozen=True, slots=True)
class PartsReport:
    """A network in parts: its manifest's path, its inputs and outputs, and every part."""

    model: str
    network: str
    target: str
    weights: str
    compiler: str
    inputs: tuple[TensorReport, ...]
    outputs: tuple[TensorReport, ...]
    parts: tuple[PartReport, ...]


def parts_report(image: SplitImage, manifest: Path) -> PartsReport:
    """The report of a network whose manifest and parts stand in a folder."""
    return PartsReport(
        image.manifest.model,
        str(manifest),
        image.chip.name,
        image.about.weights,
        image.manifest.compiler,
        tuple(TensorReport(t.name, t.shape, t.dtype) for t in image.manifest.inputs),
        tuple(TensorReport(t.name, t.shape, t.dtype) for t in image.manifest.outputs),
        tuple(
            PartReport(
                row.file,
                row.kind,
                (manifest.parent / row.file).stat().st_size,
                row.inputs,
                row.outputs,
                row.reasons,
                report(part, manifest.parent / row.file) if isinstance(part, Image) else None,
            )
            for row, part in zip(image.manifest.parts, image.parts, strict=True)
        ),
    )
