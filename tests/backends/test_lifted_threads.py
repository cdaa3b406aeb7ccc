"""Threads that do the stages of a frame together: the numbers of one, whatever comes between."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from snc.backends.image.image import Image
from snc.backends.lifted import stages, walk
from snc.backends.lifted.loops.run import LATE, run_stages
from snc.backends.lifted.threads import Helpers
from snc.backends.lifted.walk import Walk
from snc.backends.machine.machine import ARITHMETICS, Arithmetic, Machine
from snc.ir.network import Activation, Update

from .agreement import agree, assert_same, watched
from .machine_toys import Toy
from .test_machine import event_view, random


@pytest.fixture(autouse=True)
def worth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small maps are cut, and helped with, as large ones are."""
    for name in ("UNIT", "THREAD"):
        monkeypatch.setattr(stages, name, 1)


def chain(depth: int, height: int, width: int, sizes: Sequence[float] = (1, 1, 1, 1, 1)) -> Image:
    """Maps one behind the other, each in a core: dense ones with weights of such sizes; one hears channels
    apart, one is ended by Python, and one takes a maximum.
    """
    toy = Toy([(core, 0) for core in range(len(sizes) + 1)])
    last, kernel = toy.input("x", (depth, height, width)), 3 if min(height, width) > 1 else 1
    for number, size in enumerate(sizes):
        kind = Activation.TANH if number == 2 else Activation.RELU
        target = toy.population((depth, height, width), 1 + number, activation=kind)
        deep, pad = 1 if number == 1 else depth, (kernel // 2, kernel // 2)
        weights = event_view(np.float32(size) * random((deep, depth, kernel, kernel), number))
        first = np.arange(depth) if number == 1 else 0
        update = Update.MAXIMUM if number == 3 else Update.ADD
        toy.join(last, target, weights, first=first, pad=pad, update=update)
        last = target
    return toy.output("y", last).image()


def x_of(image: Image, seed: int = 0) -> dict[str, Any]:
    return {
        tensor.name: random(tensor.shape, seed, zeros=0.4)
        for tensor in image.tensors
        if tensor.kind == "input"
    }


@pytest.mark.parametrize("threads", [2, 3, 5])
@pytest.mark.parametrize("shape", [(1, 1, 1), (130, 1, 1), (70, 3, 2), (5, 7, 11), (9, 1, 131)])
def test_sizes_that_no_number_of_threads_divides(shape: tuple[int, int, int], threads: int) -> None:
    image = chain(*shape)
    assert agree(image, [x_of(image, seed) for seed in range(2)], threads=threads) == ""


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("size", [1.0, 3e4])
def test_states_that_may_become_too_large_end_what_is_done_at_once(
    size: float, arithmetic: Arithmetic
) -> None:
    """Maps of both kinds, in turn."""
    image = chain(12, 4, 5, (1, size, 1, size, 1 / size))
    assert agree(image, [x_of(image)], [arithmetic], threads=2) == ""


def test_a_number_that_is_not_finite_in_the_middle_stops_all_threads() -> None:
    image = chain(7, 6, 5, (1, 1e30, 1, 1, 1))
    single, machine = Walk(image, threads=2), Machine(image)
    for factor, engine in ((1, "walk"), (1e20, "literal"), (1, "walk")):
        frame = {name: np.float32(factor) * array for name, array in x_of(image).items()}
        got = single.run(frame)
        assert got.engine == engine
        assert_same(got, machine.run(frame))


def test_python_is_told_of_each_map_where_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """And sees signals now and then where it does not."""
    image, calls = watched(chain(7, 6, 5)), []
    real = run_stages

    def told(*arguments: Any) -> int:
        if threading.current_thread() is threading.main_thread():
            calls.append(arguments[3:5])
        return real(*arguments)

    monkeypatch.setattr(walk, "run_stages", told)
    frame, steps = x_of(image), []
    quiet = Walk(image, threads=2)
    quiet.run(frame)
    assert calls == [(0, 4), (4, 7)]  # behind the states of the map that Python ends, and the end
    quiet.run(frame, on_step=lambda done, of: steps.append((done, of)))
    total = len(image.steps)
    assert steps == [(total * number // 6, total) for number in range(1, 7)]
    calls.clear()
    monkeypatch.setattr(stages, "BREATH", 1)
    Walk(image, threads=2).run(frame)
    assert len(calls) == 7


def on(helper: bool) -> bool:
    return helper == (threading.current_thread() is not threading.main_thread())


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("helper", [False, True])
def test_an_error_in_one_thread_ends_the_frame_in_all(
    helper: bool, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = chain(7, 6, 5)
    ours, machine, frame = Walk(image, threads=2), Machine(image), x_of(image)
    real, came = run_stages, threading.Event()

    def failing(*arguments: Any) -> int:
        if on(helper):
            arguments[14][0] += 1  # a unit that is taken, and never done
            came.set()
            raise error
        assert came.wait(60)
        return real(*arguments)

    monkeypatch.setattr(walk, "run_stages", failing)
    with pytest.raises(error):
        ours.run(frame)
    monkeypatch.setattr(walk, "run_stages", real)
    assert_same(ours.run(frame), machine.run(frame))


@pytest.mark.parametrize("helper", [False, True])
def test_a_thread_that_waits_long_comes_again(helper: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    image = chain(7, 6, 5)
    ours, machine, frame = Walk(image, threads=2), Machine(image), x_of(image)
    real, late = run_stages, 0

    def waiting(*arguments: Any) -> int:
        nonlocal late
        if on(helper) and late < 3:
            late += 1
            return LATE
        return real(*arguments)

    monkeypatch.setattr(walk, "run_stages", waiting)
    for _ in range(3):
        assert_same(ours.run(frame), machine.run(frame))
    assert helper or late == 3


def test_nobody_waits_for_a_thread_that_has_not_begun() -> None:
    busy, helpers = threading.Event(), Helpers(1)
    came: list[threading.Thread] = []
    helpers._pool.submit(busy.wait)  # type: ignore[union-attr]

    def work(number: int) -> str:
        came.append(threading.current_thread())
        return "done"

    assert helpers.beside(work, 1) == "done"
    assert came == [threading.main_thread()]
    busy.set()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_units_are_a_stage_cut_once_for_each_thread(threads: int) -> None:
    for stage in Walk(chain(130, 1, 1))._stages.all + Walk(chain(5, 7, 11))._stages.all:
        map_, units = stage.plan.map, stage.units(3, threads)
        neurons = np.zeros((3 * map_.height * map_.width, map_.depth), dtype=int)
        for low, high, begin, end in units:
            assert begin % 64 == 0
            neurons[low:high, begin:end] += 1
        assert (neurons == 1).all()
        assert len(units) >= 2 or threads == 1
