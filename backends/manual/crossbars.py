"""The seventh part of docs/image.md: images for chips of crossbars. `manual` puts the tables in."""

from ...ir.activations import Activation
from ...ir.crossbar.chip import CrossbarChip
from ...ir.neurons import Neuron
from ..crossbar.file import CROSSBARS_MAX, MAGIC, VERSION
from ..crossbar.image import CrossbarAbout, CrossbarLayer
from ..crossbar.words import Column, Head, Number, Route, Rule, Site
from ..words.bits import Word

WORDS = (Head, Column, Route, Rule, Number, Site)

MEANINGS: dict[type, dict[str, str]] = {
    CrossbarChip: {
        "name": "the target's name",
        "mesh": "tiles in X and Y, each with a crossbar",
        "rows": "rows of a crossbar",
        "columns": "columns of a crossbar",
        "fan_in_max": "inputs of a column, at most",
        "fan_out_max": "crossbars that the values of a column go to, at most",
        "weight_bits": "bits of the widest weight that a cell holds; 32: single precision",
        "cell_fj": "femtojoules of a cell whose row is driven",
        "hop_fj": "femtojoules of a value's way from a tile to the next",
        "step_ps": "picoseconds of a step",
    },
    CrossbarAbout: {
        "model": "name of the model's file",
        "compiler": "version of the compiler",
        "weights": "the format that weights were rounded to before they became cells",
        "decomposed": "`tree`, `chain` or `none`: what became of neurons with too many inputs",
        "seed": "of the placement",
        "synapses": "synapses of the network",
        "lost": "how many of them are gone",
        "crossbars_bound": "no way to gather the units takes fewer crossbars",
        "hops": "hops of a frame in which every unit sends its value",
        "hops_bound": "no way to place the crossbars takes fewer",
        "layers": "what each layer takes",
        "host_before": "names of the nodes that the host computes before the chip",
        "host_after": "and behind it",
        "dynamics": "of a network that runs over time what a step is, or empty",
    },
    CrossbarLayer: {
        "name": "name of the layer",
        "op": "its operator",
        "neurons": "its neurons",
        "units": "columns that it takes: its neurons and the parts of their sums",
        "synapses": "cells that these have a weight in",
        "crossbars": "numbers of the crossbars that have some of these columns",
    },
}

EXAMPLES: dict[type[Word], Word] = {
    Head: Head(rows=112, columns=98, routes=130),
    Column: Column(bias=0.25, rule=1, step=3),
    Route: Route(column=97, x=4, y=0, row=17),
    Rule: Rule(neuron=Neuron.LIF, activation=Activation.IDENTITY, numbers=4, scale=1.0),
    Number: Number(value=0.75),
    Site: Site(tensor=1, element=9, crossbar=12, line=31),
}

CROSSBARS = """\
## 7. Images for chips of crossbars

Another kind of chip, and an image of its own. A *tile* of the mesh has a *crossbar* of *cells*: a *row*
carries a number to all columns, a *column* sums its cells times the numbers of their rows, and makes a
value of the sum. A column is a neuron of the network, or a part of the sum of one. Nothing of sections 2
to 5 holds here but the codes of neuron types and activation functions, and what their rules say.

### The file for crossbars

As in section 1: the same head, section table, alignment, checksums and JSON. The magic is `$xbar_magic`,
the version $xbar_version. The sections, in this order:

| kind | how many | payload |
| --- | --- | --- |
| `TARG` | one | JSON: the target chip |
| `INFO` | one | JSON: where the image comes from; nothing that runs it needs this |
| `TENS` | one | JSON: the tensors |
| `RULE` | one | `Rule` words, each followed by its `Number` words |
| `SITE` | one | `Site` words |
| `XBAR` | one for each crossbar in use, index 0, 1, 2 .., at most $crossbars_max | its memory |
| `HSTB` | none or one | an ONNX model that runs before the chip |
| `HSTA` | none or one | an ONNX model that runs after the chip |

An `XBAR` payload is as a `CORE` payload: x (2 bytes) and y (2 bytes), the tile; the number of words (4
bytes); the words. No two crossbars have one tile, and all stand on the mesh. The words are one `Head`, as
many `Column` words as it says, as many `Route` words as it says, and then the cells: a float32 for each
row in use of each column in use, row by row, two in a word, the first in the lower half; an odd number
leaves the last half zero. There are no more rows and columns than the chip's. A cell is finite; one that
is 0 is no synapse.

`TARG` is an object:

$crossbar_chip_table

`TENS` is as in section 1; `pieces` is always empty, for sites say where elements are. `INFO` is an object:

$crossbar_about_table

Each layer is an object:

$crossbar_layer_table

### Words for crossbars

$crossbar_words

Rules are numbered from 0 in the order of the `RULE` section, tensors in the order of `TENS`, crossbars by
their index, rows and columns in their order in the cells. A rule has as many numbers as its neuron type
and its activation function have parameters, those of the neuron type first. A column names a rule that
there is, and no neuron type `INPUT`. A route goes to a tile with a crossbar, and to a row in use there. A
row is driven by one route, or by one site of an input, not by two. Anything else makes an image invalid.

### Running crossbars

Every row has a number and every neuron that lasts its states; before the first frame the numbers are 0,
and a neuron's first state is its column's bias, the others are 0. A frame is

    for each site of a tensor of kind input:
        the row has the number of the element, as float32
    for each step that some column has, in ascending order:
        for each column of that step, of any crossbar:
            sum = the sum over the rows of cell * number of the row
            value = what its rule makes of the column's bias and the sum
        for each column of that step:
            for each of its routes: the row there has the value

All columns of a step fire before any of their values is sent. A row keeps its number until the next one
comes: a column whose source fires in its own step, or a later one, hears the value of the frame before.
Behind the last step an element of a tensor of kind `output` or `layer` is the value of its column, rounded
to the tensor's type as in section 3; an element without a site is 0. `HSTB` and `HSTA` run as there, too.

What a rule makes of a sum depends on its neuron type:

- Without states that last (`STANDARD`, `WIDE`), and with the activation function `IDENTITY` or `RELU`: the
  state is bias + sum, the value the function of scale * state. Nothing is rounded to float32.
- Without states that last, and with another function: the same, with the state, the scale, the parameters
  and the value in float32. The state is rounded once.
- With states that last: the first state becomes what it was + sum, rounded to float32; then the rule of
  the neuron type in section 3 runs in float32, with its parameters, and `first` is the bias. What it sets
  is there in the next frame, in float32. Types that compute with whole numbers (section 4) do so here, too.

Sums are float64: products of two float32 numbers are exact, and so are those of cells of few bits with
values of few bits, which makes their order invisible. Where it shows, it is far below the tolerance of
1e-5.

A unit of a decomposed neuron other than the last has a rule that is linear: `STANDARD`, `IDENTITY`, scale
1. Its value is a partial sum, a number of any size. Who builds a chip that sends spikes alone cannot run
such an image.

### Counters of crossbars

| counter | counts, in a frame |
| --- | --- |
| firing | columns whose value is not 0 |
| spikes, local | routes of such columns to another tile; to a row of their own crossbar |
| hops | over these routes, the sum of abs(x - x of the route) + abs(y - y of the route) |
| reads, silent | rows in use whose number is not 0 behind the last step; rows in use whose number is 0 |
| used | over the rows read, their cells that are not 0 |
| unused | over the rows read, the chip's columns less those cells |

Nothing is counted for the way of inputs into the chip.

### A tiny file for crossbars

Crossbars of 4 x 3, two on a mesh of 2 x 1. The input x has four elements. Columns 0 and 1 of crossbar 0
sum two of them each; column 0 of crossbar 1 adds the halves up, a neuron that integrates, leaks and spikes
above 1, and is output y; column 1 of crossbar 1 rectifies the second half less the spike of the frame
before, and is output z. Every word of it, and its place:

$tiny_crossbar_words

Three frames of it, and what the counters say of each:

$tiny_crossbar_frames
"""


def facts() -> dict[str, object]:
    """Numbers that stand in `CROSSBARS`."""
    return {"xbar_magic": MAGIC.decode(), "xbar_version": VERSION, "crossbars_max": CROSSBARS_MAX}
