"""Images for crossbars: what runs them computes what was mapped, and damaged ones are refused."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from checker import crossbars as by_hand
from checker.units import Run, random_units
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.graphs import random_input, random_recipe

from snc.backends.crossbar.counters import CrossbarCounters
from snc.backends.crossbar.emit import crossbar_layers, emit_crossbars
from snc.backends.crossbar.file import load_crossbars, read_crossbar_image, write_crossbar_image
from snc.backends.crossbar.image import CrossbarAbout, CrossbarImage
from snc.backends.crossbar.listing import listing
from snc.backends.crossbar.machine import CrossbarMachine
from snc.backends.crossbar.words import Head
from snc.backends.image.container import load
from snc.compiler.pipeline.crossbar.compile import compile_crossbars, load_crossbar
from snc.compiler.pipeline.options import Options
from snc.ir.crossbar.chip import CrossbarChip
from snc.ir.crossbar.units import INPUT, Units
from snc.ir.errors import BadImage, BadInput, DoesNotFit, Origin
from snc.ir.network import Network, Piece, Population, PopulationId, Shape, Tensor
from snc.models.digits import digits_images, digits_model
from snc.models.lenet import perceptron
from snc.passes.crossbar.cluster import Cluster
from snc.passes.crossbar.decompose import Decompose, Method
from snc.passes.crossbar.place import PlaceCrossbars
from snc.passes.crossbar.schedule import steps

CHIP = load_crossbar("crossbar-128")
WIDE = replace(CHIP, mesh=(16, 16))
ABOUT = CrossbarAbout("random", "0", "float32", "tree", 0, 0, 0, 0, 0, 0, ())


def image_of(units: Units, chip: CrossbarChip, method: Method) -> CrossbarImage:
    """Units with an input and an output tensor for their two populations."""
    inputs, computed = np.diff(units.offsets).tolist()
    populations = tuple(Population(n, Shape(1, 1, s), Origin()) for n, s in (("x", inputs), ("y", computed)))
    tensors = tuple(
        Tensor(name, kind, (size,), "float32", (Piece(PopulationId(p), 0, 0, 0, 1, 1, size, 0, 0, 0, 1),))
        for p, (name, kind, size) in enumerate((("x", "input", inputs), ("y", "output", computed)))
    )
    network = Network("random", populations, (), tensors)
    parts = Decompose(min(chip.fan_in_max, chip.rows), method)(units).units
    placed = PlaceCrossbars(chip.mesh)(Cluster(chip.rows, chip.columns)(parts, network))
    about = replace(ABOUT, layers=crossbar_layers(placed.clusters, network))
    when = steps(parts.first, parts.sources)
    return emit_crossbars(placed, when, network, chip, about, None, None)


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(2, 20),
    columns=st.integers(1, 6),
    method=st.sampled_from([Method.TREE, Method.CHAIN]),
    is_recurrent=st.booleans(),
)
@settings(deadline=None, max_examples=15)
def test_random_units_on_random_crossbars_compute_what_they_did(
    seed: int, rows: int, columns: int, method: Method, is_recurrent: bool
) -> None:
    """Also units that keep voltages, and ones that feed back: frame by frame, every value and every spike."""
    units = random_units(seed, is_recurrent=is_recurrent)
    chip = replace(CHIP, rows=rows, columns=columns, fan_in_max=rows, mesh=(32, 32))
    image = image_of(units, chip, method)
    data = write_crossbar_image(image)
    by_hand.assert_obeys(by_hand.read(data))
    machine = CrossbarMachine(read_crossbar_image(data))
    before = Run(units)
    random = np.random.default_rng(seed)
    for _ in range(3):
        frame = random.standard_normal(units.count).astype(np.float32)
        want = before.frame(frame.astype(np.float64))[units.rule != INPUT]
        got = machine.run({"x": frame[units.rule == INPUT]}).outputs["y"]
        # Cells are single precision: a spike could turn at a threshold, in no case that is drawn here.
        assert np.abs(got - want).max() <= 1e-4 * max(1.0, np.abs(want).max())


def compiled(
    model: onnx.ModelProto, chip: CrossbarChip = WIDE, options: Options | None = None
) -> CrossbarImage:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        onnx.save(model, path)
        return compile_crossbars(path, chip, options or Options("float32"), refused=None)


def outputs(model: onnx.ModelProto, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = ort.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, arrays), strict=True))


def test_the_shipped_digits_are_right() -> None:
    model = digits_model()
    image = compiled(model, WIDE, Options("float32"))
    machine = CrossbarMachine(image)
    for picture in digits_images().images[:5]:
        frame = picture[None].astype(np.float32)
        want = outputs(model, {"image": frame})
        run = machine.run({"image": frame})
        for name, array in want.items():
            assert np.abs(run.outputs[name] - array).max() <= 1e-6 * np.abs(array).max()
        counted = run.counters
        assert isinstance(counted, CrossbarCounters)
        read = counted.synaptic_operations + counted.unused
        assert (read == counted.reads * image.chip.columns).all()
        assert (counted.local <= counted.events).all()


def test_the_checker_computes_the_perceptron_from_the_bytes() -> None:
    model = perceptron()
    data = write_crossbar_image(compiled(model, CHIP))
    read = by_hand.read(data)
    by_hand.assert_obeys(read)
    assert len(read.tiles) == 13
    frame = np.random.default_rng(1).standard_normal((1, 784)).astype(np.float32)
    (want,) = outputs(model, {"image": frame}).values()
    (got,) = by_hand.run(read, {"image": frame.ravel().tolist()}).values()
    assert np.abs(np.array(got) - want.ravel()).max() <= 1e-6 * np.abs(want).max()


@pytest.mark.parametrize("seed", [4, 5])
def test_random_networks_are_what_onnx_runtime_computes(seed: int) -> None:
    model = random_recipe(seed).model()
    image = compiled(model, replace(WIDE, rows=24, fan_in_max=24, mesh=(30, 30)))
    arrays = dict(random_input(model, seed))
    run = CrossbarMachine(image).run({name: arrays[name] for name in CrossbarMachine(image).inputs})
    for name, want in outputs(model, arrays).items():
        assert np.abs(run.outputs[name] - want).max() <= 1e-5 * max(1.0, np.abs(want).max())


def test_the_same_model_gives_the_same_bytes_and_another_file_is_refused(tmp_path: Path) -> None:
    image = compiled(perceptron(), CHIP)
    data = write_crossbar_image(image)
    assert data == write_crossbar_image(compiled(perceptron(), CHIP))
    file = tmp_path / "model.snc"
    file.write_bytes(data)
    assert write_crossbar_image(load_crossbars(file)) == data
    lines = list(listing(image))
    shown = [
        int(line[7:23], 16) for line in lines if line[:5].strip().isdigit() and "words  cells" not in line
    ]
    written = [int(w) for one in image.crossbars for w in one.words[: Head.decode(int(one.words[0])).words]]
    assert shown == [*written, *image.rules.tolist(), *image.sites.tolist()]
    assert "neuron=STANDARD" in lines[lines.index("rules: 2 words") + 1]
    only = list(listing(image, 12))
    assert only == lines[(begin := lines.index(only[0])) : begin + len(only)]
    with pytest.raises(BadInput, match="there is no crossbar 13"):
        list(listing(image, 13))
    with pytest.raises(
        BadImage, match=r"is an image for a chip of crossbars, .*disasm, simulate and verify take it"
    ):
        load(file)
    for at in range(0, len(data), len(data) // 40):
        damaged = bytearray(data)
        damaged[at] ^= 1
        with pytest.raises(BadImage):
            CrossbarMachine(read_crossbar_image(bytes(damaged)))


def test_images_that_do_not_hold_together_are_refused() -> None:
    image = compiled(perceptron(), CHIP)
    first, second, *rest = image.crossbars
    broken = {
        "two crossbars are on one tile": replace(
            image, crossbars=(first, replace(second, x=first.x, y=first.y))
        ),
        "outside the mesh": replace(image, chip=replace(image.chip, mesh=(1, 1))),
        "more rows or columns": replace(image, chip=replace(image.chip, columns=50)),
        "words": replace(image, crossbars=(replace(first, words=first.words[:-1]), second, *rest)),
        "several": replace(image, sites=np.concatenate([image.sites, image.sites[:1]])),
        "without a rule": replace(image, rules=image.rules[:0]),
    }
    for message, each in broken.items():
        with pytest.raises(BadImage, match=message):
            CrossbarMachine(each)


def test_inputs_that_are_none_are_refused() -> None:
    machine = CrossbarMachine(compiled(perceptron(), CHIP))
    with pytest.raises(BadInput, match="there is no input 'other'"):
        machine.run({"other": np.zeros(3)})
    with pytest.raises(BadInput, match="has the shape"):
        machine.run({"image": np.zeros((1, 3), np.float32)})


def test_limits_of_the_chip_are_errors_that_say_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "digits.onnx"
    onnx.save(digits_model(), path)
    with pytest.raises(
        DoesNotFit, match=r"it takes 30 crossbars, crossbar-128 has 25 \(a mesh of 6 x 5 holds it"
    ):
        compile_crossbars(path, CHIP, Options("float32"))
    with pytest.raises(DoesNotFit, match="weights have 32 bits, a cell of crossbar-128 holds 8"):
        compile_crossbars(path, replace(WIDE, weight_bits=8), Options("float32"), refused=None)
    with pytest.raises(DoesNotFit, match="values of a neuron go to"):
        compile_crossbars(path, replace(WIDE, fan_out_max=1), Options("float32"), refused=None)
