"""The values between the steps of the pipeline, by name: what is verified, and may be dumped."""

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from ...backends.crossbar.image import CrossbarImage
from ...backends.image.image import Image
from ...ir.crossbar.layout import Clusters, Placed
from ...ir.layers import LayerGraph
from ...ir.mapping import Mapping
from ...ir.network import Network

Value = LayerGraph | Network | Mapping | Image | Clusters | Placed | CrossbarImage
V = TypeVar("V", LayerGraph, Network, Mapping, Image)


class Step(StrEnum):
    """A value on the way from a model to its image, by what was done to it last."""

    LAYERS = "layers"
    NETWORK = "network"
    QUANTISED = "quantised"
    PACKED = "packed"
    PLACED = "placed"
    IMAGE = "image"


Watch = Callable[[Step, Value], None]


def unwatched(step: Step, value: Value) -> None:
    """Looks at nothing."""


def verified(step: Step, value: V, watch: Watch = unwatched) -> V:
    """The value, once it holds what it must and `watch` has seen it. Raises VerifyError: a bug of ours."""
    if not isinstance(value, Image):
        value.verify()
    watch(step, value)
    return value
