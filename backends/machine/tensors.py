"""Between tensors and neurons: a piece is a box of neurons, and a strided box of a tensor's elements.

That no piece leaves its population or its tensor was checked when the image was decoded.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...ir.errors import BadInput, Origin
from ..image.image import ImagePiece, ImageTensor

Floats = NDArray[np.float32]

FEW = 8  # channels, along which numpy goes slowly where they lie side by side


def elements(tensor: ImageTensor, given: ArrayLike, origin: Origin) -> Floats:
    """An input tensor as a flat array of float32. Raises BadInput unless it holds finite numbers in shape."""
    array = np.asarray(given)
    title = f"input {tensor.name!r}"
    if array.dtype.kind not in "biuf":
        raise BadInput(origin, f"{title} is made of {array.dtype}, not of numbers")
    if array.shape != tensor.shape:
        raise BadInput(
            origin, f"{title} has the shape {list(array.shape)}, the model takes {list(tensor.shape)}"
        )
    if array.dtype != np.float32:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    flat = np.ascontiguousarray(array).reshape(-1)
    if not np.isfinite(flat).all():
        raise BadInput(origin, f"{title} has elements that are not finite")
    return flat


def fed(
    tensors: Sequence[ImageTensor],
    inputs: Mapping[str, ArrayLike],
    origin: Origin,
    values: Mapping[tuple[int, int], Floats],
) -> None:
    """Input tensors become values [D, H, W] of populations, by core and address. Raises BadInput for other
    arrays.
    """
    names = {tensor.name for tensor in tensors}
    if inputs.keys() != names:
        hint = f"inputs are {', '.join(f'{tensor.name} {list(tensor.shape)}' for tensor in tensors)}"
        if unknown := sorted(inputs.keys() - names):
            raise BadInput(origin, f"there is no input {unknown[0]!r}", hint=hint)
        missing = next(tensor.name for tensor in tensors if tensor.name not in inputs)
        raise BadInput(origin, f"input {missing!r} is missing", hint=hint)
    for tensor in tensors:
        flat = elements(tensor, inputs[tensor.name], origin)
        for piece in tensor.pieces:
            spread(piece, flat, values[piece.core, piece.population])


def spread(piece: ImagePiece, flat: Floats, values: Floats) -> None:
    """Neurons of a population, values [D, H, W], take the elements of their piece."""
    neurons, box = _neurons(piece, values), _box(piece, flat)
    if not 1 < piece.depth <= FEW:
        neurons[:] = box
        return
    for channel, elements_of in zip(neurons, box, strict=True):
        channel[:] = elements_of


def gathered(tensor: ImageTensor, values: Mapping[tuple[int, int], Floats]) -> Floats:
    """A tensor of the values [D, H, W] of populations; elements that no piece names are 0."""
    flat = np.zeros(prod(tensor.shape), dtype=np.float32)
    for piece in tensor.pieces:
        _box(piece, flat)[:] = _neurons(piece, values[piece.core, piece.population])
    return flat.reshape(tensor.shape)


def cast_to(values: Floats, dtype: str) -> NDArray[Any]:
    """Numbers as another type has them: integers towards zero, within the type's limits, 0 for a NaN."""
    kind = np.dtype(dtype)
    if kind == values.dtype:
        return values
    if kind.kind not in "iu":
        with np.errstate(over="ignore"):
            return values.astype(kind)
    limits = np.iinfo(kind)
    wide = np.trunc(np.nan_to_num(values.astype(np.float64), nan=0.0))
    low, high = (
        wide <= limits.min,
        wide >= float(limits.max),
    )  # 2^63 - 1 is 2^63 there: no float32 lies between
    found = np.where(low | high, 0.0, wide).astype(kind)
    found[low], found[high] = limits.min, limits.max
    return found


def _neurons(piece: ImagePiece, values: Floats) -> Floats:
    return values[
        piece.c0 : piece.c0 + piece.depth,
        piece.y0 : piece.y0 + piece.height,
        piece.x0 : piece.x0 + piece.width,
    ]


def _box(piece: ImagePiece, flat: Floats) -> Floats:
    """The elements of a piece, [D, H, W]."""
    shape, size = (piece.depth, piece.height, piece.width), flat.itemsize
    steps = piece.step_c * size, piece.step_y * size, piece.step_x * size
    return np.ndarray(shape, flat.dtype, flat.data, piece.base * size, steps)
