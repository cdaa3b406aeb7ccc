"""How wide the weights of a layer are in memory."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from ..image.image import Image
from ..words.bits import WORD_BITS
from .claims import Atlas, Role


@lru_cache(maxsize=2)  # a run asks twice, and so does what runs beside it
def bits_of_weights(image: Image) -> Mapping[str, float]:
    """The bits of memory that a weight of each layer takes, as it is stored: up to whole words. Zeros
    that are left out are weights, too. Layers without weights of their own are left out.
    """
    atlas = Atlas(image)
    words: dict[str, int] = {}
    items: dict[str, int] = {}
    for core in range(len(image.cores)):
        for claim in atlas.claims(core):
            if claim.role == Role.WEIGHTS and not claim.is_parameter:
                layer = atlas.layer(core, claim.population)
                words[layer] = words.get(layer, 0) + claim.size
                items[layer] = items.get(layer, 0) + claim.items
    found = {layer: WORD_BITS * words[layer] / count for layer, count in items.items() if count}
    return MappingProxyType(found)
