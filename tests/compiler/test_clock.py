"""What surrounds a stage: its seconds, and the rest of cycles of garbage."""

import gc
from collections.abc import Iterator

import pytest

from snc.compiler.pipeline.clock import Clock


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """Whatever a test does, garbage is collected behind it."""
    gc.enable()
    yield
    gc.enable()


def test_no_cycles_are_looked_for_within_a_stage() -> None:
    clock = Clock()
    with clock("place"):
        assert not gc.isenabled()
    assert gc.isenabled()
    assert clock.seconds.keys() == {"place"}


def test_a_stage_that_fails_ends_like_any_other() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="no place"), clock("place"):
        raise ValueError("no place")
    assert gc.isenabled()
    assert clock.seconds.keys() == {"place"}


def test_what_a_caller_has_switched_off_stays_off() -> None:
    gc.disable()
    with Clock()("place"):
        pass
    assert not gc.isenabled()


def test_a_clock_within_a_stage_leaves_it_as_it_was() -> None:
    with Clock()("measure"):
        with Clock()("place"):
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
