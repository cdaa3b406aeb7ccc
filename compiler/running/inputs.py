"""Inputs from files: arrays, and pictures as the model wants them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...backends.image.image import Image, ImageTensor
from ...ir.errors import BadInput, Origin
from ..frontend.runtime import Arrays
from .runner import network_inputs

# Of the frames of noise, one after the other: some faults show only beyond a bound, some only at zero.
SPREADS = (1.0, 4.0, 0.0)
POSITION_MAX = 127
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True, slots=True)
class Picture:
    """How a picture becomes numbers: RGB 0..255 as float, minus `mean`, divided by `scale` (255 gives
    0..1).
    """

    resize: bool = False
    mean: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    bgr: bool = False


def load_frames(path: Path, image: Image, picture: Picture = Picture()) -> list[Arrays]:
    """The frames of a file: .npy for a network of one input, .npz by the inputs' names, or a picture.

    Arrays have an input's shape, or frames along the first axis. Raises BadInput.
    """
    origin, inputs = Origin(file=path.name), network_inputs(image)
    names = ", ".join(f"{t.name} {list(t.shape)}" for t in inputs)
    try:
        if path.suffix.lower() in PICTURES:
            if len(inputs) != 1:
                raise BadInput(origin, "a picture feeds one input", hint=f"give an .npz with {names}")
            return [{inputs[0].name: load_picture(path, inputs[0], picture)}]
        if path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        elif path.suffix.lower() == ".npy":
            if len(inputs) != 1:
                raise BadInput(origin, "an .npy feeds one input", hint=f"give an .npz with {names}")
            arrays = {inputs[0].name: np.load(path, allow_pickle=False)}
        else:
            raise BadInput(origin, "is no input file", hint="give an .npy, .npz, .png or .jpg")
    except OSError as error:
        raise BadInput(origin, f"cannot be read ({error.strerror or error})", hint="check the path") from None
    except (ValueError, EOFError, KeyError) as error:
        raise BadInput(
            origin, f"holds no arrays ({error})", hint="write it with numpy.save or numpy.savez"
        ) from None
    if len(inputs) == 1 and inputs[0].name not in arrays and len(arrays) == 1:
        arrays = {inputs[0].name: next(iter(arrays.values()))}
    missing = [tensor.name for tensor in inputs if tensor.name not in arrays]
    if missing:
        raise BadInput(origin, f"has no array {missing[0]!r}", hint=f"the network's inputs are {names}")
    frames = {tensor.name: _frames(arrays[tensor.name], tensor, origin) for tensor in inputs}
    counts = {len(found) for found in frames.values()}
    if len(counts) != 1:
        raise BadInput(origin, f"has {sorted(counts)} frames for its inputs", hint="give as many of each")
    return [{name: found[i] for name, found in frames.items()} for i in range(counts.pop())]


def _frames(array: NDArray[Any], tensor: ImageTensor, origin: Origin) -> list[NDArray[Any]]:
    shape = tuple(tensor.shape)
    if array.dtype.kind not in "fiub":
        rule = f"the array of input {tensor.name!r} is of type {array.dtype}, which are no numbers"
        raise BadInput(origin, rule, hint="save it as float32")
    if array.shape in (shape, shape[1:]):
        return [array.reshape(shape)]
    if array.shape[1:] in (shape, shape[1:]) and len(array):
        return [frame.reshape(shape) for frame in array]
    rule = f"the array of input {tensor.name!r} has the shape {list(array.shape)}, not {list(shape)}"
    raise BadInput(origin, rule, hint="frames go along the first axis")


def load_picture(path: Path, tensor: ImageTensor, picture: Picture) -> NDArray[np.float32]:
    """A picture in an input's shape: channels first or last, as the shape says. Raises BadInput."""
    from PIL import Image as Pillow

    origin, shape = Origin(file=path.name), tuple(tensor.shape)
    channels_last = len(shape) == 4 and shape[-1] in (1, 3) and shape[1] not in (1, 3)
    if len(shape) != 4 or (shape[-1] if channels_last else shape[1]) not in (1, 3):
        raise BadInput(
            origin, f"is a picture, the input {tensor.name} has the shape {list(shape)}", hint="give an .npy"
        )
    height, width, depth = shape[1:] if channels_last else (shape[2], shape[3], shape[1])
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
    pixels = np.asarray(found, dtype=np.float32).reshape(height, width, depth)
    if picture.bgr:
        pixels = pixels[:, :, ::-1]
    mean, scale = (np.array(v, dtype=np.float32) for v in (picture.mean, picture.scale))
    pixels = (pixels - mean) / scale
    ordered = pixels if channels_last else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(ordered.reshape(shape), dtype=np.float32)


def random_frames(image: Image, count: int, seed: int) -> list[Arrays]:
    """Frames of noise: standard normal floats, wider ones, and zeros, in turn; of 8-bit integers the whole
    range, of wider ones, which may be positions, 0 to 127.
    """
    random = np.random.default_rng(seed)
    inputs = network_inputs(image)
    return [
        {tensor.name: _noise(random, tensor, SPREADS[index % len(SPREADS)]) for tensor in inputs}
        for index in range(count)
    ]


def _noise(random: np.random.Generator, tensor: ImageTensor, spread: float) -> NDArray[Any]:
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "f":
        return (spread * random.standard_normal(tensor.shape)).astype(np.float32)
    if dtype.kind == "b":
        return random.integers(0, 2, tensor.shape).astype(dtype)
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.itemsize == 1 else (0, POSITION_MAX)
    return random.integers(low, high, tensor.shape, endpoint=True).astype(dtype)
