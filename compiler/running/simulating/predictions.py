"""The outputs of all frames as a file: .npz by their names, .npy of the only one, .csv with a row a frame."""

import csv
import io
import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ....backends.image.container import whole
from ....ir.errors import BadInput, Origin
from ..data.dataset import DataSet
from .answers import Classes, batched, classes_of
from .blocks import Block
from .partial import Partial

DIGITS = {2: 5, 4: 9, 8: 17}  # of a float of so many bytes, from which it can be read again
COLUMNS_MAX = 4096  # elements of a frame's outputs that a table may have


def save_predictions(
    path: Path, finished: Partial, data: DataSet, is_named: bool, labels: Classes | None
) -> None:
    """Writes what a run has finished; the same outputs give the same bytes. `is_named`: whether the outputs
    name each frame's class. Raises BadInput.
    """
    with whole(path) as file:
        WRITERS[path.suffix.lower()](file, finished, data, is_named, labels)


class Form:
    """Raises BadInput, at the first block, for outputs that a file of this kind does not hold."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, block: Block) -> None:
        """The next block."""
        origin, suffix = Origin(file=self._path.name), self._path.suffix.lower()
        if suffix == ".npy" and len(block.outputs) > 1:
            rule = f"an .npy holds one output, the network has {', '.join(block.outputs)}"
            raise BadInput(origin, rule, hint="write an .npz")
        columns = sum(prod(array.shape[1:]) for array in block.outputs.values())
        if suffix == ".csv" and columns > COLUMNS_MAX:
            rule = f"a table of {columns} columns, at most {COLUMNS_MAX} are written"
            raise BadInput(origin, rule, hint="write an .npz")


def _write_npz(file: IO[bytes], finished: Partial, data: DataSet, is_named: bool, labels: object) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name in finished.outputs:
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                _write_array(entry, name, finished, len(data))


def _write_npy(file: IO[bytes], finished: Partial, data: DataSet, is_named: bool, labels: object) -> None:
    (name,) = finished.outputs
    _write_array(file, name, finished, len(data))


def _write_array(file: IO[bytes], name: str, finished: Partial, frames: int) -> None:
    kind, shape = finished.outputs[name]
    header = {
        "descr": npy.dtype_to_descr(kind),
        "fortran_order": False,
        "shape": batched(frames, shape),
    }
    npy.write_array_header_1_0(file, header)
    for block in finished.blocks():
        file.write(np.ascontiguousarray(block.outputs[name]).tobytes())


def _write_csv(
    file: IO[bytes], finished: Partial, data: DataSet, is_named: bool, labels: Classes | None
) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    table = csv.writer(text, lineterminator="\n")
    has_files = data.path.is_dir()
    heads = ["frame", *["file"] * has_files]
    heads += ["class"] * is_named + ["label"] * (labels is not None)
    for name, (_, shape) in finished.outputs.items():
        places = [",".join(str(i) for i in place) for place in np.ndindex(*shape[shape[:1] == (1,) :])]
        heads += [f"{name}[{place}]" if place else name for place in places]
    table.writerow(heads)
    for block in finished.blocks():
        by_output = [_texts(array.reshape(block.frames, -1)) for array in block.outputs.values()]
        named = classes_of(block.outputs).tolist() if is_named else []
        for offset, values in enumerate(zip(*by_output, strict=True)):
            frame = block.first + offset
            row: list[object] = [frame, *[data.file_of(frame)] * has_files]
            row += named[offset : offset + 1]
            row += [] if labels is None else [int(labels[frame])]
            table.writerow([*row, *(number for numbers in values for number in numbers)])
    text.detach()


def _texts(array: NDArray[Any]) -> list[list[str]]:
    """Numbers with as many digits as their type has."""
    if array.dtype.kind == "f":
        digits = DIGITS[array.dtype.itemsize]
        return [[f"{number:.{digits}g}" for number in row] for row in array.tolist()]
    return [[str(number) for number in row] for row in array.tolist()]


WRITERS: dict[str, Callable[..., None]] = {".npz": _write_npz, ".npy": _write_npy, ".csv": _write_csv}
