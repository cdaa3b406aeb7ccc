"""The words of a crossbar's memory, declared once."""

from ...ir.activations import Activation
from ...ir.neurons import NeuronModel
from ..words.bits import Word, bits, float32, padding
from ..words.codes import NEAR_ACTIVATIONS, NEURONS


class Head(Word):
    """How much of a crossbar is in use: the first word of its memory.

    `columns` Column words follow, then `routes` Route words, then the cells: a float32 for each row in use of
    each column in use, row by row, two in a word, the first in the lower half.
    """

    rows: int = bits(12, "rows in use, from the first on")
    columns: int = bits(12, "columns in use, from the first on")
    routes: int = bits(32, "number of routes")
    reserved: int = padding(8)

    @property
    def words(self) -> int:
        """The words before the cells, this one included."""
        return 1 + self.columns + self.routes


class Column(Word):
    """A unit: where its sum begins, when it fires, and what it does then."""

    bias: float = float32("what the sum begins at")
    rule: int = bits(12, "number of its rule")
    step: int = bits(20, "the step of a frame in which it fires")


class Route(Word):
    """Where the values of a column go: to a row of the crossbar on a tile."""

    column: int = bits(12, "the column that sends")
    x: int = bits(8, "the tile's x")
    y: int = bits(8, "the tile's y")
    row: int = bits(12, "the row that is driven")
    reserved: int = padding(24)


class Rule(Word):
    """What a unit does with its sum. `numbers` Number words follow: its parameters."""

    neuron: NeuronModel = bits(4, "neuron model", codes=NEURONS)
    activation: Activation = bits(5, "activation function", codes=NEAR_ACTIVATIONS)
    numbers: int = bits(8, "parameters of the neuron model, then of the activation function")
    reserved: int = padding(15)
    scale: float = float32("what the activation function's argument is multiplied by")


class Number(Word):
    """A parameter of a rule."""

    value: float = float32("the parameter")
    reserved: int = padding(32)


class Site(Word):
    """An element of a tensor: of an input, a row that it drives; of any other, the column that has it."""

    tensor: int = bits(10, "number of the tensor")
    element: int = bits(26, "place in the flat tensor")
    crossbar: int = bits(14, "number of the crossbar")
    line: int = bits(12, "row or column")
    reserved: int = padding(2)
