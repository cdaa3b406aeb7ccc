"""What docs/image.md says to those who load images, build the chip, or check images."""

from ...ir.neurons import STATE_BITS
from ..words.words import Axon, Population

UNIT = 8  # positions: an axon's width and height count these

HARDWARE = """\
## 4. Hosts, chips and checkers

### A loader

It fills the memories and starts the chip, and needs no JSON:

1. Read the head and the section table; refuse another magic or version. Check the table's CRC-32, that
   every payload lies in the file, and each payload's own CRC-32.
2. Skip `TARG`, `INFO` and `TENS` by their lengths.
3. For each `CORE` section: send the words, from address 0 on, to the core at (x, y). The memory behind
   them need not be set. States need not be set either: RESET steps do that.
4. Give `ORDR` to whatever takes the steps. It is no core's: a sequencer on the chip, or the host, has it
   and tells each core, step by step, which of its descriptors to reset or to fire. The core index of a
   step counts the `CORE` sections, so who holds `ORDR` keeps their places.

Who feeds the chip reads `TENS`, too. A FIRE step of a population of neuron type `INPUT` waits for the
host, which sends D * H * W values to that core, in the order c, y, x: float16, and 0 where no piece names
the neuron. From there the core goes on as if it had computed them. At the FIRE step of a population that
a piece of an output names, the core sends its D * H * W values to the host in the same order, besides
making events of them. `HSTB` runs before the first step of a frame, `HSTA` after the last.

### An event on the wire

The PEG makes an event only where it may hit, so x_min and y_min are bounded on both sides:

$wires

That is $wire_bits bits. The route is used up on the way; a chip may carry it as it likes. `NULL` kernels
are known at the target alone.

### A chip

It has, in each core, the words of section 2, a PEG and an ESU for the loops of section 3, and the
arithmetic of the column "chip". It may trust an image that a checker has passed: no index leaves the
memory, no channel the population. An ESU reads for each event the port, the target's descriptor, and one
kernel descriptor, or of a strided table the strides, until it has found the channel's, then one
descriptor and one byte; then the weights, KD side by side for each (dx, dy) that is not skipped.

Steps are written one after the other, and need not be taken so. What must hold is this, for every
population P and the words of its states:

- the RESET of P, then the updates by all events that reach P, then the reading of its states when it
  fires; where P has fired before a population that sends to it, the events of the frame before are among
  these updates, the first ones, and stand behind the last reading;
- all of this is done before the RESET of a population behind it in `ORDR` that has some of the same
  words, and in the same way from one frame to the next;
- values of P are computed before the events that carry them are made.

Everything else may overlap: steps of different cores, steps of one core, and frames, if the host tells
their outputs apart. No barrier is needed for it. Routes keep events in order, one core's to another. So
when a population has fired, its core sends along each axon's route a mark behind its last event, and the
core that it reaches tells whoever holds `ORDR`, who starts a step when the marks that it waits for are
there. Which these are follows from the axons and the state words. A mark is no event and counts nowhere.

**The order of updates** binds chip mode, and it is local to the target. A population takes the events of
one source after those of another, in the order in which these sources fire in `ORDR`; and the events of
one source in the order in which they are made: channel, row, column, axon. Events to different
populations have no order. A chip whose sources may overlap keeps those of the later one back, at their
source, until the mark of the former is there. In a maximum or minimum no order shows, and in float32 mode
none that matters.

**Learning** takes for each source of a rule a count of the frames since it fired, up to `window` + 1, in the
core that has it; and in a FIRE step of a population that learns, a register for the largest voltage -
threshold so far and its channel. Behind the last step, whoever holds `ORDR` and `LERN` compares what the
populations of a rule found; the sources' cores say which of them are drawn, and the winner's core reads and
writes its weights and its threshold. What of the next frame reads these words waits for it.

### A checker

It finds everything that is listed at the end of section 3 as invalid, before the first frame, by
following pointers from `ORDR`: steps, descriptors, blocks, axons, ports, kernel descriptors, weights. It
marks the words in use; then it follows the steps once more, and marks whose states live in which words: a
RESET into a word in use or in which another population's states live is a fault. It need not look at
words that nothing leads to. A compiler's own checker also holds the words against the numbers of `TARG`.
"""


def wires() -> list[tuple[str, int, str, str]]:
    """The fields of an event between cores: name, bits, values, meaning."""
    axon = {field.name: field for field in Axon.FIELDS}
    low, high = 1 - axon["kw"].maximum, UNIT * axon["width"].maximum - 1
    place = max(-low, high).bit_length() + 1
    channel = axon["c_off"].maximum + Population.field("depth").maximum - 1
    route = axon["core_x"]
    both = f"{route.minimum} to {route.maximum} each, signed"
    return [
        ("route", 2 * route.width, both, "core_x and core_y: the way that is left"),
        ("port", axon["port"].width, f"0 to {axon['port'].maximum}", "ID_p"),
        ("x_min", place, f"{low} to {high}, signed", "column of the kernel's first one, before the stride"),
        ("y_min", place, f"{low} to {high}, signed", "row of the kernel's first one"),
        ("channel", channel.bit_length(), f"0 to {channel}", "c + C_off"),
        ("value", STATE_BITS, "float16", "the neuron's value"),
    ]
