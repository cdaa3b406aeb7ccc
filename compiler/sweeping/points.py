"""The points of a sweep, each with a key: a hash of everything that its row depends on."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx

from ...ir.chip import Chip
from ...ir.version import __version__
from ..pipeline.prepare import is_spiking
from ..targets.target import to_toml
from .spec import Measure, Model, Stated, Sweep


@dataclass(frozen=True, slots=True)
class Point:
    """A model on a target with options. `stated`: what the file says of target and options, by name; `asked`:
    of options alone.
    """

    key: str
    model: Model
    target: str
    stated: Stated
    chip: Chip
    asked: Stated
    measure: Measure

    @property
    def name(self) -> str:
        """In words."""
        said = (f"{key}={value}" for key, value in self.stated.items())
        return " ".join((self.model.name, self.target, *said))


def points(sweep: Sweep) -> tuple[Point, ...]:
    """All points in the order of the file: models, in them targets, in them options."""
    return tuple(_points(sweep))


def _points(sweep: Sweep) -> Iterator[Point]:
    for model in sweep.models:
        inputs = _inputs(model)
        for target in sweep.targets:
            for stated in sweep.options:
                facts = {
                    "snc": __version__,
                    "model": inputs,
                    "target": to_toml(target.chip),
                    "options": stated,
                    "measure": asdict(sweep.measure),
                }
                yield Point(
                    _hash(json.dumps(facts, sort_keys=True).encode()),
                    model,
                    target.name,
                    {**target.numbers, **stated},
                    target.chip,
                    stated,
                    sweep.measure,
                )


def _inputs(model: Model) -> Mapping[str, Any]:
    """Hashes of the files of a model, and what else it is read with."""
    labels = model.labels
    return {
        "files": [_of_file(path) for path in (model.path, *_external(model.path))],
        "data": [] if model.data is None else [_of_file(path) for path in _files(model.data)],
        "labels": _of_file(Path(labels)) if labels is not None and Path(labels).is_file() else labels,
        "input_shapes": {name: list(shape) for name, shape in model.input_shapes.items()},
        "dynamics": repr(model.dynamics),
        "picture": repr(model.picture),
        "names": dict(model.names),
    }


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]


def _external(path: Path) -> list[Path]:
    """The files beside a model that hold tensors of it."""
    if is_spiking(path):
        return []
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # what is wrong with it, reading it will say
        return []
    held = {
        entry.value
        for tensor in onnx.external_data_helper._get_all_tensors(model)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [path.parent / name for name in sorted(held) if (path.parent / name).is_file()]


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
