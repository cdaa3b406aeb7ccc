"""Names of tables and charts stay apart in little room."""

from hypothesis import given
from hypothesis import strategies as st

from snc.compiler.reports.names import elided, shortened

LONG = "model/backbone/stage{}/bottleneck/convolution/weights"


def test_names_are_shortened_where_they_tell_least() -> None:
    assert elided("model/add;model/relu", 20) == "model/add"
    assert elided("backbone/stage2/conv1", 14) == "..stage2/conv1"
    assert shortened(["backbone/stage2/conv1", "conv"], 14) == ["..stage2/conv1", "conv"]


def test_names_that_end_alike_are_told_apart_by_what_differs() -> None:
    found = shortened([LONG.format(n) for n in range(12)], 20)
    assert found[2] == "../backbone/stage2.."
    assert len(set(found)) == 12
    fused = shortened(["conv;relu", "conv;clip", "add"], 20)
    assert fused == ["conv;relu", "conv;clip", "add"]


@given(st.lists(st.text("ab/;1", max_size=40), max_size=30), st.integers(12, 20))
def test_different_names_stay_different(names: list[str], room: int) -> None:
    found = shortened(names, room)
    assert all(len(short) <= room for short in found)
    assert len(set(found)) == len(set(names))
    assert [found[names.index(name)] for name in names] == found
