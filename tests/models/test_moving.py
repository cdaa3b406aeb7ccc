"""The stream of moving digits that a network in three forms is shown on."""

from itertools import pairwise

import numpy as np
import pytest

from snc.ir.errors import BadInput
from snc.models.digits import digits_images
from snc.models.moving import STILL, moving_digits


def test_digits_stand_and_move() -> None:
    frames, labels = moving_digits(3, 12)
    images, classes = digits_images()
    assert frames.shape == (36, 1, 8, 8)
    assert frames.dtype == images.dtype
    assert labels.tolist() == np.repeat(classes[:3], 12).tolist()
    for number in range(3):
        own = frames[12 * number : 12 * number + 12]
        np.testing.assert_array_equal(own[0], images[number])
        np.testing.assert_array_equal(own[STILL][:, :, 1:], images[number][:, :, :-1])
        np.testing.assert_array_equal(own[3 * STILL][:, 1:], images[number][:, :-1])
        still = [bool((a == b).all()) for a, b in pairwise(own)]
        assert still.count(False) == 3


def test_it_is_the_same_each_time() -> None:
    np.testing.assert_array_equal(moving_digits(2, 5).images, moving_digits(2, 5).images)


def test_more_digits_than_there_are_are_refused() -> None:
    with pytest.raises(BadInput, match="there are 360 digits, not 361"):
        moving_digits(361)
