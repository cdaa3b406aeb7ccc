"""Recorded events as frames, streams that begin anew, and what their outputs say: counts and first spikes."""

import math
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import numpy.typing as npt
import pytest

from snc.backends.image.image import Image, ImageTensor
from snc.compiler.frontend.nir.dynamics import Dynamics
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.data.dataset import DataSet, open_frames
from snc.compiler.running.data.labels import load_labels
from snc.compiler.running.runner import Runner
from snc.compiler.running.simulating import blocks
from snc.compiler.running.simulating.simulation import simulate
from snc.compiler.running.simulating.spikes import Events, Spikes
from snc.ir.errors import BadInput

from .nir_graphs import chain, ends, integrate, saved, weights
from .reference import CHIP, compiled, options
from .test_sigma_delta import moving, whole

Recorded = npt.NDArray[Any]
KIND = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "<i1")])
INPUT = ImageTensor("input", "input", (1, 2, 5, 6), "float32", ())


def recorded(seed: int, count: int = 400, span: int = 40_000) -> Recorded:
    """Events of so many microseconds, in order."""
    random = np.random.default_rng(seed)
    found = np.zeros(count, dtype=KIND)
    found["t"] = np.sort(random.integers(100, 100 + span, count))
    found["x"], found["y"] = random.integers(0, 6, count), random.integers(0, 5, count)
    found["p"] = random.integers(0, 2, count)
    return found


def binned(events: Recorded, step: int) -> npt.NDArray[np.float32]:
    """The frames of events, counted one by one."""
    first = int(events["t"][0])
    frames = np.zeros((int(events["t"][-1] - first) // step + 1, *INPUT.shape), np.float32)
    for t, x, y, p in events.tolist():
        frames[(t - first) // step, 0, p, y, x] += 1
    return frames


def opened(path: Path, step: float = 1e-3) -> DataSet:
    return open_frames(path, [INPUT], step=step)


def assert_frames(path: Path, events: Recorded) -> None:
    want, got = binned(events, 1000), opened(path)
    assert len(got) == len(want)
    for frame, each in zip(want, got, strict=True):
        np.testing.assert_array_equal(each["input"], frame)


def test_events_of_an_array_are_counted_in_frames(tmp_path: Path) -> None:
    events = recorded(1)
    np.save(tmp_path / "a.npy", events)
    assert_frames(tmp_path / "a.npy", events)
    np.savez(tmp_path / "b.npz", events=events)
    assert_frames(tmp_path / "b.npz", events)
    columns: dict[str, Any] = {name: events[name] for name in KIND.names or ()}
    np.savez(tmp_path / "c.npz", **columns)
    assert_frames(tmp_path / "c.npz", events)


def test_events_need_not_be_in_order_and_may_be_in_seconds(tmp_path: Path) -> None:
    events = recorded(2)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).permutation(events))
    assert_frames(tmp_path / "a.npy", events)
    kind = np.dtype([("t", "<f8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")])
    seconds = events.astype(kind)
    seconds["t"] = events["t"] / 1e6 + 1e-9
    np.save(tmp_path / "b.npy", seconds)
    got = np.stack([frame["input"] for frame in opened(tmp_path / "b.npy")])
    np.testing.assert_array_equal(got.sum(axis=0), binned(events, 1000).sum(axis=0))


def in_bytes(events: Recorded) -> bytes:
    """As N-MNIST has them: x, y, polarity and time."""
    return b"".join(
        bytes([x, y, p * 128 + (t >> 16), (t >> 8) % 256, t % 256]) for t, x, y, p in events.tolist()
    )


def test_recordings_of_nmnist_are_read(tmp_path: Path) -> None:
    events = recorded(3, span=300_000)
    (tmp_path / "a.bin").write_bytes(in_bytes(events))
    assert_frames(tmp_path / "a.bin", events)


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        (recorded(1)[:0], "holds no event"),
        (np.array([(0, 6, 0, 0)], dtype=KIND), "has events up to column 6 and row 0, beyond the input"),
        (np.array([(0, 0, -1, 0)], dtype=KIND), "beyond the input"),
        (np.array([(0, 0, 0, 0), (2**62, 0, 0, 0)], dtype=KIND), "give --bin more seconds"),
    ],
)
def test_events_that_no_frame_takes_are_refused(tmp_path: Path, events: Recorded, rule: str) -> None:
    np.save(tmp_path / "a.npy", events)
    with pytest.raises(BadInput, match=rule):
        opened(tmp_path / "a.npy")


def test_bytes_that_are_no_events_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"1234567")
    with pytest.raises(BadInput, match="has 7 bytes, no number of events of 5"):
        opened(tmp_path / "a.bin")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """Integrators behind a dense layer."""
    first, last = ends([2, 5, 6], [3])
    nodes = {
        "input": first,
        "flat": nir.Flatten({"input": np.array([2, 5, 6])}, 0, -1),
        "fc": nir.Linear(np.abs(weights(1, 3, 60))),
        "if": integrate([3], v_threshold=2.0),
        "output": last,
    }
    path = saved(tmp_path_factory.mktemp("net"), chain(nodes))
    return compile_model(path, CHIP, Options("float32", effort=1.0, dynamics=Dynamics())).image


def test_each_recording_of_a_folder_is_a_stream_of_its_own(tmp_path: Path, image: Image) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    one, other = recorded(4), recorded(5, 250)
    for name, events in (("a.npy", one), ("b.npy", other), ("c.npy", one)):
        np.save(folder / name, events)
    data = opened(folder)
    spikes, events_out = Spikes(data.begins), Events(tmp_path / "out.npy", data.begins, 1e-3)
    simulate(image, Path("x.snc"), data, watchers=[spikes, events_out], begins=data.begins)
    first, second, again = spikes.streams
    np.testing.assert_array_equal(first.counts["output"], again.counts["output"])
    assert (first.frames, second.frames) == (len(binned(one, 1000)), len(binned(other, 1000)))
    runner = Runner(image)
    values = [runner({"input": frame}).outputs["output"].ravel() for frame in binned(one, 1000)]
    np.testing.assert_array_equal(first.counts["output"], np.sum(values, axis=0))
    np.testing.assert_array_equal(first.first["output"], (np.array(values) != 0).argmax(axis=0))
    events_out.save()
    found = np.load(tmp_path / "out.npy")
    of_first = found[found["stream"] == 0]
    assert len(of_first) == np.count_nonzero(values)
    assert of_first["t"].tolist() == [
        1000 * step for step, v in enumerate(values) for _ in range((v != 0).sum())
    ]
    labels = tmp_path / "labels.txt"
    names = ("c.npy", "a.npy", "b.npy")
    right = [stream.winner for stream in (again, first, second)]
    labels.write_text("".join(f"{name},{label}\n" for name, label in zip(names, right, strict=True)))
    assert spikes.accuracy(load_labels(str(labels), data)) == 1.0
    labels.write_text("0\n")
    with pytest.raises(BadInput, match="has 1 labels for 3 recordings"):
        load_labels(str(labels), data)


class Noise(Sequence[dict[str, Any]]):
    """Frames that are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.frames = count

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, index: Any) -> Any:
        random = np.random.default_rng(index)
        return {"input": (random.random(INPUT.shape) < 0.1).astype(np.float32)}


def test_the_memory_of_a_long_stream_does_not_grow(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SECONDS_MAX", math.inf)  # how large blocks are is not to follow from speed

    def peak(steps: int) -> int:
        spikes = Spikes(lambda frame: frame == 0)
        tracemalloc.start()
        simulate(image, Path("x.snc"), Noise(steps), watchers=[spikes])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert spikes.streams[0].frames == steps
        return found

    peak(500)  # functions are compiled
    most = 1.2 * peak(500) + 100_000
    assert any(peak(6_000) < most for _ in range(3)), "Python's own tables may grow in one run, not in all"


def test_a_refresh_sends_everything_again() -> None:
    """A still picture: nothing but in the frames that begin anew, with the same outputs in all of them."""
    found = compiled(whole(), CHIP, replace(options(), neurons="sigma-delta"))  # type: ignore[arg-type]
    frame = next(moving())
    events: list[int] = []

    class Counts:
        def add(self, block: Any) -> None:
            events.append(block.counters.total.events)

    class Still(Noise):
        def __getitem__(self, index: Any) -> Any:
            return frame

    runner = Runner(found.image)
    sent = [0] * 7
    for index in range(7):
        if index % 3 == 0:
            runner.restart()
        sent[index] = runner(frame).run.counters.total.events
    assert [count > 0 for count in sent] == [True, False, False, True, False, False, True]
    total = simulate(found.image, Path("x.snc"), Still(7), watchers=[Counts()], begins=lambda n: n % 3 == 0)
    assert total.events == sum(events) == sum(sent)
