"""The Python interface as a user has it, and the examples, which run."""

import dataclasses
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import snc
from snc.compiler.reports.explanation import NeuronExplanation

from .tree import ROOT

MODEL = ROOT / "models" / "digits.onnx"


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    with np.load(ROOT / "models" / "digits_test.npz") as held_out:
        return np.asarray(held_out["image"][:5])


@pytest.fixture(scope="module")
def image() -> snc.Compiled:
    return snc.compile(MODEL)


def test_frames_in_outputs_out(image: snc.Compiled, digits: np.ndarray) -> None:
    exact = snc.compile(MODEL, weights="float32")
    session = ort.InferenceSession(MODEL)
    name = session.get_inputs()[0].name
    want = np.concatenate([session.run(None, {name: each.reshape(exact.inputs[name])})[0] for each in digits])
    found = exact.simulate(digits)
    (got,) = found.outputs.values()
    np.testing.assert_allclose(got, want, atol=1e-5 * np.abs(want).max())
    assert exact.inputs == image.inputs == {name: (1, 1, 8, 8)}
    one = exact.simulate({name: digits[0]})
    np.testing.assert_array_equal(next(iter(one.outputs.values())), got[:1])
    assert found.counters.total.events > one.counters.total.events > 0
    assert exact.simulate(digits, layers=True).layers["pool1"].shape == (5, 16, 4, 4)


def test_a_file_a_model_and_a_prepared_model_are_one(image: snc.Compiled, tmp_path: Path) -> None:
    image.save(tmp_path / "digits.snc")
    image.export(tmp_path / "folder", "hex")
    data = (tmp_path / "digits.snc").read_bytes()
    for other in (
        snc.compile(onnx.load(MODEL)),
        snc.compile(snc.prepare(MODEL), snc.load_target("grai-vip")),
        snc.compile(str(MODEL), "grai-vip", seed=0),
        snc.load(tmp_path / "digits.snc"),
        snc.load(tmp_path / "folder"),
    ):
        for core in range(len(image.image.cores)):
            np.testing.assert_array_equal(other.memory(core), image.memory(core))
    snc.load(tmp_path / "folder").save(tmp_path / "again.snc")
    assert (tmp_path / "again.snc").read_bytes() == data
    assert snc.bill(tmp_path / "digits.snc").total == image.bill().total


def test_an_image_is_looked_into(image: snc.Compiled) -> None:
    assert image.listing().startswith("core 0 at (0, 0)")
    assert "HSTA" not in image.listing(whole=True)
    explained = image.explain("conv2[3,1,2]")
    assert isinstance(explained, NeuronExplanation)
    assert len(explained.sources) == 144
    assert image.notes == ()
    assert "lower" in image.mapped.seconds
    words = image.memory(0)
    words[:] = 0  # a copy: the image stays as it is
    assert image.memory(0).any()


def test_an_image_is_verified(image: snc.Compiled, digits: np.ndarray) -> None:
    for frames in (digits, 2):
        found = snc.verify(MODEL, image, frames)
        assert found.is_right
        assert found.is_mapped_right
    assert found.frames == 2
    assert snc.verify(onnx.load(MODEL), image, 1).is_right


def test_a_session_shows_every_step(image: snc.Compiled, digits: np.ndarray) -> None:
    session = image.session("chip")
    fires: list[snc.Fire] = []
    (frame,) = image.frames(digits[0])
    result = session.run(frame, on_fire=fires.append)
    last = fires[-1]
    np.testing.assert_array_equal(last.values.ravel(), result.outputs["logits"].ravel())
    (state,) = session.states(last.core, last.population)
    np.testing.assert_array_equal(state, last.values)  # the logits' activation is the identity
    assert sum(fire.events for fire in fires) == result.run.counters.total.events
    session.restart()
    again = session.run(frame)
    np.testing.assert_array_equal(again.outputs["logits"], result.outputs["logits"])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda image: snc.compile(MODEL, wieghts="float32"), "there is no option 'wieghts'"),
        (lambda image: snc.compile(MODEL, weights="float31"), "float31"),
        (lambda image: snc.compile(MODEL, "grai"), "grai"),
        (lambda image: snc.compile("none.onnx"), "none.onnx"),
        (lambda image: snc.load("none.snc"), "none.snc"),
        (lambda image: image.memory(7), "there is no core 7"),
        (lambda image: image.listing(7), "core 7"),
        (lambda image: image.session().states(0, 4), "core 0 has no population at address 4"),
        (lambda image: image.simulate(np.zeros((3, 3))), r"is of shape \(3, 3\)"),
        (lambda image: image.simulate(np.zeros((0, 1, 8, 8))), "numbers of frames"),
        (lambda image: image.simulate({"x": np.zeros((1, 8, 8))}), "is missing or no input"),
        (lambda image: image.explain("conv9[0,0,0]"), "there is no layer"),
    ],
)
def test_errors_say_what_is_at_fault(image: snc.Compiled, call: object, said: str) -> None:
    with pytest.raises(snc.SncError, match=said):
        call(image)  # type: ignore[operator]


def public() -> dict[str, object]:
    """Every public name, and the public methods and properties of those that are classes."""
    found: dict[str, object] = {}
    for name in (name for name in snc.__all__ if not name.startswith("__")):
        found[name] = thing = getattr(snc, name)
        for member, value in inspect.getmembers(thing) if inspect.isclass(thing) else []:
            if member.startswith("_") or hasattr(BaseException, member):
                continue
            if callable(value) or isinstance(value, property):
                found[f"{name}.{member}"] = value
    return found


PUBLIC = public()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_says_its_fields_shapes_and_errors(name: str) -> None:
    thing = PUBLIC[name]
    text = inspect.getdoc(thing)
    assert text, "no docstring"
    if dataclasses.is_dataclass(thing):
        assert [field.name for field in dataclasses.fields(thing) if field.name not in text] == []
    elif inspect.isroutine(thing):
        signature = inspect.signature(thing)
        given = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
        types = " ".join(str(part.annotation) for part in given) + str(signature.return_annotation)
        assert not given or "Raises" in text, "it does not say what it raises"
        assert not re.search("Array|Frames", types) or re.search(r"\[|shape|axis", text), "it says no shape"


def test_units_are_in_names_or_in_words() -> None:
    units = {"fj": "femtojoules", "ps": "picoseconds", "words": "64-bit words", "db": "decibels"}
    texts = " ".join(inspect.getdoc(thing) or "" for thing in PUBLIC.values())
    for thing in PUBLIC.values():
        for field in dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else []:
            unit = field.name.rsplit("_", 1)[-1]
            assert unit not in units or units[unit] in texts, field.name


EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def loaded(name: str) -> ModuleType:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), ROOT / "examples" / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    given = {"mapping_study.py": (MODEL,), "rtl_bench.py": (tmp_path,)}.get(name, ())
    loaded(name).main(*given)
    want = {
        "accuracy.py": "99.0% right",
        "custom_target.py": "core 2 at",
        "mapping_study.py": "32768      1  ",
        "rtl_bench.py": "10 outputs",
        "step_by_step.py": "answer: 7",
    }
    assert want[name] in capsys.readouterr().out
