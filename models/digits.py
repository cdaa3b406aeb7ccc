"""The digits network we ship, trained by tools/train_digits.py, and the digits it has never seen.

The digits are 8 x 8 counts of 0 to 16, from the "Optical Recognition of Handwritten Digits" data set of E.
Alpaydin and C. Kaynak (CC BY 4.0, see DIGITS-LICENSE.txt) as scikit-learn distributes it.
"""

from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from .writer import Array

if TYPE_CHECKING:
    from onnx import ModelProto

MODEL_FILE = "digits.onnx"
IMAGES_FILE = "digits_test.npz"
TRAINING_FILE = "digits_train.npz"
SIDE = 8  # pixels


class Digits(NamedTuple):
    """Images [N, 1, 8, 8] with values 0 to 16, and labels [N]."""

    images: Array
    labels: npt.NDArray[np.int64]


def digits_model() -> "ModelProto":
    """The trained network: image [1, 1, 8, 8] -> logits [1, 10].

    Convolution 3 x 3 to 16 channels, ReLU, max pooling; convolution 3 x 3 to 32, ReLU, average pooling; dense
    layer.
    """
    import onnx

    return onnx.load_from_string((files(__package__) / MODEL_FILE).read_bytes())


def digits_images() -> Digits:
    """The held-out digits."""
    return _held(IMAGES_FILE)


def training_images() -> Digits:
    """All other digits of the data set."""
    return _held(TRAINING_FILE)


def _held(name: str) -> Digits:
    with (files(__package__) / name).open("rb") as file, np.load(file) as arrays:
        images = arrays["image"].astype(np.float32).reshape(-1, 1, SIDE, SIDE)
        return Digits(images, arrays["label"].astype(np.int64))
