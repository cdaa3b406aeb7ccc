"""ONNX Runtime's fused operators come apart into ONNX's own."""

from pathlib import Path

import numpy as np
import pytest

from snc.compiler.frontend.quantised.qdq import float_form
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.targets.target import load_target

from .small import MAP, MICROSOFT, RANDOM, Case, frames, model, node, run

CHIP = load_target("grai-vip")
WEIGHTS = RANDOM.normal(size=(5, 4, 3, 3)).astype(np.float32)
MATRIX = RANDOM.normal(size=(16, 5)).astype(np.float32)
FUSED: dict[str, Case] = {
    "conv and relu": (node("FusedConv", "x w", "y", MICROSOFT, activation="Relu"), {"w": WEIGHTS}, MAP),
    "conv, sum and clip": (
        node(
            "FusedConv",
            "x w b z",
            "y",
            MICROSOFT,
            activation="Clip",
            activation_params=[-0.5, 1.5],
            pads=[1] * 4,
        ),
        {"w": WEIGHTS, "b": np.ones(5, np.float32), "z": RANDOM.normal(size=(1, 5, 6, 6)).astype(np.float32)},
        MAP,
    ),
    "gemm and leaky relu": (
        node("FusedGemm", "x w b", "y", MICROSOFT, activation="LeakyRelu", activation_alpha=0.3),
        {"w": MATRIX, "b": np.ones(5, np.float32)},
        (1, 16),
    ),
    "matmul, turned": (
        node("FusedMatMul", "x w", "y", MICROSOFT, transB=1, alpha=0.5),
        {"w": np.ascontiguousarray(MATRIX.T)},
        (1, 16),
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_fused_operators_come_apart(name: str, tmp_path: Path) -> None:
    fused, constants, shape = FUSED[name]
    made = model([fused], constants, shape)
    given = frames(shape)
    plain = float_form(made)
    assert {each.domain for each in plain.graph.node} == {""}
    for want, got in zip(run(made, given), run(plain, given), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    compiled = compile_model(path, CHIP, Options(weights="float32", effort=0.5))
    assert compiled.graph.notes == ()  # nothing was quantised
    assert compiled.image.about.host_after == ()
