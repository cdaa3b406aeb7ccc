"""The tables of docs/crossbar.md are what the compiler finds."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.backends.crossbar.image import CrossbarImage
from snc.backends.crossbar.machine import CrossbarMachine
from snc.compiler.billing.decompositions import PUBLISHED, AgainstPruning, decompositions
from snc.compiler.pipeline.crossbar.compile import compile_crossbars, load_crossbar
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.verify import verify
from snc.ir.crossbar.chip import CrossbarChip
from snc.models.digits import digits_images, digits_model
from snc.models.lenet import lenet, perceptron
from snc.passes.crossbar.decompose import Method

from .nir_graphs import recordings, saved

PAGE = Path(__file__).parents[2] / "docs" / "crossbar.md"
MARK = "<!-- table: {} -->\n"
END = "<!-- end of the table -->\n"
TAKEN, AGAINST, SMALLER = "what it takes", "against pruning", "smaller crossbars"
COLUMNS = {
    TAKEN: (
        *("network", "", "lost", "units", "crossbars", "at least", "in order", "in use", "useful", "wasted"),
        *("hops", "at least", "same"),
    ),
    AGAINST: (
        "network",
        "",
        "crossbars saved",
        "of those in order",
        "in use",
        "waste saved",
        "for a synapse",
    ),
    SMALLER: ("rows", "lost", "right, `none`", "right, `tree`", "crossbars, `none`", "crossbars, `tree`"),
}
HEADS = {
    name: f"| {' | '.join(columns)} |\n| {' | '.join('---' for _ in columns)} |\n"
    for name, columns in COLUMNS.items()
}
NETWORKS = ("LeNet", "784-100-10", "digits", "recordings")
BUILDERS = {"LeNet": lenet, "784-100-10": perceptron, "digits": digits_model}
FRAMES, STEPS, PICTURES = 20, 60, 100
CHIP = replace(load_crossbar("crossbar-128"), mesh=(20, 20))
Lines = Mapping[str, tuple[str, ...]]  # by the name of their table
QUICK, ALL = (Method.TREE, Method.NONE), (Method.TREE, Method.CHAIN, Method.NONE)


def model(name: str, folder: Path) -> Path:
    if name == "recordings":
        return saved(folder, recordings())
    path = folder / f"{name}.onnx"
    onnx.save(BUILDERS[name](), path)
    return path


def lines_of(name: str, methods: tuple[Method, ...], folder: Path) -> Lines:
    path = model(name, folder)
    found = decompositions(prepare(path), CHIP, Options("float32"), methods=methods)
    taken = []
    for bill in found.bills:
        lost = f"{100 * bill.lost / found.synapses:.1f} %" if bill.lost else "0"
        hops, least = ("-", "-") if bill.hops is None else (f"{bill.hops:,}", f"{bill.hops_bound:,}")
        cells = (
            *(bill.method, lost, f"{bill.units:,}", f"{bill.crossbars:,}", f"{bill.crossbars_bound:,}"),
            *(
                f"{bill.in_order:,}",
                f"{100 * bill.used:.1f} %",
                f"{bill.useful_nj:.1f}",
                f"{bill.wasted_nj:.1f}",
            ),
            *(hops, least, same(path, Method(bill.method), bill.crossbars)),
        )
        taken.append(f"| {name} | {' | '.join(cells)} |\n")
    against = tuple(against_line(name, each) for each in found.against)
    return {TAKEN: tuple(taken), AGAINST: against}


def same(path: Path, method: Method, crossbars: int) -> str:
    """How often an image gives the same answer as the network: its largest output is the same one."""
    if crossbars > CHIP.cores:
        return "-"
    image = compile_crossbars(path, CHIP, Options("float32", decompose=method), refused=None)
    frames = random_frames(image, STEPS if path.suffix == ".nir" else FRAMES, 0)
    verdict = verify(path, image, frames)
    (figure,) = verdict.outputs
    if method is not Method.NONE:
        assert verdict.is_right
        assert figure.max_rel_error <= 1e-6
        assert figure.mismatches == 0 or path.suffix == ".onnx"
    return f"{100 * figure.argmax_agree:.0f} %"


def against_line(name: str, each: AgainstPruning) -> str:
    cells = (
        each.crossbars_saved,
        each.saved_in_order,
        each.used_times,
        each.waste_saved,
        each.waste_saved_a_synapse,
    )
    shown = ["-" if cell is None else f"{100 * cell:.0f} %" for cell in cells]
    shown[2] = f"{each.used_times:.2f} x"
    return f"| {name} | {each.method} | {' | '.join(shown)} |\n"


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def published() -> str:
    return against_line("published, on average", PUBLISHED)


def smaller(folder: Path) -> Iterator[str]:
    """What pruning costs the digits on crossbars of fewer rows."""
    path = model("digits", folder)
    for rows in (128, 96, 64, 32):
        chip = replace(CHIP, rows=rows, columns=rows, fan_in_max=rows, mesh=(60, 60))
        images = {method: digits(path, chip, method) for method in QUICK}
        pruned, whole = images[Method.NONE], images[Method.TREE]
        lost = 100 * pruned.about.lost / pruned.about.synapses
        yield (
            f"| {rows} | {lost:.1f} % | {right(pruned):.1f} % | {right(whole):.1f} % "
            f"| {len(pruned.crossbars)} | {len(whole.crossbars)} |\n"
        )


def digits(path: Path, chip: CrossbarChip, method: Method) -> CrossbarImage:
    return compile_crossbars(path, chip, Options("float32", decompose=method), refused=None)


def right(image: CrossbarImage) -> float:
    """Per cent of the shipped digits that an image recognises."""
    machine = CrossbarMachine(image)
    images, labels = digits_images()
    answers = [
        int(np.argmax(machine.run({"image": each[None].astype(np.float32)}).outputs["logits"]))
        for each in images[:PICTURES]
    ]
    return 100 * float(np.mean(np.array(answers) == labels[:PICTURES]))


def shown(table: str) -> str:
    return PAGE.read_text(encoding="utf-8").split(MARK.format(table))[1].split(END)[0]


def bless(folder: Path) -> None:
    every = [lines_of(name, ALL, folder) for name in NETWORKS]
    rows = {name: "".join(line for each in every for line in each[name]) for name in (TAKEN, AGAINST)}
    rows[AGAINST] += published()
    rows[SMALLER] = "".join(smaller(folder))
    text = PAGE.read_text(encoding="utf-8")
    for table, held in rows.items():
        before, rest = text.split(MARK.format(table))
        text = f"{before}{MARK.format(table)}{HEADS[table]}{held}{END}{rest.split(END, 1)[1]}"
    PAGE.write_text(text, encoding="utf-8", newline="\n")


def assert_shown(found: Lines) -> None:
    for table, lines in found.items():
        for line in lines:
            assert line in shown(table), "docs/crossbar.md differs: make bless"


@pytest.mark.parametrize("name", NETWORKS)
def test_trees_and_pruning_are_as_the_page_says(name: str, tmp_path: Path) -> None:
    if os.environ.get("SNC_BLESS") == "1" and name == NETWORKS[0]:
        bless(tmp_path)
    assert shown(TAKEN).startswith(HEADS[TAKEN])
    assert_shown(lines_of(name, QUICK, tmp_path))


def test_pruning_costs_more_on_smaller_crossbars(tmp_path: Path) -> None:
    assert shown(SMALLER) == HEADS[SMALLER] + "".join(smaller(tmp_path))
    assert published() in shown(AGAINST)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_chains_are_as_the_page_says(name: str, tmp_path: Path) -> None:
    assert_shown(lines_of(name, (Method.CHAIN, Method.NONE), tmp_path))
