"""One conformance case: a named model of one or two layers."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import onnx

from .writer import NEWEST_OPSET, OLDEST_OPSET, Writer

Build = Callable[[Writer, str], str | list[str]]  # the output, or all outputs


@dataclass(frozen=True, slots=True)
class Case:
    """The name draws weights and opset, so that a new case changes no other."""

    name: str
    shape: tuple[int, ...]  # of the first input, without the batch
    build: Build
    oldest: int = OLDEST_OPSET
    newest: int = NEWEST_OPSET
    thorough: bool = False  # a finer variant of another case

    def model(self) -> onnx.ModelProto:
        """The checked model."""
        draw = zlib.crc32(self.name.encode())
        w = Writer(self.oldest + draw % (self.newest - self.oldest + 1), draw)
        outputs = self.build(w, w.input((1, *self.shape)))
        return w.model([outputs] if isinstance(outputs, str) else outputs, self.name)


finer = partial(Case, thorough=True)
