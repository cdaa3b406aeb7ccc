"""NetX files of the tests' own, as Lava's exporter writes them: HDF5, a group for each block."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Block = dict[str, Any]
LOIHI = {"type": "LOIHI", "iDecay": 4096, "vDecay": 1024, "vThMant": 25, "refDelay": 1, "wgtExp": 0}
SDNN = {"type": "SDNN", "activation": "relu", "vThMant": 3}


def loihi(**changes: Any) -> dict[str, Any]:
    return {**LOIHI, **changes}


def sdnn(**changes: Any) -> dict[str, Any]:
    return {**SDNN, **changes}


def entry(shape: Sequence[int], neuron: Mapping[str, Any] | None = None, **fields: Any) -> Block:
    return {"type": "input", "shape": shape, "neuron": neuron, **fields}


def conv(weight: Any, neuron: Mapping[str, Any], shape: Sequence[int], **fields: Any) -> Block:
    window = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    weight = np.asarray(weight, np.float32)
    return {"type": "conv", "shape": shape, "neuron": neuron, "weight": weight, **window, **fields}


def dense(weight: Any, neuron: Mapping[str, Any] | None, **fields: Any) -> Block:
    weight = np.asarray(weight, np.float32)
    return {"type": "dense", "shape": (weight.shape[0], 1, 1), "neuron": neuron, "weight": weight, **fields}


def pool(kernel: Sequence[int], weight: int, neuron: Mapping[str, Any], shape: Sequence[int]) -> Block:
    window = {"stride": kernel, "padding": (0, 0), "dilation": (1, 1), "kernelSize": kernel}
    return {
        "type": "pool",
        "shape": shape,
        "neuron": neuron,
        "weight": np.full((1, 1, 1, 1), weight),
        **window,
    }


def flatten(size: int) -> Block:
    return {"type": "flatten", "shape": (size, 1, 1)}


def average(count: int) -> Block:
    return {"type": "average", "shape": (count, 1, 1)}


def saved(folder: Path, blocks: Sequence[Block], name: str = "small.net") -> Path:
    """The file of some blocks."""
    path = folder / name
    with h5py.File(path, "w") as file:
        for index, block in enumerate(blocks):
            group = file.create_group(f"layer/{index}")
            for field, value in block.items():
                if field == "type":
                    group.create_dataset("type", (1,), "S10", [value.encode()])
                elif field == "neuron":
                    for key, number in (value or {}).items():
                        group.create_dataset(f"neuron/{key}", data=number)
                elif value is not None:
                    group.create_dataset(field, data=np.asarray(value))
    return path
