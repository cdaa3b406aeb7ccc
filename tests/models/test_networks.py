"""The built networks: published sizes, the same bytes each time, activations worth computing everywhere."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest

from snc.models.catalogue import CATALOGUE, build, names

Activations = dict[str, npt.NDArray[np.float32]]

# A folded batch norm leaves one parameter per channel, the bias, where the published counts have two, gamma
# and beta (the running mean and variance are not trained, and not counted). So each normalised channel costs
# one parameter less: 26,560 in ResNet50, as many as its convolutions have biases. The dense layer has no
# batch norm, and neither has PilotNet.
FOLDED = {
    "pilotnet": 252_219,
    "mobilenetv1": 4_221_032,
    "resnet50": 25_530_472,
    "resnet101": 44_496_488,
    "darknet53": 41_592_072,
}
BUILT = sorted(FOLDED)

# Neurons of the paper's table 2, in 2^20 bytes at 16 bits each: a block's addition and projection are fused
# into its third convolution, pools and dense layers are counted. MobileNet and DarkNet are others there.
NEURONS_MB = {"pilotnet": 0.20, "resnet50": 17.71, "resnet101": 27.47}


@pytest.fixture(scope="module", params=BUILT)
def model(request: pytest.FixtureRequest) -> onnx.ModelProto:
    """Each built network in turn, in its usual size."""
    found: onnx.ModelProto = build(request.param)
    return found


@pytest.fixture(scope="module")
def activations(model: onnx.ModelProto) -> Activations:
    """What every node of the network computes of a random picture."""
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    outputs = [node.output[0] for node in model.graph.node]
    known = {output.name for output in model.graph.output}
    observed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs if name not in known)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(observed.SerializeToString(), options)
    (image,) = session.get_inputs()
    pixels = np.random.default_rng(1).standard_normal(image.shape, np.float32)
    return dict(zip(outputs, session.run(outputs, {image.name: pixels}), strict=True))


def sizes(model: onnx.ModelProto, ending: str) -> Iterator[int]:
    for tensor in model.graph.initializer:
        if tensor.name.endswith(ending):
            yield math.prod(tensor.dims)


def test_every_built_network_is_tested() -> None:
    assert {*BUILT, "digits", "stdp-digits", "stdp-mnist", "untrained-digits"} == set(names())


def test_a_network_has_its_published_parameters(model: onnx.ModelProto) -> None:
    name = model.graph.name
    assert sum(sizes(model, ".weights")) + sum(sizes(model, ".biases")) == FOLDED[name]
    biases_of_convs = sum(
        math.prod(tensor.dims)
        for tensor in model.graph.initializer
        if tensor.name.endswith(".biases") and tensor.name != "logits.biases"
    )
    normalised = 0 if name == "pilotnet" else biases_of_convs
    assert FOLDED[name] + normalised == CATALOGUE[name].parameters


def test_pilotnet_has_the_papers_weights() -> None:
    model = build("pilotnet")
    assert (sum(sizes(model, ".weights")), sum(sizes(model, ".biases"))) == (251_822, 397)


def test_inputs_and_outputs_have_their_names(model: onnx.ModelProto) -> None:
    output = "steering" if model.graph.name == "pilotnet" else "logits"
    assert [each.name for each in model.graph.input] == ["image"]
    assert [each.name for each in model.graph.output] == [output]
    assert model.graph.node[-1].op_type == "Gemm"


def test_the_same_seed_gives_the_same_bytes(model: onnx.ModelProto) -> None:
    assert build(model.graph.name).SerializeToString() == model.SerializeToString()


def test_another_seed_gives_other_weights() -> None:
    first, second = (build("pilotnet", seed=seed) for seed in (0, 1))
    assert first.graph.node == second.graph.node
    assert all(
        a.raw_data != b.raw_data
        for a, b in zip(first.graph.initializer, second.graph.initializer, strict=True)
    )


def test_a_network_has_the_papers_neurons(model: onnx.ModelProto, activations: Activations) -> None:
    populations = {"Conv", "MaxPool", "GlobalAveragePool", "Gemm"}
    neurons = sum(
        activations[node.output[0]].size
        for node in model.graph.node
        if node.op_type in populations and not node.name.endswith(".projection")
    )
    name = model.graph.name
    if name in NEURONS_MB:
        assert round(neurons * 2 / 2**20, 2) == NEURONS_MB[name]
    if name == "pilotnet":
        assert neurons == 107_033


def test_activations_are_worth_computing_at_every_layer(
    model: onnx.ModelProto, activations: Activations
) -> None:
    for node in model.graph.node:
        name, values = node.output[0], activations[node.output[0]]
        assert np.isfinite(values).all(), name
        if values.size >= 10:
            assert 0.1 < values.std() < 20, name
        if node.op_type in {"Relu", "Clip"}:
            assert 0.05 < np.mean(values == 0) < 0.95, name
        if values.ndim == 4 and values[0, 0].size > 1:
            # A channel that is a constant would hide every error of geometry.
            assert values.std(axis=(2, 3)).mean() > 0.3 * values.std(), name
