"""The files that the bench reads: memories by node of the mesh, steps, places, and what the host feeds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..exchange.formats import FORMATS, Memory
from ..image.image import Image

NOTHING = np.zeros(1, dtype=np.uint64)


def mesh_of(image: Image) -> tuple[int, int]:
    """The smallest mesh that has all cores of an image, in X and Y: addresses are relative."""
    xs, ys = ([getattr(core, axis) for core in image.cores] for axis in "xy")
    return max(xs) - min(xs) + 1, max(ys) - min(ys) + 1


def nodes_of(image: Image, mesh: tuple[int, int]) -> list[int]:
    """The node of each core: nodes count along X first."""
    x0, y0 = (min(getattr(core, axis) for core in image.cores) for axis in "xy")
    return [(core.y - y0) * mesh[0] + core.x - x0 for core in image.cores]


def save_memories(
    folder: Path, image: Image, mesh: tuple[int, int], fed: Sequence[Sequence[NDArray[np.float32]]]
) -> None:
    """Writes what the bench reads. `fed`: of each frame, values of the input populations as they fire."""
    nodes = nodes_of(image, mesh)
    held = dict(zip(nodes, (core.words for core in image.cores), strict=True))
    memories = [Memory(f"memory_{node}", held.get(node, NOTHING)) for node in range(mesh[0] * mesh[1])]
    memories.append(Memory("steps", image.steps))
    for name, data in FORMATS["memh"].files(memories).items():
        (folder / name).write_bytes(data)
    _numbers(folder / "places.memh", np.array(nodes))
    for number, frame in enumerate(fed):
        halves = [values.astype(np.float16).view(np.uint16).ravel() for values in frame]
        _numbers(folder / f"inputs_{number}.memh", np.concatenate([*halves, np.zeros(1, dtype=np.uint16)]))


def _numbers(path: Path, numbers: NDArray[np.integer]) -> None:
    path.write_text("".join(f"{number:04x}\n" for number in numbers.tolist()))
