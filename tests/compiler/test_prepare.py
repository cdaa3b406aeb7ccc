"""A model is prepared once, knows no target, goes through pickle, and is all that mapping asks for."""

import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from oracle import layers
from oracle.writer import Writer

from snc.backends.image.container import write_image
from snc.backends.words.limits import LIMITS
from snc.compiler.frontend import read
from snc.compiler.pipeline import capacity, prepare
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import compile_model, compile_prepared
from snc.compiler.pipeline.options import Options
from snc.ir.activations import Activation
from snc.ir.chip import Chip
from snc.ir.errors import DoesNotFit, ManyErrors, SncError
from snc.ir.network import STRIDES, Neuron
from snc.models.digits import digits_model

from .reference import CHIP, options, shrunken
from .sequences import FEATURES, HIDDEN, Net


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    """A model in a file."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def many_kinds() -> onnx.ModelProto:
    """Trained and fixed weights, functions with parameters, products, and layers that the host keeps."""
    w = Writer(13, 3)
    x = w.input((1, 3, 12, 12))
    y = w.add(
        "Clip", layers.conv(w, x, 8, pads=(1, 1, 1, 1)), *(w.constant(np.array(v, "f4")) for v in (-1, 2))
    )
    y = w.add("Mul", y, w.add("Sigmoid", y))
    y = w.add("Concat", y, w.add("MaxPool", y, kernel_shape=[3, 3], pads=[1, 1, 1, 1]), axis=1)
    y = w.add("GlobalAveragePool", w.add("LeakyRelu", layers.conv(w, y, 4, stride=(2, 2)), alpha=0.1))
    return w.model([w.add("Softmax", w.add("Flatten", y), axis=1)], "kinds")


def test_a_prepared_model_is_the_same_in_another_process(tmp_path: Path) -> None:
    before = prepare.prepare(saved(tmp_path, many_kinds()))
    after = pickle.loads(pickle.dumps(before))
    assert after.parts.after is not None
    assert [p.name for p in after.network.populations] == [p.name for p in before.network.populations]
    for chip in (CHIP, shrunken(core_words=1024, kernel_max=3)):
        for weights in ("fixed8", "float16"):
            chosen = options(weights)
            images = [compile_prepared(each, chip, chosen).image for each in (before, after)]
            assert write_image(images[0]) == write_image(images[1])
            again = compile_model(tmp_path / "model.onnx", chip, chosen).image
            assert write_image(images[0]) == write_image(again)


def test_declarations_are_pickled_by_name() -> None:
    for one in (*Activation, Neuron.STANDARD, Neuron.INPUT):
        assert pickle.loads(pickle.dumps(one)) is one


def test_constants_are_held_as_long_as_a_layer_reads_them(tmp_path: Path) -> None:
    w = Writer(13, 3)
    held = w.constant(np.ones(2, np.float32))
    normalised = layers.batch_norm(w, layers.conv(w, w.input((1, 3, 6, 6)), 4))
    path = saved(tmp_path, w.model([normalised, held], "normalised"))
    before, graph = read.read_model(path).graph, prepare.folded(path, {})
    assert [layer.op for layer in graph.layers] == ["Conv", "Identity"]
    assert graph.constants.keys() == {*graph.layers[0].inputs[1:], *graph.layers[1].inputs}
    assert len(before.constants) == 2 + 4 + 1  # of a convolution, its normalisation, and the constant output


def test_the_constant_that_a_first_step_begins_with_is_held(tmp_path: Path) -> None:
    net = Net()
    start = net.held(np.full((1, 1, HIDDEN), 0.5, np.float32))
    graph = prepare.folded(saved(tmp_path, net.model(*net.cell("RNN", "x", FEATURES, "", start))), {})
    (carried,) = graph.carried
    assert (graph.constants[carried.initial] == 0.5).all()


class Counted:
    """A function that says how often it was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
        self.right, self.count = getattr(module, name), 0
        monkeypatch.setattr(module, name, self)

    def __call__(self, *given: object, **named: object) -> object:
        self.count += 1
        return self.right(*given, **named)


@pytest.mark.parametrize(
    ("chip", "chosen"),
    [
        (shrunken(core_words=600, mesh=(1, 1)), options("fixed8")),
        (shrunken(core_words=600, mesh=(3, 1)), options("float32")),
        (shrunken(core_words=100, mesh=(1, 1)), options("fixed8")),
    ],
    ids=["cores", "format", "proportion"],
)
def test_a_file_is_read_once_whatever_is_tried_to_make_it_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chip: Chip, chosen: Options
) -> None:
    path = saved(tmp_path, digits_model())
    reads, loads = Counted(monkeypatch, prepare, "read_model"), Counted(monkeypatch, read, "load_model")
    lowerings = Counted(monkeypatch, prepare, "divide")
    with pytest.raises(DoesNotFit) as caught:
        compile_model(path, chip, chosen)
    assert caught.value.remedy
    assert (reads.count, loads.count, lowerings.count) == (1, 1, 1)


def test_what_is_out_of_all_proportion_is_not_lowered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, digits_model())
    lowerings = Counted(monkeypatch, prepare, "divide")
    monkeypatch.setattr(capacity, "VALUES_TRIED_MAX", 0)
    with pytest.raises(DoesNotFit, match="holds the states of"):
        compile_model(path, shrunken(core_words=100, mesh=(1, 1)), options())
    assert lowerings.count == 0


def test_compile_and_check_tell_the_same_problems(tmp_path: Path) -> None:
    """An operator that is unknown, a window that cannot be lowered, and weights that are none, all between
    convolutions.
    """
    w = Writer(13, 5)
    y = layers.conv(w, w.input((1, 4, 9, 9)), 4)
    y = w.add("CumSum", y, w.constant(np.array(2)))
    y = layers.conv(w, y, 4)
    y = w.add("CumSum", y, w.constant(np.array(3)))
    path = saved(tmp_path, w.model([layers.conv(w, y, 4)], "problems"))
    with pytest.raises(SncError) as caught:
        compile_model(path, CHIP, Options())
    assert isinstance(caught.value, ManyErrors)
    told = {str(error) for error in caught.value.errors}
    assert told == {problem.text for problem in check(path, CHIP, Options()).problems}
    assert len(told) == 2


def test_lowering_knows_the_strides_that_words_can_say() -> None:
    assert LIMITS["stride_max"][1] == STRIDES[-1]
