"""The host's parts before and behind the chip, and the cut points of what neither can have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.pipeline.driver import Compiled
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.runner import Runner, network_inputs
from snc.ir.errors import BadInput, ManyErrors, SncError, Unsupported

from .reference import assert_computes, compiled

Node = onnx.NodeProto
WEIGHTS = np.random.default_rng(1).standard_normal((3, 3, 3, 3)).astype(np.float32)


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Node:
    """A node named after its operator and first output."""
    names = outputs.split()
    return helper.make_node(operator, inputs.split(), names, name=f"{operator}_{names[0]}", **attributes)


def conv(source: str, result: str) -> Node:
    """A convolution that keeps the shape [1, 3, 6, 5]."""
    return node("Conv", f"{source} w", result, pads=[1, 1, 1, 1])


def sums(source: str, result: str) -> Node:
    """What the chip is not given."""
    return node("CumSum", f"{source} axis", result)


def model(
    nodes: Sequence[Node],
    outputs: Sequence[str],
    kind: Any = TensorProto.FLOAT,
    **constants: npt.NDArray[np.generic],
) -> onnx.ModelProto:
    """A model of one input x [1, 3, 6, 5]; `w` are weights."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info("x", kind, [1, 3, 6, 5])],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [
            numpy_helper.from_array(value, name)
            for name, value in {"w": WEIGHTS, "axis": np.array(2), **constants}.items()
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(made, strict_mode=True)


def holds(made: onnx.ModelProto) -> Compiled:
    """A model that is compiled and computes what ONNX Runtime computes."""
    found = compiled(made)
    assert_computes(found.image, made, random_frames(found.image, 1, 3)[0])
    return found


def test_a_softmax_stays_behind_the_chip_with_its_reason() -> None:
    about = holds(model([conv("x", "a"), node("Softmax", "a", "y", axis=1)], ["y"])).image.about
    assert (about.host_before, about.host_after) == ((), ("Softmax_y",))
    assert about.host_reasons == (
        "Softmax: stands at an end of the network, where the host has what is made of others",
    )
    assert about.host_share_of_macs == 0.0


def test_what_stands_behind_it_stays_there_too() -> None:
    nodes = [conv("x", "a"), node("Softmax", "a", "b", axis=1), node("Relu", "b", "y")]
    about = holds(model(nodes, ["y", "a"])).image.about
    assert about.host_after == ("Softmax_b", "Relu_y")
    assert about.host_reasons[1].endswith(": stands behind Softmax_b (Softmax)")


def test_bytes_that_are_cast_stand_before_the_chip() -> None:
    nodes = [node("BitShift", "x one", "s", direction="RIGHT"), node("Cast", "s", "f", to=1), conv("f", "y")]
    made = model(nodes, ["y"], TensorProto.UINT8, one=np.array(1, dtype=np.uint8))
    found = holds(made)
    assert "BitShift_s" in found.image.about.host_before
    assert [(t.name, t.dtype) for t in network_inputs(found.image)] == [("x", "uint8")]


def test_an_input_of_integers_takes_no_other_numbers() -> None:
    nodes = [node("BitShift", "x one", "s", direction="RIGHT"), node("Cast", "s", "f", to=1), conv("f", "y")]
    made = model(nodes, ["y"], TensorProto.UINT8, one=np.array(1, dtype=np.uint8))
    runner = Runner(compiled(made).image)
    whole = np.full(runner.image.tensors[0].shape, 200)
    (want,), (got,) = (runner({"x": whole.astype(kind)}).outputs.values() for kind in ("uint8", "float32"))
    np.testing.assert_array_equal(got, want)
    for number in (0.5, 256, -1, np.nan):
        with pytest.raises(BadInput, match=f"input 'x' is made of uint8, which has no {number:g}"):
            runner({"x": np.where(np.arange(whole.size).reshape(whole.shape) == 3, number, whole)})


def test_before_and_behind_at_once() -> None:
    nodes = [sums("x", "e"), conv("e", "a"), conv("a", "b"), sums("b", "y")]
    about = holds(model(nodes, ["y", "a"])).image.about
    assert (about.host_before, about.host_after) == (("CumSum_e",), ("CumSum_y",))


def test_the_chip_keeps_all_that_does_not_depend_on_the_host() -> None:
    nodes = [conv("x", "a"), node("Relu", "a", "r"), sums("a", "e"), conv("r", "b")]
    found = holds(model(nodes, ["e", "b"]))
    assert found.image.about.host_after == ("CumSum_e",)
    assert {layer.op for layer in found.image.about.layers} == {"Conv", "Relu", "input"}


def test_the_host_reads_the_networks_inputs_without_the_chip() -> None:
    nodes = [conv("x", "a"), node("Mod", "x a", "m", fmod=1), node("Abs", "m", "y")]
    found = holds(model(nodes, ["y"]))
    assert [value.name for value in onnx.load_from_string(found.image.host_after or b"").graph.input] == [
        "x",
        "a",
    ]


def test_an_output_made_before_the_chip() -> None:
    nodes = [sums("x", "e"), conv("e", "y")]
    holds(model(nodes, ["y", "e"]))


def test_an_input_may_be_an_output_too() -> None:
    made = model([node("Relu", "x", "y")], ["y"])
    made.graph.output.append(made.graph.input[0])
    found = holds(made)
    assert [tensor.name for tensor in network_inputs(found.image)] == ["x"]


def test_an_input_that_the_host_alone_reads_may_be_an_output_too() -> None:
    made = model([sums("x", "e"), conv("e", "y")], ["y"])
    made.graph.output.append(made.graph.input[0])
    found = holds(made)
    assert [tensor.name for tensor in network_inputs(found.image)] == ["x"]


def test_an_output_of_a_view_that_the_host_reads_for_another_of_its_outputs() -> None:
    views = node("Split", "x", "t u", axis=2)
    nodes = [conv("x", "y"), views, node("LpNormalization", "t", "v", axis=1)]
    assert "LpNormalization_v" in holds(model(nodes, ["y", "u", "v"])).image.about.host_after


def test_a_result_that_is_constant_comes_from_the_host() -> None:
    nodes = [conv("x", "y"), node("Shape", "x", "n")]
    made = model(nodes, ["y", "n"])
    found = compiled(made)
    frame = random_frames(found.image, 1, 0)[0]
    assert_computes(found.image, made, frame)


def test_a_product_of_two_results_counts_as_the_hosts_share() -> None:
    nodes = [
        conv("x", "a"),
        node("Reshape", "a s", "b"),
        node("Transpose", "b", "c", perm=[0, 2, 1]),
        node("MatMul", "b c", "y"),
    ]
    about = holds(model(nodes, ["y"], s=np.array([1, 3, 30]))).image.about
    assert about.host_after == ("MatMul_y",)
    assert 0 < about.host_share_of_macs < 0.5


def test_in_the_middle_it_is_refused_with_the_cut_points() -> None:
    nodes = [
        conv("x", "a"),
        sums("a", "e"),
        node("Relu", "e", "f"),
        sums("f", "s"),
        conv("s", "b"),
        node("Add", "a b", "y"),
    ]
    with pytest.raises(ManyErrors) as caught:
        compiled(model(nodes, ["y"]))
    assert [error.origin.node for error in caught.value.errors if error.origin] == ["CumSum_e", "CumSum_s"]
    for error in caught.value.errors:
        assert (
            error.hint
            == "give --split, or split the model: end the first part at a, begin the second at s, which also"
            " reads a"
        )


def test_two_cuts_where_two_are_needed() -> None:
    nodes = [conv("x", "a"), sums("a", "b"), conv("b", "c"), sums("c", "d"), conv("d", "y")]
    with pytest.raises(SncError) as caught:
        compiled(model(nodes, ["y"]))
    assert str(caught.value).count("split the model") == 2


def test_weights_never_go_to_the_host() -> None:
    nodes = [conv("x", "a"), node("Reshape", "a s", "b"), node("Conv", "b v", "y")]
    kernel = np.ones((1, 1, 2, 2), dtype=np.float32)
    with pytest.raises(Unsupported, match=r"node Conv_y \(Conv\): its input has the shape"):
        compiled(model(nodes, ["y"], s=np.array([3, 1, 6, 5]), v=kernel))


def test_control_flow_is_refused() -> None:
    scalars = [helper.make_tensor_value_info(name, kind, []) for name, kind in (("i", 7), ("c", 9))]
    results = [helper.make_tensor_value_info("d", 9, []), helper.make_tensor_value_info("o", 9, [])]
    nodes = [node("Identity", "c", "d"), node("Identity", "c", "o")]
    body = helper.make_graph(nodes, "body", scalars, results)
    loop = helper.make_node("Loop", ["n", ""], ["l"], name="again", body=body)
    with pytest.raises(Unsupported, match=r"node again \(Loop\): it reads no sequence step by step"):
        compiled(model([conv("x", "y"), node("Size", "y", "n"), loop], ["y", "l"]))


def test_nothing_for_the_chip_is_refused() -> None:
    with pytest.raises(Unsupported, match="has no layer that the chip can compute"):
        compiled(model([sums("x", "y")], ["y"]))


def test_what_lowering_refuses_goes_to_the_host() -> None:
    made = model([conv("x", "a"), node("Cast", "a", "y", to=TensorProto.INT32)], ["y"])
    assert compiled(made).image.about.host_after == ("Cast_y",)
    holds(made)


def test_a_mirrored_border_at_the_output_is_named_not_computed() -> None:
    nodes = [conv("x", "a"), node("Pad", "a p", "y", mode="reflect")]
    made = model(nodes, ["y"], p=np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    assert compiled(made).image.about.host_after == ()
    holds(made)


def test_a_result_may_be_left_out() -> None:
    """Of recurrent layers usually the first one is: the last step is what is read."""
    random = np.random.default_rng(2)
    cells = {
        "k": random.standard_normal((1, 15, 30)).astype(np.float32),
        "r": random.standard_normal((1, 15, 5)).astype(np.float32),
        "shape": np.array([3, 1, 30]),
    }
    rows = node("Reshape", "a shape", "b")
    last = helper.make_node("GRU", ["b", "k", "r"], ["", "y"], hidden_size=5, name="gru")
    about = holds(model([conv("x", "a"), rows, last], ["y"], **cells)).image.about
    assert "gru" in about.host_after
