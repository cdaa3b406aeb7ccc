"""How mapping time grows with the network: deep chains of convolutions on a large mesh of small cores.

    python benchmarks/mapping_scale.py [--layers 50 100 ...] [--plot docs/scale.svg]

Prints fragments, cores, the seconds of each stage and the milliseconds for each fragment; the plot shows the
seconds, both axes logarithmic.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.targets.target import load_target
from snc.ir.aims import StateUse

CHANNELS, SIZE = 64, 32
CHIP = replace(load_target("grai-vip"), name="benchmark", mesh=(120, 120), core_words=4096)
STAGES = ("lower", "partition", "place", "emit")


@dataclass(frozen=True, slots=True)
class Row:
    """What a network took."""

    layers: int
    fragments: int
    cores: int
    seconds: Mapping[str, float]


def deep(layers: int) -> onnx.ModelProto:
    """A chain of padded 3 x 3 convolutions with ReLUs."""
    random = np.random.default_rng(0)
    depths = [3] + layers * [CHANNELS]
    nodes, weights = [], []
    for i, (source, target) in enumerate(pairwise(depths)):
        w = random.standard_normal((target, source, 3, 3)) * np.sqrt(2 / (9 * source))
        weights.append(numpy_helper.from_array(w.astype(np.float32), f"w{i}"))
        nodes.append(helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"c{i}"], f"conv{i}", pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"x{i + 1}"], f"relu{i}"))
    given = helper.make_tensor_value_info("x0", onnx.TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    made = helper.make_tensor_value_info(f"x{layers}", onnx.TensorProto.FLOAT, [1, CHANNELS, SIZE, SIZE])
    graph = helper.make_graph(nodes, f"deep{layers}", [given], [made], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def measured(layers: int) -> Row:
    """A network compiled with states of its own for every neuron."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"deep{layers}.onnx"
        onnx.save(deep(layers), path)
        found = compile_model(path, CHIP, Options("fixed8", states=StateUse.PERSISTENT))
    return Row(layers, len(found.mapping.plans), len(found.mapping.cores), found.seconds)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Seconds of each stage over the fragments."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "snc"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    fragments = [row.fragments for row in rows]
    for stage in STAGES:
        axes.loglog(fragments, [row.seconds[stage] for row in rows], marker="o", label=stage)
    axes.loglog(fragments, [sum(row.seconds.values()) for row in rows], "k", marker="o", label="all")
    axes.set(xlabel="fragments", ylabel="seconds")
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """The table, and the plot where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--layers", type=int, nargs="+", default=[50, 100, 200, 400, 850])
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    rows = []
    print("layers  fragments  cores", *(f"{stage:>10}" for stage in STAGES), f"{'all':>8} {'ms each':>8}")
    for layers in chosen.layers:
        row = measured(layers)
        rows.append(row)
        each = (f"{row.seconds[stage]:10.1f}" for stage in STAGES)
        print(
            f"{layers:6}  {row.fragments:9}  {row.cores:5}",
            *each,
            f"{sum(row.seconds.values()):8.1f} {1000 * sum(row.seconds.values()) / row.fragments:8.1f}",
            flush=True,
        )
    if chosen.plot:
        plot(rows, chosen.plot)


if __name__ == "__main__":
    main()
