"""Quantised models compiled as the integers that they are: no layer of the image differs from the integers
that a reference of our own computes, nor this from ONNX Runtime's kernels.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.backends.analysis.bill import bill
from snc.compiler.billing.compare import compare
from snc.compiler.billing.techniques import Widths
from snc.compiler.frontend.quantised import qdq
from snc.compiler.frontend.quantised.whole import NOTE, WholeForm, whole_form
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.running.runner import Runner
from snc.compiler.running.verify import verify
from snc.compiler.targets.target import load_target
from snc.ir.errors import DoesNotFit
from snc.ir.network import Activation, Network, Neuron, PopulationId

from .drawn_quantised import drawn as drawn_network
from .small import node, scalar
from .whole_cases import CASES, CONSTANTS, ROW, Case, d, drawn, frames, model, q, weights

CHIP = load_target("grai-vip")


def compiled(made: onnx.ModelProto, folder: Path) -> tuple[Path, Compiled]:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return path, compile_model(path, CHIP, Options(effort=0.1))


@pytest.mark.parametrize("name", CASES)
def test_a_layer_computes_the_integers_of_the_model(name: str, tmp_path: Path) -> None:
    made = model(CASES[name])
    form = whole_form(made)
    assert isinstance(form, WholeForm), form
    onnx.checker.check_model(form.model, full_check=True)
    path, found = compiled(made, tmp_path)
    assert found.graph.notes == (NOTE,)
    given = [{"x": each} for each in frames(CASES[name])]
    verdict = verify(path, found.image, given)
    integers = verdict.compared["integers"]
    assert [figure.mismatches for figure in integers.outputs] == [0] * len(integers.outputs)
    assert verdict.is_right


@pytest.mark.parametrize("name", CASES)
def test_the_chip_rounds_no_whole_number(name: str, tmp_path: Path) -> None:
    """Where all events are whole numbers, and none is a sum that a stride of the chip's passes on."""
    found = compiled(model(CASES[name]), tmp_path)[1]
    network = found.network
    sources = {projection.source for projection in network.projections}
    if not all(is_whole(network, source) for source in sources):
        return
    names = {tensor.name for tensor in found.image.tensors if tensor.name.endswith(":whole")}
    assert names
    exact, chip = Runner(found.image), Runner(found.image, "chip")
    for frame in frames(CASES[name]):
        want, got = (dict(runner({"x": frame}, keep_layers=True).run.layers) for runner in (exact, chip))
        for layer in names & want.keys():
            np.testing.assert_array_equal(got[layer], want[layer], layer)


def is_whole(network: Network, source: PopulationId) -> bool:
    """Whether a population's values are whole numbers that half precision holds."""
    found = network.populations[source]
    if found.neuron is Neuron.INPUT or found.activation in (Activation.REQUANTISE, Activation.CLIP):
        return True
    into = network.into(source)
    return found.neuron is Neuron.STANDARD and all(is_whole(network, p.source) for p in into)


# Nodes from x0, which is quantised, to r, which is quantised behind, and what keeps them from being integers.
FLOATS: Mapping[str, tuple[Case, str]] = {
    "weights of floats": (Case([node("Conv", "x0 wf", "r")]), "its weights are not quantised"),
    "a bias of floats": (Case([*weights(), node("Conv", "x0 wr bf", "r")]), "its bias is not quantised"),
    "a bias of another scale": (
        Case([*weights(), d("b", "br", "xs", "pz"), node("Conv", "x0 wr br", "r")]),
        "its bias has another scale than its products",
    ),
    "an input of floats": (
        Case([*weights(), node("Relu", "x0", "f"), node("Exp", "f", "e"), node("Conv", "e wr", "r")]),
        "its input is not quantised",
    ),
    "floats that are rounded again": (
        Case(
            [
                *(node("Softmax", "x0", "s"), *q("s", "x1", "as", "az")),
                *(*weights(), node("Conv", "x1 wr", "r")),
            ]
        ),
        "what it reads was computed in floats and rounded again",
    ),
    "a border that counts, and windows beyond it": (
        Case(
            [
                node(
                    *("AveragePool", "x0", "r"),
                    kernel_shape=[3, 3],
                    pads=[1, 1, 1, 1],
                    strides=[2, 2],
                    ceil_mode=1,
                    count_include_pad=1,
                )
            ]
        ),
        "it counts a border, and windows beyond it",
    ),
    "a scale for each input": (
        Case([d("wm", "wr", "es", "ez", axis=0), node("MatMul", "x0 wr", "r")], ROW),
        "its weights have a scale for each of its inputs",
    ),
}


@pytest.mark.parametrize("name", FLOATS)
def test_what_are_no_integers_keeps_its_float_form(name: str, tmp_path: Path) -> None:
    case, reason = FLOATS[name]
    path, found = compiled(model(case), tmp_path)
    assert found.graph.notes[0] == qdq.NOTE
    assert reason in found.graph.notes[1]
    assert "integers" not in verify(path, found.image, [{"x": frames(case)[0]}]).compared


def test_sums_beyond_32_bits_are_no_integers() -> None:
    wide = scalar(120, np.uint16)
    made = model(
        Case([*weights("wh", "zh"), node("MatMul", "x0 wr", "r")], (1, 2**17), opset=21),
        constants={"xz": wide, "wh": np.full((2**17, 2), 127, np.int8), "zh": scalar(0, np.int8)},
    )
    assert "its sums may have more than 32 bits" in str(whole_form(made))


def test_a_factor_a_rounding_and_a_clamp_are_one_activation(tmp_path: Path) -> None:
    found = compiled(model(CASES["a scale for each channel"]), tmp_path)[1]
    names = [(p.neuron.name, p.activation.name) for p in found.network.populations]
    assert names == [("INPUT", "IDENTITY"), ("WIDE", "REQUANTISE"), ("WIDE", "IDENTITY")]
    [layer] = [p for p in found.network.populations if p.activation is Activation.REQUANTISE]
    factor, *others = layer.parameters
    scale = (np.float32(0.02) * CONSTANTS["cs"]).astype(np.float32) / np.float32(0.031)
    assert factor == tuple(float(each) for each in scale)
    assert others == [1.0, -128.0 - 7, 127.0 - 7]
    [kernel] = [p.kernel for p in found.network.projections if p.target == 1]
    np.testing.assert_array_equal(np.unique(kernel.weights), np.unique(CONSTANTS["w"]))


@pytest.mark.parametrize(("least", "most", "bits"), [(-128, 127, 8), (-8, 7, 4), (-3, 3, 3), (-2, 1, 2)])
def test_integers_take_as_many_bits_as_they_need(least: int, most: int, bits: int, tmp_path: Path) -> None:
    held = drawn(6, 4, 3, 3, low=least, high=most)
    held.flat[:2] = least, most
    case = Case([*weights(), node("Conv", "x0 wr", "r")])
    path, found = compiled(model(case, constants={"w": held}), tmp_path)
    [kernel] = [p.kernel for p in found.network.projections if p.target == 1]
    assert kernel.format == f"fixed{bits}"
    assert bill(found.image).total.parameters <= 4 * (9 * 6 * bits // 8 + 8) + 64  # four kernels, and factors
    assert verify(path, found.image, [{"x": frames(case)[0]}]).is_right


def test_states_of_32_bits_are_billed_and_asked_of_the_target(tmp_path: Path) -> None:
    path, found = compiled(model(CASES["a convolution"]), tmp_path)
    neurons = 6 * 8 * 8 * 2  # of the layer, and of the numbers that its integers stand for
    assert bill(found.image).total.neurons == 4 * neurons
    narrow = replace(CHIP, wide_state_bits=0)
    with pytest.raises(DoesNotFit, match="it sums in states of 32 bits") as error:
        compile_model(path, narrow, Options(effort=0.1))
    assert error.value.remedy == {"wide_state_bits": 32}
    assert [problem.rule for problem in check(path, narrow, Options()).problems if "32 bits" in problem.rule]


@pytest.mark.parametrize("seed", range(16))
def test_a_drawn_network_computes_the_integers_of_the_model(seed: int, tmp_path: Path) -> None:
    made, shape = drawn_network(seed)
    path, found = compiled(made, tmp_path)
    assert found.graph.notes == (NOTE,)
    random = np.random.default_rng(seed)
    given = [{"x": (random.normal(size=shape) * spread).astype(np.float32)} for spread in (1, 6)]
    verdict = verify(path, found.image, given)
    assert [figure.mismatches for figure in verdict.compared["integers"].outputs if figure.mismatches] == []
    assert verdict.is_right


def test_other_encodings_are_billed_for_the_same_states(tmp_path: Path) -> None:
    path = compiled(model(CASES["a convolution"]), tmp_path)[0]
    found = compare(prepare(path), CHIP, Options(effort=0.1), Widths())
    states = 4 * (2 * 6 * 8 * 8)  # of the layer, and of the numbers that its integers stand for
    assert found.snc is not None
    assert {each.neurons_bytes for each in (found.snc, found.lut, found.paper_rules)} == {states}
