"""What surrounds a stage: its seconds, the rest of cycles of garbage, and memory that is given back."""

import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from snc.compiler.pipeline.clock import Clock, _c_library, give_back


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


def test_objects_of_a_stage_are_old_behind_it() -> None:
    with Clock()("place"):
        held: list[list[int]] = [[] for _ in range(3)]
    assert any(each is held for each in gc.get_objects(generation=2))
    assert gc.get_freeze_count() == 0


def test_a_cycle_of_a_stage_is_found_later() -> None:
    class Node:
        me: "Node"

    with Clock()("place"):
        node = Node()
        node.me = node
        is_there = weakref.ref(node)
        del node
    gc.collect()
    assert is_there() is None


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


@pytest.mark.skipif(not hasattr(_c_library(), "malloc_trim"), reason="memory goes back by itself here")
def test_what_a_stage_has_freed_is_the_systems_again() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    with Clock()("place"):
        large = [bytearray(100_000)]
        small = []
        for _ in range(1000):  # too small for pages of their own, and something stays behind each
            large.append(bytearray(100_000))
            small.append(bytearray(600))
        before = resident()
        del large
    assert resident() < before - 50_000_000
    assert len(small) == 1000


def test_a_library_that_keeps_nothing_back_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snc.compiler.pipeline.clock._c_library", lambda: None)
    give_back()
