"""Learning on the chip: the machine's words are the learner's numbers, bit for bit."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from backends.learning_by_the_manual import LearningChip
from checker.check import check
from numpy.typing import NDArray

from snc.backends.analysis.listing import disassemble
from snc.backends.exchange.assembler import assemble
from snc.backends.exchange.export import export, imported
from snc.backends.image.container import joined, payloads, read_image, write_image
from snc.backends.image.image import Image
from snc.backends.image.lessons import lesson_words, lessons
from snc.backends.machine.machine import Machine
from snc.backends.words.words import Course, Learning, Plastic, Step
from snc.compiler.billing.learning import Encoding, billed
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.training.votes import right, votes_of
from snc.compiler.running.verify import verify
from snc.compiler.targets.target import load_cores, load_target
from snc.ir.errors import BadImage, BadInput, Unsupported
from snc.ir.firing.learning import NOISE_PARTS, moved
from snc.ir.firing.learning import Rounding as Written
from snc.models.digits import digits_images, training_images
from snc.models.stdp.lessons import DIGITS
from snc.models.stdp.rule import Learner, Rule, encoded, rounded
from snc.models.stdp.untrained import untrained as untrained_digits

from .learners import INPUTS, SMALL, Rounding, image_of, rule_of, spikes, untrained
from .nir_graphs import saved

Floats = NDArray[np.float32]

RULES = {
    "by chance": SMALL,
    "nearest": replace(SMALL, rounding=Rounding.NEAREST),
    "truncated": replace(SMALL, rounding=Rounding.TRUNCATE),
    "4 bits": replace(SMALL, bits=4, rounding=Rounding.NEAREST),
    "5 bits, in two words": replace(SMALL, bits=5, rounding=Rounding.TRUNCATE),
    "finer behind 16 updates": replace(SMALL, is_adaptive=True, growth=5),
}


def frame_of(given: NDArray[np.uint8]) -> dict[str, Floats]:
    return {"input": given.reshape(1, 2, 3, 3).astype(np.float32)}


def assert_spikes(machine: Machine, given: Iterable[dict[str, Floats]], expected: NDArray[np.uint8]) -> None:
    """Shown these frames from rest, the machine spikes as expected in each step."""
    machine.restart()
    for frame, wanted in zip(given, expected, strict=True):
        (found,) = machine.run(frame).outputs.values()
        assert np.array_equal(found.reshape(-1), wanted)


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_on_chip_learning_is_the_learners(rule: Rule, tmp_path: Path) -> None:
    image, learner = image_of(tmp_path, rule)
    before = write_image(image)
    machine = Machine(image, learns=True)
    random = np.random.default_rng(1)
    changes = answered = 0
    for _ in range(30):
        given = spikes(random, rule)
        expected, counts = learner.present(given, learns=True)
        changes += counts.changes
        answered += counts.spikes
        assert_spikes(machine, map(frame_of, given), expected)
    pupil = machine.pupil
    assert pupil is not None
    assert answered > 50
    assert pupil.learnt.weight_reads == changes
    assert 0 < pupil.learnt.weight_writes < changes
    assert write_image(image) == before
    # What is written back spikes as the learner does that has learnt, and is an image like any other.
    data = write_image(machine.trained())
    assert not check(data).faults
    trained = read_image(data)
    (lesson,) = lessons(trained.learning)
    assert lesson.course.noise == learner.noise
    (weights, thresholds) = held(trained)
    assert np.array_equal(weights, learner.weights)
    assert np.array_equal(thresholds, learner.thresholds)
    given = spikes(random, rule)
    expected, _ = learner.present(given, learns=False)
    assert_spikes(Machine(trained), map(frame_of, given), expected)


def held(image: Image) -> tuple[Floats, Floats]:
    """Weights [inputs, neurons] and thresholds that an image holds: each input spikes once, at rest."""
    machine = Machine(image)
    (pair,) = lessons(image.learning)[0].pairs
    rows = []
    for spike in np.eye(INPUTS, dtype=np.uint8):
        machine.restart()
        machine.run(frame_of(spike))
        rows.append(machine.states(pair.core, pair.population)[0].reshape(-1))
    chip = LearningChip(write_image(image))
    return np.array(rows), chip.population(pair.core, pair.population).parameters[1]


@pytest.mark.parametrize("name", ["by chance", "4 bits", "5 bits, in two words", "finer behind 16 updates"])
def test_a_reader_of_the_manual_learns_the_same(name: str, tmp_path: Path) -> None:
    rule = RULES[name]
    image, _ = image_of(tmp_path, rule)
    machine, reader = Machine(image, learns=True), LearningChip(write_image(image))
    random = np.random.default_rng(2)
    for _ in range(6):
        machine.restart()
        reader.restart()
        for frame in spikes(random, rule):
            machine.run(frame_of(frame))
            reader.run(frame_of(frame))
    assert machine.pupil is not None
    learnt = machine.pupil.learnt
    assert learnt.updates > 15
    counted = {name: getattr(learnt, name) for name in reader.learnt}
    assert reader.learnt == counted
    trained = machine.trained()
    assert trained.learning.tolist() == reader.learning
    for core, other in zip(trained.cores, reader.cores, strict=True):
        assert tuple(core.words.tolist()) == other.words


@pytest.mark.parametrize("rounding", Written)
def test_an_update_is_the_learners(rounding: Written) -> None:
    """Of every weight of 8 bits, either way, by every shift, with the generator's own draws."""
    noise = 7
    for shift in range(5):
        for weight in range(128):
            for drawn in (True, False):
                way = (127 - weight if drawn else weight) / 2.0**shift
                change, after = rounded(way, 1.0, int(rounding), noise)
                part = after // (2**31 // NOISE_PARTS)
                found = moved(weight, drawn, 0, 127, shift, rounding, part)
                assert found == weight + (change if drawn else -change)
                noise = after


@pytest.mark.parametrize(
    ("limit", "rounding"), [({"depth_max": 12}, Rounding.STOCHASTIC), ({"width_max": 2}, Rounding.NEAREST)]
)
def test_a_cut_network_learns_as_a_whole_one(
    limit: dict[str, Any], rounding: Rounding, tmp_path: Path
) -> None:
    """Neurons or inputs in several populations: one neuron wins over all of them."""
    rule = replace(SMALL, neurons=24, rounding=rounding)
    image, learner = image_of(tmp_path, rule, replace(load_cores("grai-vip"), **limit))
    assert len(lessons(image.learning)[0].pairs) > 1
    machine = Machine(image, learns=True)
    random = np.random.default_rng(3)
    for _ in range(10):
        given = spikes(random, rule)
        expected, _ = learner.present(given, learns=True)
        assert_spikes(machine, map(frame_of, given), expected)
    assert machine.pupil is not None
    assert machine.pupil.learnt.updates > 20


def test_equal_weights_of_several_inputs_stay_apart(tmp_path: Path) -> None:
    """Words that learning changes are nobody else's, and zeros are stored."""
    rule = replace(SMALL, rounding=Rounding.NEAREST)
    found, learner = untrained(rule)
    learner.weights[:] = 64.0
    learner.weights[:, 2:5] = 0.0
    found.nodes["weights"].weight = learner.weights.T.copy()
    options = Options(learning=rule_of(rule))
    image = compile_model(saved(tmp_path, found), load_target("grai-vip"), options).image
    machine = Machine(image, learns=True)
    random = np.random.default_rng(4)
    for _ in range(5):
        given = spikes(random, rule)
        expected, _ = learner.present(given, learns=True)
        assert_spikes(machine, map(frame_of, given), expected)
    weights, _ = held(machine.trained())
    assert np.array_equal(weights, learner.weights)


def test_a_listing_and_an_export_keep_the_rule(tmp_path: Path) -> None:
    image, _ = image_of(tmp_path, SMALL)
    data, listing = write_image(image), disassemble(image, is_whole=True)
    assert "rounding=STOCHASTIC" in listing
    assert write_image(assemble(listing)) == data
    longer = listing.replace("window=3", "window=4", 1).replace(f"{int(image.learning[0]):016x}", "-")
    assert lessons(assemble(longer).learning)[0].rule.window == 4
    assert write_image(imported(export(image, "hex"))) == data
    assert lesson_words(lessons(image.learning)).tolist() == image.learning.tolist()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"to": "nobody"}, "has no layer 'nobody' to learn"),
        ({"to": "inhibition"}, "is of STANDARD neurons, of which none learns"),
        ({"source": "neurons"}, "gets events from 'neurons' through 0 projections"),
        ({"bits": 4}, "weights of 4 bits end at 7, and an update by stochastic rounding takes 7 to 8"),
        ({"maximum": 60}, "has weights that are no multiples of 1 from 0 to 60"),
    ],
)
def test_what_cannot_learn_is_refused_when_it_is_compiled(
    changes: dict[str, Any], rule: str, tmp_path: Path
) -> None:
    with pytest.raises((Unsupported, BadInput)) as error:
        image_of(tmp_path, SMALL, **changes)
    assert rule in str(error.value)
    assert error.value.hint


def _changed(image: Image, **words: object) -> Image:
    """The image with another rule, or another pair."""
    (lesson,) = lessons(image.learning)
    rule, course, pair = lesson.rule, lesson.course, lesson.pairs[0]
    fields = {name: value for word in (rule, course, pair) for name, value in word.items()} | words
    made = [
        kind(**{name: fields[name] for name, _ in word.items()})
        for kind, word in ((Learning, rule), (Course, course), (Plastic, pair))
    ]
    return replace(image, learning=np.array([word.encode() for word in made], dtype=np.uint64))


def test_rules_that_an_image_cannot_have(tmp_path: Path) -> None:
    image, _ = image_of(tmp_path, replace(SMALL, bits=4, rounding=Rounding.NEAREST))
    (lesson,) = lessons(image.learning)
    pair = lesson.pairs[0]
    others = {int(word.population) for word in map(Step.decode, image.steps.tolist())}
    (other,) = others - {pair.source, pair.population}
    for changes, what in (
        ({"rounding": Written.STOCHASTIC}, "takes a weight of 4 bits from 7 to 8"),
        ({"population": other}, "is no LIF population"),
        ({"source": pair.population}, "learns from a population that has no axon to it"),
        ({"source": other}, "no whole numbers from 0 on"),
    ):
        with pytest.raises(BadImage, match=what):
            Machine(_changed(image, **changes), learns=True)
        Machine(_changed(image, **changes))  # who does not learn takes no notice
    doubled = replace(image, learning=np.concatenate([image.learning] * 2))
    with pytest.raises(BadImage, match="learns by two rules"):
        Machine(doubled, learns=True)
    with pytest.raises(BadImage, match="pairs are said to follow"):
        Machine(_changed(image, pairs=2))
    with pytest.raises(BadImage, match="pairs are said to follow"):
        Machine(replace(image, learning=image.learning[:1]))
    with pytest.raises(BadImage, match="its threshold would become infinite"):
        Machine(_changed(image, growth=float("inf")), learns=True)
    with pytest.raises(BadImage, match="LERN is not made of whole words"):
        read_image(joined([*payloads(image)[:-1], ("LERN", 0, b"half")]))
    with pytest.raises(BadImage, match="LERN says nothing"):
        read_image(joined([*payloads(image)[:-1], ("LERN", 0, b"")]))
    with pytest.raises(BadImage, match="pair 0"):
        Machine(_changed(image, source_core=9))


@pytest.mark.parametrize("weights", ["auto", "fixed4", "adaptive8e2s"])
def test_what_is_not_trained_is_its_model(weights: str, tmp_path: Path) -> None:
    """Whatever format others have, weights that learn have their rule's, and the image says so."""
    found, _ = untrained(SMALL)
    path = saved(tmp_path, found)
    options = Options(weights=weights, learning=rule_of(SMALL))
    image = compile_model(path, load_target("grai-vip"), options).image
    assert "fixed8" in image.about.weights
    assert verify(path, image, random_frames(image, 30, 3)).is_mapped_right


PAGE = Path(__file__).parents[2] / "docs" / "stdp.md"
BEGIN, END = "<!-- table: on the chip -->\n", "<!-- end of this table -->\n"
HEAD = (
    "| stored as | words | events read and write | nJ | learning reads and writes | nJ |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)


@pytest.mark.slow
def test_the_digits_are_learnt_as_the_learner_learns_them(tmp_path: Path) -> None:
    """All 1,437: spikes of each step, weights, thresholds and the generator; and what the page says of it."""
    path = tmp_path / "digits.nir"
    nir.write(path, untrained_digits(DIGITS.rule))
    image = compile_model(path, load_target("grai-vip"), Options(learning=rule_of(DIGITS.rule))).image
    random = np.random.default_rng(0)
    phases = random.random(64)
    learner = Learner.new(DIGITS.rule, 64, random)
    before = learner_right(learner, phases)
    machine = Machine(image, learns=True)
    shown = training_images().images
    for digit in shown:
        given = encoded(digit / 16, DIGITS.rule, phases)
        expected, _ = learner.present(given, learns=True)
        frames = given.reshape(-1, 1, 1, 8, 8).astype(np.float32)
        assert_spikes(machine, ({"input": frame} for frame in frames), expected)
    pupil = machine.pupil
    assert pupil is not None
    trained = machine.trained()
    (lesson,) = lessons(trained.learning)
    assert lesson.course.noise == learner.noise
    held_by = Machine(trained)
    (pair,) = lesson.pairs
    for pixel, weights in enumerate(learner.weights):
        held_by.restart()
        held_by.run({"input": np.eye(64, dtype=np.float32)[pixel].reshape(1, 1, 8, 8)})
        voltages = held_by.states(pair.core, pair.population)[0].reshape(-1)
        assert np.array_equal(voltages, weights)
    chip = LearningChip(write_image(trained))
    assert np.array_equal(chip.population(pair.core, pair.population).parameters[1], learner.thresholds)
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    said, tail = rest.split(END)
    made = HEAD + "".join(row(each, len(shown)) for each in billed(trained, pupil.taught, pupil.learnt))
    if os.environ.get("SNC_BLESS"):
        PAGE.write_text(f"{head}{BEGIN}{made}{END}{tail}", encoding="utf-8")
    else:
        assert said == made, "SNC_BLESS=1 pytest -m slow tests/compiler/test_learning.py writes it anew"
    after, learnt = learner_right(learner, phases), pupil.learnt
    for digit in [*shown] * 3:
        learner.present(encoded(digit / 16, DIGITS.rule, phases), learns=True)
    for words in (
        f"{100 * before:.1f} % before",
        f"{100 * after:.1f} % afterwards",
        f"{100 * learner_right(learner, phases):.1f} % after four times",
        f"{learnt.updates:,} updates",
        f"{learnt.weight_reads:,} weights",
        f"{learnt.weight_writes:,}",
    ):
        assert words in text


def learner_right(learner: Learner, phases: NDArray[np.float64]) -> float:
    """The share of held-out digits that are right when a neuron's spikes vote as its training digits say."""
    counts = []
    for digits in (training_images(), digits_images()):
        given = [encoded(image / 16, learner.rule, phases) for image in digits.images]
        answers = [learner.present(each, learns=False)[0].sum(axis=0, dtype=np.float64) for each in given]
        counts.append(np.array(answers))
    votes = votes_of(counts[0], training_images().labels.astype(np.int64))
    return right(counts[1], digits_images().labels.astype(np.int64), votes)


def row(found: Encoding, digits: int) -> str:
    events = "-", "-"
    if found.forward is not None:
        events = f"{found.forward.words / digits:,.0f}", f"{found.forward.energy_fj / 1e6 / digits:,.1f}"
    learning = f"{found.learning.words / digits:,.0f}", f"{found.learning.energy_fj / 1e6 / digits:,.1f}"
    return f"| {' | '.join((found.name, f'{found.stored_words:,}', *events, *learning))} |\n"
