"""`snc inspect` and `snc disasm`: an image explained by itself."""

import json
import subprocess
import sys
from pathlib import Path

from .conftest import Run


def test_inspect_says_what_compile_said(run: Run, digits: Path, tmp_path: Path) -> None:
    path = tmp_path / "digits.snc"
    compiled = json.loads(run("compile", digits, "-o", path, "--json").out)
    done = run("inspect", path, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    unknown = {"seconds": None, "solver": {**compiled["solver"], "seconds": None}}
    totals = {**compiled["totals"], "synapses": None, "weights": None}
    assert sum(core["synapses"] for core in compiled["per_core"]) == compiled["totals"]["synapses"]
    cores = [{**core, "synapses": None} for core in compiled["per_core"]]
    assert found == {**compiled, **unknown, "totals": totals, "per_core": cores}
    assert found["inputs"] == [{"name": "image", "shape": [1, 1, 8, 8], "dtype": "float32"}]
    assert sum(core["words"] for core in found["per_core"]) * 8 == (
        totals["total_bytes"] + totals["padding_bytes"]
    )


def test_inspect_draws_the_mesh(run: Run, image: Path) -> None:
    done = run("inspect", image)
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    rows = done.out.splitlines()[-12:]
    y, fill, *others = rows[0].split()
    assert (y, others) == ("0", ["."] * 11)
    assert 1 <= int(fill) <= 10
    assert all(row.split() == [str(y), *["."] * 12] for y, row in enumerate(rows) if y)


def test_a_wide_mesh_is_drawn_in_tenths(run: Run, digits: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.toml"
    wide.write_text('name = "wide"\nmesh = [60, 2]\n')
    run("compile", digits, "-o", tmp_path / "d.snc", "--target", wide)
    rows = run("inspect", tmp_path / "d.snc").out.splitlines()[-2:]
    assert rows == ["   0 0" + "." * 59, "   1 " + "." * 60]


def test_inspect_shows_a_layer(run: Run, image: Path) -> None:
    done = run("inspect", image, "--layer", "conv2")
    assert done.code == 0
    assert done.out.startswith("conv2 (Conv), 32x4x4\n")
    found = json.loads(run("inspect", image, "--layer", "conv2", "--json").out)
    assert found["layer"]["name"] == "conv2"
    (piece,) = found["pieces"]
    assert (piece["depth"], piece["height"], piece["width"]) == (32, 4, 4)


def test_inspect_shows_a_core(run: Run, image: Path) -> None:
    done = run("inspect", image, "--core", "0")
    assert done.code == 0
    assert done.out.startswith("core 0 at (0, 0): ")
    assert "connectivity" in done.out
    found = json.loads(run("inspect", image, "--core", "0", "--json").out)
    assert sum(area["words"] for area in found["areas"]) == found["core"]["words"]
    assert found["core"]["words"] + found["free_words"] == 32768
    assert [area["address"] for area in found["areas"]] == sorted(area["address"] for area in found["areas"])


def test_inspect_imports_neither_onnx_nor_solver_nor_numba(image: Path) -> None:
    code = (
        "import sys; from snc.cli.main import main; assert main(['inspect', sys.argv[1]]) == 0;"
        "print(sorted({'onnx', 'onnxruntime', 'ortools', 'numba', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, image], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_disasm_lists_every_word(run: Run, image: Path, tmp_path: Path) -> None:
    done = run("disasm", image)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("core 0 at (0, 0): ")
    assert "; conv2" in done.out
    assert "firing order" in done.out
    one = run("disasm", image, "--core", "0").out
    assert done.out.startswith(one.rstrip("\n"))
    assert run("disasm", image, "-o", tmp_path / "listing.txt").out == ""
    assert (tmp_path / "listing.txt").read_text() == done.out


def test_a_reader_that_leaves_does_not_look_like_a_difference(image: Path) -> None:
    code = "import sys; from snc.cli.main import main; sys.exit(main(['inspect', sys.argv[1]]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, image], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert (process.returncode, err) == (141, b"")
