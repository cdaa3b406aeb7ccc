"""Images of every kind of chip, by what their files begin with."""

from pathlib import Path

from ...backends.crossbar.file import is_crossbar_file, load_crossbars, save_crossbars
from ...backends.crossbar.image import CrossbarImage
from ...backends.image.container import save
from ...backends.image.parts import load_network
from ...backends.image.parts import mesh_of as mesh_of_cores
from .engines import AnyImage


def load_any(path: Path) -> AnyImage:
    """The image of a file, or the network of a manifest. Raises BadInput when it cannot be read, BadImage
    when it is damaged or none.
    """
    return load_crossbars(path) if is_crossbar_file(path) else load_network(path)


def save_any(path: Path, image: AnyImage) -> None:
    """Writes an image; the file is whole or not there."""
    save_crossbars(path, image) if isinstance(image, CrossbarImage) else save(path, image)


def mesh_of(image: AnyImage) -> tuple[int, int]:
    """The mesh of an image, or those of all parts one below the other."""
    return image.chip.mesh if isinstance(image, CrossbarImage) else mesh_of_cores(image)
