"""Where fragments meet: which spans of a source a span of a target reads, and the offsets of axons (equation
12).
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from ...ir.mapping import Span
from ...ir.wiring import Run
from .tiles import cut, run_of, taken
from .wired import Wired


def meeting(wired: Wired, sources: Sequence[Span], target: Span, shift: int, k0: int, size: int) -> list[int]:
    """Which source spans, in their order, meet a target span through kernel positions k0 .. k0 + size - 1."""
    # Those that end before the first position that the target reads are passed over.
    begin = bisect_right(sources, -((shift - k0 - target.start * wired.stride) // wired.up), key=_stop)
    found = []
    for index in range(begin, len(sources)):
        least = sources[index].start * wired.up - (target.stop - 1) * wired.stride + shift
        if least >= k0 + size:
            break
        if spans_meet(wired, sources[index], target, shift, k0, size):
            found.append(index)
    return found


def _stop(span: Span) -> int:
    return span.stop


def spans_meet(wired: Wired, source: Span, target: Span, shift: int, k0: int, size: int) -> bool:
    """Whether s * up - x * stride + shift lies in k0 .. k0 + size - 1 for any s and x."""
    least = source.start * wired.up - (target.stop - 1) * wired.stride + shift
    most = (source.stop - 1) * wired.up - target.start * wired.stride + shift
    if most < k0 or least >= k0 + size:  # as almost always, where many fragments meet few
        return False
    reach = np.arange(source.start, source.stop) * wired.up + shift
    low = -((k0 + size - 1 - reach) // wired.stride)
    high = (reach - k0) // wired.stride
    return bool((np.maximum(low, target.start) <= np.minimum(high, target.stop - 1)).any())


def offset(wired: Wired, source: Span, target: Span, shift: int, k0: int, size: int) -> int:
    """X_off or Y_off: equation 12 with the origin of the run and of the tile."""
    return source.start * wired.up - target.start * wired.stride + shift - k0 - size + 1


def axis_tiles(wired: Wired, along_x: bool, target: Span, sources: int) -> tuple[Run, list[list[Span]]]:
    """The run of a target span and the ways to cut its kernel's extent into tiles along one axis."""
    run = run_of(wired.wiring.x if along_x else wired.wiring.y, target)
    extent = wired.extent(run, target, sources)
    largest, apart = wired.chip.kernel_max, wired.apart[along_x]
    evens = (False,) if len(extent) <= largest else (False, True)
    ways = [cut(taken(run), extent, largest, even, apart) for even in evens] if len(extent) else []
    return run, ways
