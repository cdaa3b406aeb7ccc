"""What ONNX Runtime computes for the tensors of a model, frame by frame."""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from ...ir.errors import BadInput, Origin
from ..frontend.onnx_file import first_line
from ..frontend.runtime import DTYPES, Arrays, session
from .precise import WIDE, precise

UNREAD_SEED = 0


class Reference:
    """A model that gives the named tensors of a frame; inner tensors are made outputs.

    `is_precise`: sums are computed in double precision, where ONNX Runtime can run the model so.
    """

    def __init__(self, model: onnx.ModelProto, names: Sequence[str], *, is_precise: bool, file: str) -> None:
        self.file = file
        made = {output for node in model.graph.node for output in node.output}
        made |= {value.name for value in model.graph.input}
        for name in names:
            if name not in made:
                raise BadInput(
                    Origin(file=file), f"has no tensor {name!r}", hint="give the model's own reference"
                )
        self._model, self._names = model, list(names)
        self._reads = self._names
        self._runtime: Any = None
        if is_precise:
            exact = precise(model)
            twins = {output for node in exact.graph.node for output in node.output}
            reads = [f"{name}{WIDE}" if f"{name}{WIDE}" in twins else name for name in names]
            with contextlib.suppress(BadInput):  # a kernel that is not there in double
                self._runtime, self._reads = _opened(exact, reads), reads
        self._is_exact = self._runtime is not None
        if not self._is_exact:
            self._runtime = _opened(model, names)
        self._kinds = {value.name: (value.type, value.shape) for value in self._runtime.get_inputs()}

    def __call__(self, frame: Arrays) -> Arrays:
        """The tensors of one frame. Raises BadInput where ONNX Runtime cannot run the model."""
        fed = {name: self._fed(frame, name) for name in self._kinds}
        if self._is_exact:
            try:
                return self._run(fed)
            except Exception:  # shapes that ONNX infers and ONNX Runtime does not follow
                self._is_exact = False
                self._runtime, self._reads = _opened(self._model, self._names), self._names
        try:
            return self._run(fed)
        except Exception as error:  # onnxruntime raises a dozen kinds of its own
            rule = f"ONNX Runtime cannot run it ({first_line(error)})"
            hint = "there is nothing to compare with: change the node that it names"
            raise BadInput(Origin(file=self.file), rule, hint=hint) from None

    def _run(self, fed: Arrays) -> Arrays:
        return dict(zip(self._names, self._runtime.run(self._reads, fed), strict=True))

    def _fed(self, frame: Arrays, name: str) -> Any:
        """A frame's array as the model's input; noise for an input that the image's network does not read."""
        kind, shape = self._kinds[name]
        dtype = DTYPES.get(kind, "float32")
        if name in frame:
            return np.asarray(frame[name]).astype(dtype)
        return np.random.default_rng(UNREAD_SEED).standard_normal(shape).astype(dtype)


def _opened(model: onnx.ModelProto, names: Sequence[str]) -> Any:
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    known = {output.name for output in wide.graph.output}
    for name in dict.fromkeys(names):
        if name not in known:
            wide.graph.output.add().name = name
    return session(wide.SerializeToString())
