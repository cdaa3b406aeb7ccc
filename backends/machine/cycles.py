"""How many cycles the chip takes for what it does: measured on the chip in Verilog (rtl/), whose states of
its state machines these numbers count. A chip that takes others is described here, and nowhere else.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from ...ir.storage.bitrun import WORD_BITS
from ...ir.storage.skipping import Layout, list_bits

STATES = 4  # of 16 bits in a word of the memory
WIDE_BITS = 32  # weights of so many bits are taken two at once


@dataclass(frozen=True, slots=True)
class Timing:
    """Cycles of a chip with a memory port, a PEG, an ESU and an accumulator in each core.

    A step: `step` for the sequencer and the population's descriptor, `extension` for each extension word.
    RESET: `first` for each state, `bias` for each word of biases that is read. FIRE: `fed` for each value of
    the host's, `value` for each other neuron, with `change` more where it sends changes, `channel` before
    each channel, and at the end `drain`, when the last event is on its way, with `hop` for each hop. A neuron
    that sends takes the PEG for `taken`, `axon` for each axon and `sent` for each event; while the PEG works,
    the next neuron's value is computed.
    In the target core an event that reaches no neuron takes `decoded`, and `port` more where the event before
    it came to another port, with `extension` for an extension word of the target, or `kernel` where it had
    another kernel. What reaches neurons takes
    `synapses`, which is made of `decoded`, `group`, `position` and `scan`, and `walk`, which is of `bitmap`
    for each word of a bitmap or a list, and of `place` for each place of a list. A weight of a list is a
    group of its own, which takes `parted` more.
    """

    step: int = 8
    extension: int = 2
    drain: int = 12
    hop: int = 1
    first: int = 1
    bias: int = 2
    fed: int = 2
    value: int = 4
    change: int = 7
    channel: int = 2
    taken: int = 1
    axon: int = 2
    sent: int = 1
    decoded: int = 3
    port: int = 5
    kernel: int = 2
    group: int = 2
    position: int = 3
    scan: int = 1
    bitmap: int = 3
    place: int = 1
    parted: int = 2

    def synapses(
        self, kd: int, depth: int, bits: int, taps: int, stored: float | None = None, states: int = STATES
    ) -> tuple[float, float]:
        """Cycles of an event that reaches neurons, without its positions, and cycles of a position of its
        kernel: synapses with `kd` of a pixel's `depth` channels, `bits` a weight, `taps` positions in all,
        `states` of the target in a word.

        A synapse takes a cycle. Those whose states share a word are a group: what the next group needs is
        read meanwhile, which takes `group` cycles, or `position` at another position, and one more where
        weights come from another word. Where zeros are skipped and a share is `stored`, each group is looked
        up in the bitmap, in `scan` cycles, and left at once if it has no weight.
        """
        return _synapses(self, kd, depth, bits, taps, stored, states)

    def walk(self, kd: int, taps: int, stored: float, layout: int) -> float:
        """Cycles of a walk over all that says which weights of a kernel are stored, of which this share is;
        of one word, nothing is read again.
        """
        count = taps * kd
        places = stored * count if layout == Layout.LIST else 0.0
        words = -(-(list_bits(count, places) if places else count) // WORD_BITS)
        return self.place * places + (self.bitmap * float(words) if words > 1 else 0)


@lru_cache(maxsize=4096)
def _synapses(
    timing: Timing, kd: int, depth: int, bits: int, taps: int, stored: float | None, states: int
) -> tuple[float, float]:
    lanes = min(states, 2 if bits == WIDE_BITS else STATES)
    places = range(0, states, gcd(depth, states))  # where in a word the channels of a pixel begin
    scan = 0 if stored is None else timing.scan
    share = 1.0 if stored is None else stored
    within = timing.group + scan + (bits * lanes >= WORD_BITS)
    apart = min(
        1.0, share * kd * bits / WORD_BITS
    )  # how often the next position's weights are in another word
    again = float(share * taps * kd * bits > WORD_BITS)  # the event before has left the first word
    events = positions = 0.0
    for place in places:
        groups, left, at = [], kd, place
        while left:
            groups.append(min(left, lanes, states - at % states))
            left, at = left - groups[-1], at + groups[-1]
        # A group without a weight is looked up, and that is all.
        empty = [(1 - share) ** count for count in groups]
        last = max(groups[-1], timing.position + apart + scan)
        positions += sum(
            max(count, within) * (1 - none) + 2 * scan * none
            for count, none in zip(groups, empty, strict=True)
        )
        positions += last - max(groups[-1], within)
        # The event behind it waits until the states are written.
        events += max(timing.decoded, groups[-1] + 1) + timing.position + scan + again - last
    return events / len(places), positions / len(places)


TIMING = Timing()
