"""The notebook says what its code prints: it runs again, in a kernel of its own."""

import os

import nbformat
from nbclient import NotebookClient

from .tree import ROOT

PATH = ROOT / "examples" / "tour.ipynb"


def shown(notebook: nbformat.NotebookNode) -> list[str]:
    """The text that each cell of code printed."""
    return [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_the_notebook_shows_what_its_code_prints() -> None:
    kept = nbformat.read(PATH, as_version=4)  # type: ignore[no-untyped-call]
    again = nbformat.read(PATH, as_version=4)  # type: ignore[no-untyped-call]
    place = {"metadata": {"path": str(PATH.parent)}}
    NotebookClient(again, timeout=300, kernel_name="python3", resources=place).execute()
    if os.environ.get("SNC_BLESS") == "1":
        for cell, fresh in zip(kept.cells, again.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs = [
                    nbformat.from_dict({k: v for k, v in each.items() if k != "execution_count"})  # type: ignore[no-untyped-call]
                    for each in fresh.outputs
                ]
        nbformat.write(kept, PATH)  # type: ignore[no-untyped-call]
    assert shown(again) == shown(nbformat.read(PATH, as_version=4))  # type: ignore[no-untyped-call]
    assert all(cell.get("execution_count") is None for cell in kept.cells if cell.cell_type == "code")
