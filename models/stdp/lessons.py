"""What the networks learn: the digits of each, and the rule's numbers for them, in one table."""

from collections.abc import Callable
from dataclasses import dataclass

from .. import digits, mnist
from ..digits import Digits
from .rule import Rounding, Rule


@dataclass(frozen=True, slots=True)
class Lesson:
    """Square digits of so many pixels a side, whose brightness ends at `peak`; those that are learnt from,
    those held out, and the rule. The numbers of a rule were chosen on digits that are learnt from.
    """

    rule: Rule
    side: int
    peak: int
    shown: Callable[[], Digits]
    held_out: Callable[[], Digits]

    @property
    def pixels(self) -> int:
        """Of a digit."""
        return self.side**2


LESSONS = {
    "stdp-digits": Lesson(Rule(), digits.SIDE, 16, digits.training_images, digits.digits_images),
    "stdp-mnist": Lesson(
        Rule(  # digits are five times as bright, all pixels together
            steps=40,
            inhibition=20480,
            threshold=10240,
            growth=640,
            shift=3,
            window=10,
            passes=2,
            rounding=Rounding.NEAREST,
        ),
        mnist.SIDE,
        255,
        mnist.mnist_training_images,
        mnist.mnist_images,
    ),
}
DIGITS, MNIST = LESSONS.values()
