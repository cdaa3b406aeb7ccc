"""Networks in parts: what the host has in the middle stands between images, and all run as one network."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from checker.check import check
from onnx import helper

from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.backends.image.parts import MANIFEST, SplitImage, load_network, manifest_of, save_parts
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.splitting.compile import SplitCompiled, compile_split
from snc.compiler.running.chain import runner_of
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.verify import verify
from snc.ir.errors import BadImage, BadInput, SncError, Unsupported

from .reference import CHIP, TOLERANCE, difference, options
from .test_families import Net

CHANNELS, SHAPE = 8, (1, 3, 6, 8)


class Middle(Net):
    """A network of convolutions that keep the size of a map, with anything between them."""

    def __init__(self) -> None:
        super().__init__(13, SHAPE)

    def conv(self, x: str, read: int = CHANNELS, made: int = CHANNELS) -> str:
        return self.add("Conv", x, self.weights(made, read, 3, 3), self.gains(made)[1], pads=[1] * 4)

    def first(self) -> str:
        return self.conv("x", SHAPE[1])

    def sums(self, x: str, axis: int = 2) -> str:
        return self.add("CumSum", x, self.constant(np.asarray(axis)))


def two_foreign_operators() -> onnx.ModelProto:
    net = Middle()
    x = net.conv(net.sums(net.add("Relu", net.first())))
    return net.model(net.conv(net.sums(net.add("Tanh", x))))


def foreign_operators_side_by_side() -> onnx.ModelProto:
    net = Middle()
    x = net.first()
    return net.model(net.conv(net.add("Add", net.sums(x, 2), net.sums(x, 3))))


def residual_around_the_host() -> onnx.ModelProto:
    """The sum reads what the first part made, and so does the host."""
    net = Middle()
    x = net.first()
    return net.model(net.add("Add", net.conv(net.sums(x)), x))


def input_that_is_read_late() -> onnx.ModelProto:
    net = Middle()
    x = net.conv(net.sums(net.first()))
    return net.model(net.conv(net.add("Concat", x, "x", axis=1), CHANNELS + SHAPE[1]))


def outputs_of_every_part() -> onnx.ModelProto:
    """The first part's result, the host's, and the last part's are outputs of the network."""
    net = Middle()
    x = net.add("Relu", net.first())
    between = net.sums(x)
    made = net.model(net.conv(between))
    for name in (x, between):
        made.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return made


def layers_for_either() -> onnx.ModelProto:
    """Between foreign operators a ReLU is the host's, behind them it is the chip's."""
    net = Middle()
    x = net.sums(net.add("Relu", net.sums(net.first())), 3)
    return net.model(net.conv(net.add("Relu", x)))


def scattered_neurons() -> onnx.ModelProto:
    """Columns become channels and channels rows: as neurons they would be too many projections."""
    net = Middle()
    x = net.add("Relu", net.conv("x", SHAPE[1], 48))
    x = net.add("Reshape", x, net.constant(np.asarray([1, 12, 24, 8])))
    x = net.add("Transpose", x, perm=[0, 3, 2, 1])
    return net.model(net.conv(x, 8))


def host_at_both_ends() -> onnx.ModelProto:
    net = Middle()
    x = net.conv(net.sums(net.conv(net.sums("x"), SHAPE[1])))
    return net.model(net.sums(x))


NETWORKS: dict[str, tuple[Callable[[], onnx.ModelProto], list[str]]] = {
    "two foreign operators": (two_foreign_operators, ["chip", "host", "chip", "host", "chip"]),
    "foreign operators side by side": (foreign_operators_side_by_side, ["chip", "host", "chip"]),
    "residual around the host": (residual_around_the_host, ["chip", "host", "chip"]),
    "input that is read late": (input_that_is_read_late, ["chip", "host", "chip"]),
    "outputs of every part": (outputs_of_every_part, ["chip", "host", "chip"]),
    "layers for either": (layers_for_either, ["chip", "host", "chip"]),
    "host at both ends": (host_at_both_ends, ["chip", "host", "chip"]),
}


def written(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def split(model: onnx.ModelProto, folder: Path, chosen: Options | None = None) -> SplitCompiled:
    return compile_split(written(model, folder), CHIP, chosen or options())


def reread(image: SplitImage, folder: Path) -> SplitImage:
    save_parts(folder / "parts", image)
    found = load_network(manifest_of(folder / "parts"))
    assert isinstance(found, SplitImage)
    return found


def kinds(image: SplitImage) -> list[str]:
    return [row.kind for row in image.manifest.parts]


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_compute_the_network(name: str, tmp_path: Path) -> None:
    make, expected = NETWORKS[name]
    model = make()
    image = reread(split(model, tmp_path).image, tmp_path)
    assert kinds(image) == expected
    runner = runner_of(image)
    for frame in random_frames(image, 2, 3):
        worst = difference(runner(frame).outputs, model, frame)
        assert worst.error <= TOLERANCE, worst
    for part in image.parts:
        if isinstance(part, Image):
            assert check(write_image(part)).faults == ()


@pytest.mark.parametrize("weights", ["float32", "fixed8"])
@pytest.mark.parametrize("name", NETWORKS)
def test_parts_are_verified_as_one_network(name: str, weights: str, tmp_path: Path) -> None:
    image = split(NETWORKS[name][0](), tmp_path, options(weights=weights)).image
    verdict = verify(tmp_path / "model.onnx", image, random_frames(image, 2, 3))
    assert verdict.is_right
    assert {figures.name for figures in verdict.layers} >= {
        tensor.name
        for part in image.parts
        if isinstance(part, Image)
        for tensor in part.tensors
        if tensor.kind == "layer"
    }


def test_the_reference_holds_the_weights_of_all_images(tmp_path: Path) -> None:
    found = split(two_foreign_operators(), tmp_path, options(weights="fixed8"))
    trained, held = found.prepared.graph.constants, found.reference().constants
    weights = [name for name, value in trained.items() if np.ndim(value) == 4]
    assert len(weights) == 3
    assert all((held[name] != trained[name]).any() for name in weights)


def test_what_a_layer_with_weights_cannot_read_is_laid_by_the_host(tmp_path: Path) -> None:
    model = scattered_neurons()
    with pytest.raises(Unsupported, match="mixes neurons"):
        raise_first(model, tmp_path)
    image = split(model, tmp_path).image
    assert kinds(image) == ["chip", "host", "chip"]
    frame = random_frames(image, 1, 3)[0]
    assert difference(runner_of(image)(frame).outputs, model, frame).error <= TOLERANCE


def test_what_no_view_lays_out_comes_from_a_part_before(tmp_path: Path) -> None:
    """Pixels are rows for the first product, and channels for the second."""
    net = Net(13, (1, 40, 12))
    x = net.add("MatMul", "x", net.weights(12, 300))
    model = net.model(net.add("MatMul", net.weights(5, 40), net.add("Relu", x)))
    with pytest.raises(Unsupported, match="mixes neurons"):
        raise_first(model, tmp_path)
    image = split(model, tmp_path).image
    assert kinds(image) == ["chip", "chip"]
    frame = random_frames(image, 1, 3)[0]
    assert difference(runner_of(image)(frame).outputs, model, frame).error <= TOLERANCE


def raise_first(model: onnx.ModelProto, folder: Path) -> None:
    from snc.compiler.pipeline.driver import compile_model

    compile_model(written(model, folder), CHIP, options())


def test_a_network_that_needs_no_split_is_one_part(tmp_path: Path) -> None:
    net = Middle()
    image = split(net.model(net.conv(net.first())), tmp_path).image
    assert kinds(image) == ["chip"]


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    names = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        reread(split(two_foreign_operators(), folder).image, folder)
        files = sorted((folder / "parts").iterdir())
        names.add(tuple((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files))
    assert len(names) == 1


def test_parts_name_the_reasons(tmp_path: Path) -> None:
    rows = split(layers_for_either(), tmp_path).image.manifest.parts
    assert [len(row.reasons) for row in rows] == [0, 2, 0]
    assert rows[1].reasons[0].endswith("(CumSum): the operator cannot be mapped")


def test_layers_with_weights_that_no_chip_can_be_given_are_refused(tmp_path: Path) -> None:
    net = Net(13, (2, *SHAPE[1:]))
    x = net.add("Conv", "x", net.weights(8, 3, 3, 3))
    with pytest.raises(SncError, match="one frame"):
        split(net.model(net.add("Relu", x)), tmp_path)


def test_a_network_over_time_has_no_parts(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the host keeps no states"):
        compile_split(tmp_path / "net.nir", CHIP, options())


def anything(seed: int) -> onnx.ModelProto:
    """Convolutions, foreign operators, and layers for either, each of what was made before."""
    net, random = Middle(), np.random.default_rng(seed)
    made = [net.first()]
    for kind in random.choice(["conv", "sums", "sinh", "relu", "add", "max"], 9):
        x, y = (made[max(len(made) - 1 - int(back), 0)] for back in random.integers(0, 4, 2))
        if kind == "conv":
            made.append(net.conv(x))
        elif kind == "sums":
            made.append(net.add("Tanh", net.sums(x, 3)))
        elif kind in ("add", "max"):
            made.append(net.add(kind.title(), x, y))
        else:
            made.append(net.add(kind.title(), net.add("Tanh", x)))
    model = net.model(net.conv(made[-1]))
    for name in dict.fromkeys(made[int(index)] for index in random.integers(1, len(made), 2)):
        model.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return model


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_parts_computes_the_network(seed: int, tmp_path: Path) -> None:
    model = anything(seed)
    image = reread(split(model, tmp_path).image, tmp_path)
    frame = random_frames(image, 1, seed)[0]
    worst = difference(runner_of(image)(frame).outputs, model, frame)
    assert worst.error <= TOLERANCE, worst


def test_random_networks_have_many_parts(tmp_path: Path) -> None:
    counts = [len(kinds(split(anything(seed), tmp_path).image)) for seed in range(12)]
    assert max(counts) >= 5
    assert len({*counts}) >= 3


def recurrent(hidden: int, made: int) -> onnx.ModelProto:
    """Rows that a recurrent layer reads one after the other, between two convolutions."""
    net = Net(13, (1, 1, 16, 16))
    x = net.add("Reshape", net.add("Conv", "x", net.weights(1, 1, 3, 3), pads=[1] * 4), rows(net, 16, 1, 16))
    held = net.weights(1, 4 * hidden, 16), net.weights(1, 4 * hidden, hidden)
    x = net.add("LSTM", x, *held, hidden_size=hidden)
    x = net.add("Conv", net.add("Reshape", x, rows(net, 1, 1, 16, hidden)), net.weights(made, 1, 3, 3))
    return net.model(x)


def rows(net: Net, *shape: int) -> str:
    return net.constant(np.asarray(shape))


def test_layers_with_weights_on_the_host_are_warned_of(tmp_path: Path) -> None:
    found = split(recurrent(4, 64), tmp_path)
    assert kinds(found.image) == ["chip", "host", "chip"]
    (warning,) = found.prepared.warnings
    assert "(LSTM), with their weights: " in warning


def test_a_host_that_has_most_of_the_work_is_refused_unless_it_is_forced(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"% of the multiplications, because of .*LSTM"):
        split(recurrent(64, 4), tmp_path)
    assert kinds(split(recurrent(64, 4), tmp_path, replace(options(), force=True)).image)[1] == "host"


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    save_parts(tmp_path / "parts", split(two_foreign_operators(), tmp_path).image)
    return tmp_path / "parts"


def edited(folder: Path, edit: Callable[[dict[str, object]], object]) -> None:
    """Changes the manifest, and writes it as it is written."""
    manifest = json.loads((folder / MANIFEST).read_text())
    edit(manifest)
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (folder / MANIFEST).write_text(text)


@pytest.mark.parametrize(("taken", "given"), [("1-chip.snc", "3-chip.snc"), ("2-host.onnx", "4-host.onnx")])
def test_a_part_that_is_another_is_refused(taken: str, given: str, parts: Path) -> None:
    (parts / taken).write_bytes((parts / given).read_bytes())
    with pytest.raises(BadImage, match=f"{taken}: is not the part that network.json names"):
        load_network(manifest_of(parts))


def test_a_part_that_is_missing_is_refused(parts: Path) -> None:
    (parts / "3-chip.snc").unlink()
    with pytest.raises(BadInput, match=r"3-chip\.snc: is no file"):
        load_network(manifest_of(parts))


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give an image, or a folder"):
        load_network(manifest_of(tmp_path))


MANIFESTS: dict[str, tuple[Callable[..., object], str]] = {
    "another format": (lambda m: m.update(format="other"), "has the format 'other'"),
    "another order": (lambda m: m["parts"].reverse(), "reads .* too early"),
    "a kind that is none": (lambda m: m["parts"][0].update(kind="moon"), "no part of the kind 'moon'"),
    "a file elsewhere": (lambda m: m["parts"][0].update(file="../x.snc"), "outside its folder"),
    "an output that nothing makes": (lambda m: m["parts"].pop(), "no part makes its output"),
    "no parts": (lambda m: m.pop("parts"), "is no manifest"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_is_wrong_is_refused(name: str, parts: Path) -> None:
    edit, message = MANIFESTS[name]
    edited(parts, edit)
    with pytest.raises(BadImage, match=message):
        load_network(manifest_of(parts))


def test_a_folder_is_written_again(parts: Path, tmp_path: Path) -> None:
    image = split(residual_around_the_host(), tmp_path).image
    save_parts(parts, image)
    assert kinds(load_parts(parts)) == ["chip", "host", "chip"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".snc-")]


def load_parts(folder: Path) -> SplitImage:
    found = load_network(manifest_of(folder))
    assert isinstance(found, SplitImage)
    return found
