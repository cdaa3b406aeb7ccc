"""Pictures, and arrays of their bytes, as numbers in the shape that an input has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....backends.image.image import ImageTensor
from ....ir.errors import BadInput, Origin

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
DEPTHS = (1, 3)  # channels of a picture


@dataclass(frozen=True, slots=True)
class Picture:
    """How a picture becomes numbers: RGB 0..255 as float, minus `mean`, divided by `scale` (255 gives
    0..1).
    """

    resize: bool = False
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    bgr: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether bytes stay the numbers that they are."""
        return not any(self.mean) and all(factor == 1 for factor in self.scale)

    def numbers(self, pixels: NDArray[Any], axis: int) -> NDArray[np.float32]:
        """Bytes as numbers; `axis` is the colours'."""
        shape = [1] * pixels.ndim
        shape[axis] = -1
        mean, scale = (np.array(v, dtype=np.float32).reshape(shape) for v in (self.mean, self.scale))
        return (pixels.astype(np.float32) - mean) / scale


def colours(shape: tuple[int, ...]) -> int | None:
    """The axis of an input's colours, channels first or last, as its shape says; None where it is no
    picture's.
    """
    if len(shape) != 4:
        return None
    return next((axis for axis in (1, 3) if shape[axis] in DEPTHS), None)


def load_picture(path: Path, tensor: ImageTensor, picture: Picture) -> NDArray[np.float32]:
    """A picture in an input's shape. Raises BadInput."""
    from PIL import Image as Pillow

    origin, shape = Origin(file=path.name), tuple(tensor.shape)
    axis = colours(shape)
    if axis is None:
        raise BadInput(
            origin, f"is a picture, the input {tensor.name} has the shape {list(shape)}", hint="give an .npy"
        )
    height, width, depth = shape[1:] if axis == 3 else (shape[2], shape[3], shape[1])
    if depth == 1 and (picture.bgr or max(len(picture.mean), len(picture.scale)) > 1):
        raise BadInput(
            origin, f"is read in grey, for {tensor.name} has one channel", hint="give one mean, one scale"
        )
    try:
        with Pillow.open(path) as opened:
            found = opened.convert("L" if depth == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, Pillow.DecompressionBombError) as error:
        raise BadInput(
            origin, f"is no picture that can be read ({error})", hint="give a .png or .jpg"
        ) from None
    if found.size != (width, height):
        if not picture.resize:
            raise BadInput(
                origin,
                f"is {found.size[0]} x {found.size[1]}, the input is {width} x {height}",
                hint="give --resize",
            )
        found = found.resize((width, height), Pillow.Resampling.BILINEAR)
    pixels = np.asarray(found).reshape(height, width, depth)
    if picture.bgr:
        pixels = pixels[:, :, ::-1]
    numbers = picture.numbers(pixels, axis=2)
    ordered = numbers if axis == 3 else numbers.transpose(2, 0, 1)
    return np.ascontiguousarray(ordered.reshape(shape))
