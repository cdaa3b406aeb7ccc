"""A simulation that is interrupted keeps what it has finished, and goes on from there."""

import json
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snc.backends.image.container import load
from snc.compiler.running.runner import Runner
from snc.compiler.running.simulating import blocks
from snc.ir.errors import BadInput

from .conftest import MODELS, Run

FRAMES = 7


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with np.load(MODELS / "digits_test.npz") as held_out:
        np.savez(tmp_path / "data.npz", image=held_out["image"][:FRAMES], label=held_out["label"][:FRAMES])
    return tmp_path / "data.npz"


def counts(text: str) -> dict[str, Any]:
    """What is printed as JSON, without what depends on time and place."""
    found: dict[str, Any] = json.loads(text)
    del found["seconds"]
    return found


@pytest.mark.parametrize("form", ["npz", "csv", "npy"])
@pytest.mark.parametrize("block", [1, 2, 64])
def test_nothing_that_is_finished_is_lost(
    form: str,
    block: int,
    run: Run,
    image: Path,
    data: Path,
    tmp_path: Path,
    interrupted: Callable[[int | None], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "FRAMES_MAX", block)
    out, part = tmp_path / f"out.{form}", tmp_path / f"out.{form}.part"
    options = (image, "-i", data, "--labels", "label", "--against", MODELS / "digits.onnx", "-o")
    wanted = run("simulate", *options, tmp_path / f"wanted.{form}", "--json")
    assert wanted.code == 0
    for done_before, last in ((0, 4), (3, 3)):
        interrupted(last)
        done = run("simulate", *options, out, "--json", "--resume")
        kept = done_before + last - 1
        assert (done.code, done.out) == (130, "")
        assert done.err == (
            f"snc: interrupted: {kept} of 7 frames are kept in {part}, --resume goes on from there\n"
        )
        assert part.is_file()
        assert not out.exists()
    calls = interrupted(None)
    done = run("simulate", *options, out, "--json", "--resume")
    assert (done.code, done.err) == (0, "")
    assert len(calls) == FRAMES - 5
    assert counts(done.out) == counts(wanted.out)
    assert out.read_bytes() == (tmp_path / f"wanted.{form}").read_bytes()
    assert not part.exists()


def test_a_block_that_is_not_whole_is_run_again(
    run: Run,
    image: Path,
    data: Path,
    tmp_path: Path,
    interrupted: Callable[[int | None], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "FRAMES_MAX", 2)
    out, part = tmp_path / "out.npy", tmp_path / "out.npy.part"
    interrupted(5)
    assert run("simulate", image, "-i", data, "-o", out).code == 130
    left = part.read_bytes()
    flipped = bytearray(left)
    flipped[-1] ^= 1
    for damaged, again in ((left, 3), (left[:-1], 5), (left + b"BLCK", 3), (bytes(flipped), 5)):
        part.write_bytes(damaged)
        calls = interrupted(None)
        assert run("simulate", image, "-i", data, "-o", out, "--resume").code == 0
        assert len(calls) == again
    assert run("simulate", image, "-i", data, "-o", tmp_path / "wanted.npy").code == 0
    assert out.read_bytes() == (tmp_path / "wanted.npy").read_bytes()


def test_another_run_does_not_go_on(
    run: Run, image: Path, data: Path, tmp_path: Path, interrupted: Callable[[int | None], list[int]]
) -> None:
    out, part = tmp_path / "out.npy", tmp_path / "out.npy.part"
    options = ("simulate", image, "-i", data, "-o", out)
    interrupted(5)
    assert run(*options).code == 130
    interrupted(None)
    done = run(*options, "--resume", "--arithmetic", "chip")
    assert (done.code, done.out) == (2, "")
    assert "is of another run: arithmetic changed" in done.err
    part.write_bytes(b"nothing")
    assert "is no partial result" in run(*options, "--resume").err
    done = run(*options)
    assert done.code == 0
    assert "replaced" in done.err
    assert not part.exists()
    done = run("simulate", image, "-i", data, "--resume")
    assert done.code == 2
    assert "--resume needs -o" in done.err


def test_no_trace_of_a_run_without_a_finished_frame(
    run: Run, image: Path, data: Path, tmp_path: Path, interrupted: Callable[[int | None], list[int]]
) -> None:
    before = sorted(tmp_path.iterdir())
    interrupted(1)
    done = run("simulate", image, "-i", data, "-o", tmp_path / "out.npz")
    assert (done.code, done.err) == (130, "snc: interrupted\n")
    assert sorted(tmp_path.iterdir()) == before


def test_frames_are_kept_when_writing_the_outputs_is_interrupted(
    run: Run, image: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All frames are done then; the message names the file that has them."""

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    out, part = tmp_path / "out.npz", tmp_path / "out.npz.part"
    with monkeypatch.context() as patch:
        patch.setattr("snc.compiler.running.simulating.predictions.save_predictions", ended)
        done = run("simulate", image, "-i", data, "-o", out)
    kept = f"{FRAMES} of {FRAMES} frames are kept in {part}, --resume goes on from there"
    assert (done.code, done.err) == (130, f"snc: interrupted: {kept}\n")
    assert (part.exists(), out.exists()) == (True, False)
    assert run("simulate", image, "-i", data, "-o", out, "--resume").code == 0
    assert (part.exists(), out.exists()) == (False, True)


def test_memory_does_not_grow_with_the_frames(
    run: Run, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine, which forgets a frame with the next, apart: it always answers as to the first frame."""
    whole = Runner.__call__
    answers: list[Any] = []

    def answer(self: Runner, *arguments: Any, **options: Any) -> Any:
        if not answers:
            answers.append(whole(self, *arguments, **options))
        return answers[0]

    monkeypatch.setattr(Runner, "__call__", answer)
    monkeypatch.setattr(blocks, "SECONDS_MAX", math.inf)  # how large blocks are is not to follow from speed

    def peak(frames: int) -> int:
        noise = np.random.default_rng(0).random((frames, 1, 8, 8), np.float32)
        np.savez_compressed(tmp_path / f"{frames}.npz", image=noise)
        tracemalloc.start()
        done = run("simulate", image, "-i", tmp_path / f"{frames}.npz", "-o", tmp_path / "out.npz")
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert done.code == 0
        return found

    peak(64)  # modules and compiled functions are loaded
    # A frame takes 256 bytes and its outputs 40. What is kept of it is its class, its events and its
    # synaptic operations, 24 bytes, some of them twice while they are put together.
    most = peak(2000) + 48 * (8000 - 2000)
    assert any(peak(8000) < most for _ in range(3)), "Python's own tables may grow in one run, not in all"


def test_frames_that_run_together_are_finished_together(
    run: Run, image: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = Runner.several, []

    def several(self: Runner, frames: Any) -> Any:
        calls.append(len(frames))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(self, frames)

    assert run("simulate", image, "-i", data, "-o", tmp_path / "wanted.npz").code == 0
    monkeypatch.setattr(Runner, "together", 3)
    monkeypatch.setattr(Runner, "several", several)
    out = tmp_path / "out.npz"
    done = run("simulate", image, "-i", data, "-o", out)
    assert done.code == 130
    assert "4 of 7 frames are kept" in done.err
    assert run("simulate", image, "-i", data, "-o", out, "--resume").code == 0
    assert calls == [3, 3, 2]
    assert out.read_bytes() == (tmp_path / "wanted.npz").read_bytes()


def test_frames_before_one_that_is_refused_are_finished(image: Path, data: Path) -> None:
    with np.load(data) as archive:
        frames = [{"image": frame[None].astype(np.float32)} for frame in archive["image"]]
    frames[5]["image"][0, 0, 0] = np.nan
    finished: list[int] = []
    with pytest.raises(BadInput, match="not finite"):
        finished.extend(block.frames for block in blocks.run_blocks(Runner(load(image)), frames))
    assert finished == [5]
