"""`snc compare --encodings`."""

import json
from pathlib import Path

from .conftest import Run


def test_layers_are_run_and_listed(run: Run, digits: Path) -> None:
    done = run("compare", digits, "--encodings")
    assert done.code == 0
    assert "words read and written, 50 % of the neurons silent" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    found = json.loads(run("compare", digits, "--encodings", "--json").out)["encodings"]
    counted = {layer["name"]: layer["encodings"]["functional"] for layer in found}
    assert [name for name, one in counted.items() if one["counted"]] == ["conv1", "conv2", "logits"]
    for name, one in counted.items():
        (line,) = (line for line in lines if line[:2] == [name, "functional"])
        words = [f"{one[kind]['words']:,}" for kind in ("forward", "backward", "update")]
        assert line[4:7] == words
