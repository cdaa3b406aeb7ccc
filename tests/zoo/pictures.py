"""Pictures for real networks: photographs where scikit-image or scikit-learn bring some, else smooth ones."""

import importlib
import warnings
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]  # [height, width, 3]
Floats = npt.NDArray[np.float32]

PACKAGED = {
    "chelsea": ("skimage.data", "chelsea"),
    "coffee": ("skimage.data", "coffee"),
    "astronaut": ("skimage.data", "astronaut"),
    "china": ("sklearn.datasets", "load_sample_image", "china.jpg"),
    "flower": ("sklearn.datasets", "load_sample_image", "flower.jpg"),
}


@cache
def photograph(name: str) -> Pixels | None:
    """A picture that one of the packages brings, None where it is not installed."""
    module, function, *arguments = PACKAGED[name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: Pixels = getattr(importlib.import_module(module), function)(*arguments)
    except (ImportError, OSError):
        return None
    return found


def smooth(seed: int, height: int = 300, width: int = 400) -> Pixels:
    """Blobs, edges and a gradient: what convolutions answer to, without any file."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = []
    for _ in range(3):
        plane = 60 + 80 * x / width + 40 * np.sin(y / random.uniform(8, 40) + random.uniform(0, 6))
        for _ in range(12):
            cx, cy, size = random.uniform(0, width), random.uniform(0, height), random.uniform(8, 60)
            inside = np.hypot(x - cx, y - cy) < size
            plane = np.where(inside, plane * 0.3 + random.uniform(0, 180), plane)
        planes.append(plane + random.normal(0, 3, plane.shape))
    pixels: Pixels = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    return pixels


def picture(name: str, seed: int) -> Pixels:
    """A photograph, or a smooth picture in its place."""
    found = photograph(name)
    return smooth(seed) if found is None else found


def cropped(pixels: Pixels, size: int) -> Pixels:
    """The middle of a picture, as a square of this size."""
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    return resized(pixels[top : top + side, left : left + side], size, size)


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """A picture brought to a size."""
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def first_channels(pixels: npt.NDArray[np.generic]) -> Floats:
    """[height, width, depth] as [1, depth, height, width]."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)


def grey(pixels: Pixels) -> Floats:
    """Luminance, [height, width, 1]."""
    luminance: Floats = (pixels @ np.array([0.299, 0.587, 0.114])).astype(np.float32)
    return luminance[:, :, None]
