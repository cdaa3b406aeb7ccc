"""The bill of fragments that lie in cores, before the cores have places: as the image's, relays apart."""

from collections.abc import Sequence
from dataclasses import replace

from ...ir.aims import StateUse
from ...ir.mapping import Mapping
from ...ir.storage.bitrun import BYTE_BITS, WORD_BYTES, BitRun, words_for
from ...ir.storage.states import LiveRange, region
from ...ir.storage.tables import Block, Strided, block_blobs
from ...passes.wiring.connect import Connect
from ...passes.wiring.wire import Wire
from ..targets.target import load_target
from .techniques import Memory

STRIDED = "grai-vip-strided"  # says how many runs a table may have, where a target has none


def packed_bill(mapping: Mapping) -> dict[str, Memory]:
    """Bytes of each layer. Words that several layers share are the first one's, in firing order."""
    layer_of = {p: layer.name for p, layer in mapping.network.layer_of().items()}
    found = dict.fromkeys(layer_of.values(), Memory())
    for held in mapping.cores:
        tables: set[Block] = set()
        blobs: set[BitRun] = set()
        plans = [mapping.plans[f] for f in sorted(held)]
        states = iter(_states([need for plan in plans for need in plan.shared_states]))
        for plan in plans:
            own = plan.kernels - tables
            new = (block_blobs(own) | set(plan.parameters)) - blobs
            tables |= own
            blobs |= new
            connectivity = plan.head_words + plan.ports + sum(block.words for block in own)
            runs = [each for block in own for each in block if isinstance(each, Strided)]
            exponents = {run.exponents for run in runs if run.exponents is not None} & new
            connectivity += sum(blob.words for blob in exponents)
            connectivity *= WORD_BYTES
            neurons = plan.state_bits // BYTE_BITS if plan.live_range is None else next(states) * WORD_BYTES
            parameters = sum(blob.words for blob in new - exponents) * WORD_BYTES
            biases = words_for(1, plan.bias_bits) * WORD_BYTES
            total = neurons + connectivity + parameters + biases
            found[layer_of[plan.fragment.population]] += Memory(
                neurons, connectivity, parameters, biases, total
            )
    return found


def other_form(mapping: Mapping, states: StateUse) -> Mapping:
    """The same fragments in the same cores, with strided tables where the target has none, or without."""
    most = load_target(STRIDED).strided_tables
    chip = replace(mapping.chip, strided_tables=0 if mapping.chip.strided_tables else most)
    wiring = Wire()(mapping.network, chip)
    return replace(
        Connect(states.is_shared, states is StateUse.BANDED)(mapping.network, chip, wiring, mapping.grids),
        cores=mapping.cores,
    )


def _states(needs: Sequence[tuple[int, LiveRange]]) -> list[int]:
    """Of the words for shared states, those of each population that none before it has."""
    taken: set[int] = set()
    found = []
    for (size, _), at in zip(needs, region(needs).offsets, strict=True):
        new = set(range(at, at + size)) - taken
        taken |= new
        found.append(len(new))
    return found
