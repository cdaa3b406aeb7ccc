"""What fires in feature maps as ONNX Runtime gives them, channel by channel: bits of 64 values at a time.

Pixels of a population are of one class where their events do the same. Which pixels of 64 are of a class are
bits, too, so that a class takes one step for 64 pixels, wherever these lie.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ....backends.lifted import census, layout, lists
from ....backends.lifted.census import (
    ALL,
    CLASSES,
    CUTS,
    HEIGHT,
    ODD,
    ODDS,
    RUNS,
    WIDTH,
    Census,
    add_up,
)
from ....backends.lifted.layout import WORD
from ....backends.lifted.lists import ones
from ....backends.lifted.maps import Map, Place
from ....ir.compiled import config, kept
from .session import Session, Values

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Bits = NDArray[np.uint64]

# Columns of a population in a map: where the values of the map begin, from one frame on; from there, its own;
# from a frame and from a channel to the next; its first and last span.
POPULATION, MAP, FIRST, FRAME, CHANNEL, BEGIN, END = range(7)
COLUMNS = 7
# Columns of a span, words whose pixels are alike: where the first begins, how many, and its first and last
# mask, of one class each.
PLACE, WORDS, LOW, HIGH = range(4)
MANY = 4  # masks of a word: where it has more, what fires is counted pixel by pixel, over the channels


if config.DISABLE_JIT:

    def firing(values: Floats, first: int) -> Any:
        """Bits of 64 values, 1 for those that are not 0."""
        return np.uint64(sum(2**bit for bit in np.flatnonzero(values[first : first + WORD]).tolist()))

    def infinite(values: Floats, first: int) -> Any:
        """Bits of 64 values, 1 for those that are not finite."""
        return firing(~np.isfinite(values[first : first + WORD]), 0)

else:

    def _compared(code: Any) -> Any:
        """An intrinsic that gives the bits of 64 values, as `code` compares them."""

        @intrinsic
        def bits(_context: Any, values: Any, first: Any) -> Any:
            def body(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                lanes = ir.VectorType(ir.FloatType(), WORD)
                array = context.make_array(signature.args[0])(context, builder, arguments[0])
                place = builder.bitcast(builder.gep(array.data, [arguments[1]]), lanes.as_pointer())
                found = code(builder, builder.load(place, align=4), ir.Constant(lanes, [0.0] * WORD))
                return builder.bitcast(found, ir.IntType(WORD))

            return types.uint64(values, first), body

        return bits

    def _infinite(builder: Any, values: Any, zeros: Any) -> Any:
        # Nothing but an infinity, or what is no number, is one when it is taken from itself.
        return builder.fcmp_unordered("uno", builder.fsub(values, values), zeros)

    firing = _compared(lambda builder, values, zeros: builder.fcmp_unordered("!=", values, zeros))
    infinite = _compared(_infinite)


@kept(census, layout, lists)
def tallied(
    values: Floats, rows: Integers, spans: Integers, masks: Bits, classes: Integers, populations: Integers,
    cuts: Integers, usual: Integers, starts: Integers, entries: Integers, sums: Integers, wrong: Bits,
) -> None:  # fmt: skip
    """Sums of planes over the neurons of populations that fire, for each frame and run of channels; and bits
    that are not 0 for a frame with a value that is not finite.
    """
    frames, lanes = sums.shape[0], np.zeros(WORD, np.int32)
    for i in range(rows.shape[0]):
        own = populations[rows[i, POPULATION]]
        begin, end = rows[i, BEGIN], rows[i, END]
        tally = np.zeros(own[CLASSES] + 1, np.int64)  # the first of pixels that are usual
        every = ~np.uint64(0) if own[ALL] else np.uint64(0)
        for frame in range(frames):
            first = rows[i, MAP] * frames + rows[i, FIRST] + frame * rows[i, FRAME]
            odd = np.uint64(0)
            for r in range(own[RUNS]):
                tally[:] = 0
                for c in range(cuts[own[CUTS] + r], cuts[own[CUTS] + r + 1]):
                    for s in range(begin, end):
                        if spans[s, HIGH] - spans[s, LOW] > MANY:
                            continue
                        v = first + c * rows[i, CHANNEL] + spans[s, PLACE]
                        for _ in range(spans[s, WORDS]):
                            found, other = every | firing(values, v), infinite(values, v)
                            for m in range(spans[s, LOW], spans[s, HIGH]):
                                odd |= other & masks[m]
                                tally[classes[m]] += ones(found & masks[m])
                            v += WORD
                for s in range(begin, end):
                    if spans[s, HIGH] - spans[s, LOW] <= MANY:
                        continue
                    lanes[:] = 0
                    other = np.uint64(0)
                    for c in range(cuts[own[CUTS] + r], cuts[own[CUTS] + r + 1]):
                        v = first + c * rows[i, CHANNEL] + spans[s, PLACE]
                        other |= infinite(values, v)
                        for lane in range(np.uintp(WORD)):
                            lanes[lane] += np.int32(values[np.uintp(v) + lane] != 0 or every != 0)
                    for m in range(spans[s, LOW], spans[s, HIGH]):
                        odd |= other & masks[m]
                        left = masks[m]
                        while left:
                            lower = left & (left - np.uint64(1))
                            tally[classes[m]] += lanes[ones((left ^ lower) - np.uint64(1))]
                            left = lower
                add_up(own, r, tally.sum(), tally[1:], usual, starts, entries, sums[frame])
            wrong[frame] |= odd


class Counting:
    """Counts the populations of a session's maps, part by part. Neurons of other maps fire always."""

    def __init__(
        self, census: Census, maps: Sequence[Map], places: Mapping[int, Place], session: Session
    ) -> None:
        populations, cuts, usual, odd, starts, entries = census.arrays
        parts = {index: number for number, part in enumerate(session.parts) for index in part}
        rows: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        spans = Spans()
        for each in maps:
            pixels, begin = each.height * each.width, session.begins.get(each.index)
            frame = 0 if each.index in session.constant else each.depth * pixels
            for block in (block for part in each.parts for block in part.blocks):
                own = populations[block]
                pixel = odd[own[ODD] : own[ODD] + 3 * own[ODDS]].reshape(-1, 3)
                found = spans.add(own[HEIGHT], own[WIDTH], each.width, pixel)
                if begin is None:
                    rows[-1].append((block, 0, 0, 0, 0, *found))
                    continue
                place = places[block]
                first = (place.c * each.height + place.y) * each.width + place.x
                rows[parts[each.index]].append((block, begin, first, frame, pixels, *found))
        self._tables = *spans.arrays, populations, cuts, usual, starts, entries
        always, *self._rows = (
            np.array(rows[number], dtype=np.int64).reshape(-1, COLUMNS)
            for number in range(-1, len(session.parts))
        )
        self._always = census.none()
        largest = max((each.height * each.width for each in maps), default=0)
        nothing = np.zeros(largest + WORD, dtype=np.float32)
        tallied(nothing, always, *self._tables, self._always, np.zeros(1, dtype=np.uint64))

    def none(self, frames: int) -> tuple[Integers, Bits]:
        """The census's sums of each frame when nothing was counted yet, and for each a number that is not 0
        once it has a value that is not finite.
        """
        sums = np.empty((frames, self._always.size), dtype=np.int64)
        sums[:] = self._always
        return sums, np.zeros(frames, dtype=np.uint64)

    def add(self, part: int, values: Values, sums: Integers, wrong: Bits) -> None:
        """Adds what fires in the maps of a part."""
        tallied(values.numbers, self._rows[part], *self._tables, sums, wrong)


class Spans:
    """The spans of populations, those of some that are alike once."""

    def __init__(self) -> None:
        self._spans: list[Integers] = []
        self._masks: list[Bits] = []
        self._classes: list[Integers] = []
        self._known: dict[object, tuple[int, int]] = {}
        self._count = self._mask_count = 0

    @property
    def arrays(self) -> tuple[Integers, Bits, Integers]:
        """All spans, their masks, and the classes of these."""
        return np.concatenate(self._spans), np.concatenate(self._masks), np.concatenate(self._classes)

    def add(self, height: int, width: int, pitch: int, odd: Integers) -> tuple[int, int]:
        """First and last of the spans of some pixels, in rows of `pitch`. `odd`: row, column and class of
        those that are not usual.
        """
        key = height, width, pitch, odd.tobytes()
        if key not in self._known:
            spans, masks, classes = _spans(height, width, pitch, odd)
            spans[:, LOW:] += self._mask_count
            self._known[key] = self._count, self._count + len(spans)
            self._count += len(spans)
            self._mask_count += len(masks)
            self._spans.append(spans)
            self._masks.append(masks)
            self._classes.append(classes)
        return self._known[key]


def _spans(height: int, width: int, pitch: int, odd: Integers) -> tuple[Integers, Bits, Integers]:
    """Spans, masks, and the masks' classes: 0 for pixels that are usual."""
    y, x, kind = odd.T
    classes = np.zeros((height, width), dtype=np.int64)
    classes[y, x] = kind + 1
    kinds = int(classes.max()) + 1
    word, bit = np.divmod(np.arange(height)[:, None] * pitch + np.arange(width), WORD)
    keys, at = np.unique((word * kinds + classes).ravel(), return_inverse=True)
    masks = np.zeros(keys.size, dtype=np.uint64)
    np.add.at(masks, at.ravel(), np.uint64(2) ** bit.ravel().astype(np.uint64))
    words, found = np.divmod(keys, kinds)
    low = np.flatnonzero(np.diff(words, prepend=-1))
    high = np.append(low[1:], keys.size)
    # Words with one mask, the same one, follow one another.
    alike = (np.diff(words[low]) == 1) & (np.diff(found[low]) == 0) & (masks[low[1:]] == masks[low[:-1]])
    alike &= (high - low == 1)[1:] & (high - low == 1)[:-1]
    begin = np.flatnonzero(np.append(True, ~alike))
    count = np.diff(np.append(begin, low.size))
    spans = np.stack([words[low[begin]] * WORD, count, low[begin], high[begin]], axis=1)
    return spans.astype(np.int64), masks, found
