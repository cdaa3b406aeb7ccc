"""The right class of every frame: an array beside the inputs, or a file of its own."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import BadInput, Origin
from . import stored
from .dataset import DataSet
from .stored import Stored

HINT = "give a whole number for each frame"
Labels = NDArray[np.int64]


def load_labels(where: str, data: DataSet) -> Labels:
    """The labels of a data set. `where`: the key of an array of its .npz, or a file: an array, or text with a
    label at the end of each line. Raises BadInput.
    """
    if data.path.suffix.lower() == ".npz" and where in (known := stored.keys(data.path)):
        return _of_array(Stored(data.path, where), data.labelled)
    path = Path(where)
    if not path.is_file():
        if data.path.suffix.lower() == ".npz":
            rule, hint = f"has no array {where!r}", f"its arrays are {', '.join(known)}"
        else:
            rule, hint = f"has no labels {where!r}", "give the file that holds them"
        raise BadInput(Origin(file=data.path.name), rule, hint=hint)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _of_array(Stored(path), data.labelled)
    if suffix == ".npz":
        keys = stored.keys(path)
        if len(keys) != 1:
            rule = f"has the arrays {', '.join(keys)}"
            raise BadInput(Origin(file=path.name), rule, hint="give a file with one array of labels")
        return _of_array(Stored(path, keys[0]), data.labelled)
    return _of_text(path, data)


def _of_array(array: Stored, frames: int) -> Labels:
    labels: NDArray[Any] = array.whole()
    if labels.size != frames or labels.dtype.kind not in "iu":
        rule = f"{array.key or 'the array'} has the shape {list(labels.shape)} and type {labels.dtype}"
        hint = f"give {frames} whole numbers, one for each frame"
        raise BadInput(Origin(file=array.path.name), rule, hint=hint)
    return np.asarray(labels.reshape(-1), dtype=np.int64)


def _of_text(path: Path, data: DataSet) -> Labels:
    """Lines that end in a label; where they begin with the names of a folder's files, these say whose."""
    origin = Origin(file=path.name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if any(field.strip() for field in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(origin, f"holds no labels ({error})", hint=HINT) from None
    if rows and _number(rows[0]) is None:  # a heading
        rows = rows[1:]
    numbers = [_number(row) for row in rows]
    if None in numbers:
        rule = f"the line {','.join(rows[numbers.index(None)])!r} does not end in a label"
        raise BadInput(origin, rule, hint=HINT)
    labels = [number for number in numbers if number is not None]
    if data.labelled == len(data.sources) and data.path.is_dir():
        labels = _by_name(rows, labels, data)
    if len(labels) != data.labelled:
        of = "recordings" if data.has_recordings else "sequences" if data.has_streams else "frames"
        raise BadInput(origin, f"has {len(labels)} labels for {data.labelled} {of}", hint=HINT)
    return np.array(labels, dtype=np.int64)


def _by_name(rows: Sequence[Sequence[str]], labels: list[int], data: DataSet) -> list[int]:
    """Labels in the order of a folder's files, where each stands beside the name of one."""
    named = {row[0].strip(): label for row, label in zip(rows, labels, strict=True) if len(row) > 1}
    files = [source.path.name for source in data.sources]
    return [named[file] for file in files] if set(files) <= named.keys() else labels


def _number(row: Sequence[str]) -> int | None:
    field = row[-1].strip()
    return int(field) if field.removeprefix("-").isascii() and field.removeprefix("-").isdigit() else None
