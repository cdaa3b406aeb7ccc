"""The memory bill of an image, in the paper's categories, read from the image alone."""

from collections import Counter
from dataclasses import astuple, dataclass

import numpy as np

from ...ir.storage.skipping import Layout
from ..image.image import Image
from ..words.bits import WORD_BYTES
from .claims import Atlas, Role

CATEGORIES = {
    Role.PORT: "connectivity",
    Role.POPULATION: "connectivity",
    Role.EXTENSION: "connectivity",
    Role.AXON: "connectivity",
    Role.KERNEL: "connectivity",
    Role.STRIDE: "connectivity",
    Role.EXPONENTS: "connectivity",
    Role.WEIGHTS: "parameters",
    Role.BIAS: "biases",
    Role.STATE: "neurons",
    Role.UNREFERENCED: "unused",
}


@dataclass(frozen=True, slots=True)
class Bill:
    """Bytes by category. Weights and biases count with their alignment.

    `neurons`: two bytes for each neuron that has a state of its own, the whole words for shared states.
    `unused`: words that nothing refers to, and what a population's own states leave of their last word.
    """

    connectivity: int = 0
    parameters: int = 0
    biases: int = 0
    neurons: int = 0
    unused: int = 0

    @property
    def total(self) -> int:
        """All but what is unused."""
        return self.connectivity + self.parameters + self.biases + self.neurons

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class ImageBill:
    """The bill of each core, and the same bytes by layer. What belongs to no layer stands under "".

    `layouts`: the bytes of weights by how their kernels are stored.
    """

    cores: tuple[Bill, ...]
    layers: dict[str, Bill]
    layouts: dict[Layout, int]

    @property
    def total(self) -> Bill:
        """The sum over the cores, which is that over the layers."""
        return sum(self.cores, Bill())


def bill(image: Image) -> ImageBill:
    """What an image takes. Words that several layers share are the first one's, in firing order."""
    atlas = Atlas(image)
    cores = []
    layers: dict[str, Bill] = {layer.name: Bill() for layer in image.about.layers}
    layouts = dict.fromkeys(Layout, 0)
    for core, memory in enumerate(image.cores):
        claims = atlas.claims(core)
        owners = atlas.owners(core, claims)
        counts = np.bincount(owners + 1, minlength=len(claims) + 1).tolist()
        held: Counter[tuple[int | None, Role]] = Counter()  # words by population and role
        taken = Counter({("", "unused"): counts[0] * WORD_BYTES})  # bytes by layer and category
        for claim, count in zip(claims, counts[1:], strict=True):
            held[claim.population, claim.role] += count
            if claim.spare_bytes and count == claim.size:
                layer = atlas.layer(core, claim.population)
                taken[layer, CATEGORIES[claim.role]] -= claim.spare_bytes
                taken[layer, "unused"] += claim.spare_bytes
            if claim.role is Role.WEIGHTS and not claim.is_parameter:
                layouts[claim.layout] += count * WORD_BYTES
        for (population, role), count in held.items():
            taken[atlas.layer(core, population), CATEGORIES[role]] += count * WORD_BYTES
        cores.append(Bill())
        for (layer, category), size in taken.items():
            if size:
                part = Bill(**{category: size})
                cores[core] += part
                layers[layer] = layers.get(layer, Bill()) + part
        assert cores[core].total + cores[core].unused == memory.words.size * WORD_BYTES
    return ImageBill(tuple(cores), layers, layouts)
