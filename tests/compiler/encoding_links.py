"""A layer of the encodings' machine as the formulas see it."""

import numpy as np

from snc.backends.encodings.layer import Layer
from snc.compiler.billing.encoded_words import Links


def links_of_layer(layer: Layer) -> Links:
    kept = layer.weights != 0
    kept[layer.first < 0] = False
    return Links(
        layer.y.meets().astype(np.int64),
        layer.x.meets().astype(np.int64),
        kept,
        layer.first >= 0,
        np.maximum(layer.first, 0),
        layer.targets,
        layer.states_a_word,
        layer.weight_bits,
        layer.is_shared,
    )
