"""Data sets read frame by frame: what numpy wrote, in any order; and what no partial result is for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snc.compiler.running.data.stored import Stored, keys
from snc.compiler.running.simulating.partial import Partial
from snc.ir.errors import BadInput

ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "floats": np.random.default_rng(0).standard_normal((5, 2, 3)).astype(np.float32),
    "bytes": np.arange(24, dtype=np.uint8).reshape(4, 6),
    "fortran": np.asfortranarray(np.arange(24.0).reshape(4, 3, 2)),
    "big endian": np.arange(6, dtype=">i4").reshape(3, 2),
    "large": np.random.default_rng(1).random((300, 16, 16)),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed, None])
def test_rows_are_read_in_any_order(name: str, save: Callable[..., None] | None, tmp_path: Path) -> None:
    array, path = ARRAYS[name], tmp_path / "data.npz"
    if save is None:
        path = tmp_path / "data.npy"
        np.save(path, array)
        stored = Stored(path)
    else:
        save(path, other=np.zeros(3), array=array)
        assert keys(path) == ("other", "array")
        stored = Stored(path, "array")
    assert (stored.shape, stored.dtype) == (array.shape, array.dtype)
    row = stored.rows()
    for index in (*range(len(array)), 1, 0, len(array) - 1):
        np.testing.assert_array_equal(row(index), array[index])
    np.testing.assert_array_equal(stored.whole(), array)
    stored.close()


@pytest.mark.parametrize("cut", [3, 100, 200])
def test_an_array_that_ends_too_early_is_told_of_at_once(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "data.npy"
    np.save(path, np.zeros((4, 100)))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BadInput, match=r"data\.npy: holds no arrays"):
        Stored(path)
    (tmp_path / "data.npz").write_bytes(path.read_bytes())
    with pytest.raises(BadInput, match=r"data\.npz: holds no arrays"):
        keys(tmp_path / "data.npz")


def test_objects_are_no_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="Object arrays"):
        Stored(tmp_path / "data.npy")


def test_states_that_last_cannot_go_on_from_a_block(tmp_path: Path) -> None:
    with (
        Partial(tmp_path / "out.npz", {}, 4, has_memory=True) as partial,
        pytest.raises(BadInput, match="states last from frame to frame"),
    ):
        list(partial.resume())
