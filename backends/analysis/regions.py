"""A core's memory, word by word: every word in one region, with its role, its fields and its layer."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..image.image import Image
from ..words.bits import WORD_BITS, Word, WordError, unpack
from ..words.text import fields_text
from ..words.words import Axon, Extension, Kernel, Population, Port, Stride
from .claims import Atlas, Claim, Role, Words

CLASSES: dict[Role, type[Word]] = {
    Role.PORT: Port,
    Role.POPULATION: Population,
    Role.EXTENSION: Extension,
    Role.AXON: Axon,
    Role.KERNEL: Kernel,
    Role.STRIDE: Stride,
}


@dataclass(frozen=True, slots=True)
class Region:
    """Neighbouring words of one role; one word each, but for states, weights and what nothing leads to.

    `word` is the decoded word, where the region is one and sound. `text` is what the words say. `population`
    is the descriptor they serve, if any, and `layer` its layer.
    """

    address: int
    count: int
    role: Role
    word: Word | None
    text: str
    layer: str
    population: int | None


def regions(image: Image, core: int) -> list[Region]:
    """The words of a core, from address 0 upwards, each in one region."""
    return regions_of(Atlas(image), core)


def regions_of(atlas: Atlas, core: int) -> list[Region]:
    """`regions`, for those who look at many cores."""
    claims = atlas.claims(core)
    owners = atlas.owners(core, claims)
    cuts = {0, *(np.flatnonzero(np.diff(owners)) + 1).tolist()}
    for claim in claims:
        if claim.role in CLASSES or claim.role == Role.BIAS:
            cuts.update(range(claim.address, claim.address + claim.size))
        elif claim.role == Role.STATE:
            cuts.update((claim.address, claim.address + claim.size))
    ends = sorted(cuts | {owners.size})
    found = []
    for start, stop in pairwise(ends):
        words = atlas.image.cores[core].words[start:stop]
        owner = int(owners[start])
        if owner < 0:
            text = "not zero" if words.any() else "zero"
            found.append(Region(start, words.size, Role.UNREFERENCED, None, text, "", None))
        else:
            found.append(_region(atlas, core, start, words, claims, claims[owner]))
    return found


def _region(atlas: Atlas, core: int, start: int, words: Words, claims: list[Claim], claim: Claim) -> Region:
    word: Word | None = None
    if claim.role in CLASSES:
        try:
            word = CLASSES[claim.role].decode(int(words[0]))
            text = f"{fields_text(word)} {_way(atlas, core, word, claim)}".rstrip()
        except WordError as error:
            text = f"no {claim.role}: {error}"
    elif claim.role == Role.BIAS:
        text = _bias_text(start, words, claim)
    elif claim.role == Role.STATE:
        text = _state_text(start, claims)
    else:
        text = _weights_text(start, words, claim)
    layer = atlas.layer(core, claim.population)
    return Region(start, words.size, claim.role, word, text, layer, claim.population)


def _way(atlas: Atlas, core: int, word: Word, claim: Claim) -> str:
    """Where an axon's events go; which port and channel lead to a kernel descriptor."""
    if not isinstance(word, Axon):
        return f"({claim.note})" if claim.note else ""
    here = atlas.image.cores[core]
    target = atlas.places.get((here.x + word.core_x, here.y + word.core_y))
    return "(to no core)" if target is None else f"(to core {target})"


def _bias_text(start: int, words: Words, claim: Claim) -> str:
    assert claim.codec is not None
    each = WORD_BITS // claim.codec.bits
    first = (start - claim.address) * each
    values = claim.codec.from_codes(unpack(words, claim.codec.bits, min(each, claim.items - first)))
    return f"channel {first}: {' '.join(str(value) for value in values)}"


def _state_text(start: int, claims: list[Claim]) -> str:
    """Which populations' states begin or go on at an address."""
    return ", ".join(
        f"{claim.items} states of population {claim.population}"
        for claim in claims
        if claim.role == Role.STATE and claim.address <= start < claim.address + claim.size
    )


def _weights_text(start: int, words: Words, claim: Claim) -> str:
    title = f"{claim.items} x {claim.note}"
    if (start, words.size) != (claim.address, claim.size):
        return f"part of the {title} at {claim.address}"
    if claim.codec is None:
        return title
    numbers = claim.codec.from_codes(unpack(words, claim.codec.bits, claim.items))
    return f"{title}, {numbers.min()} to {numbers.max()}"
