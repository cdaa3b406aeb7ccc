"""How fast the walk is: synaptic operations a second on layers like those of ResNet50 and MobileNet.

    python benchmarks/synaptic_ops.py [--zeros 0.5] [--fewer 0.9] [--repeats 5]

The images are built here by hand: the layer's input in core 0, its channels in as many others as they need.
Beside each stands what its time becomes where a share `--fewer` is zero, of its time at `--zeros`, and ONNX
Runtime's time for the same convolution, dense and on one thread. Seconds are the processor's: the least of
some turns, which take all of these in turn.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from snc.backends.image.image import About, CoreImage, Image, ImagePiece, ImageTensor, Solver
from snc.backends.lifted.walk import Walk
from snc.backends.machine.machine import ARITHMETICS
from snc.backends.words.bits import Word, pack, words_for
from snc.backends.words.limits import widest
from snc.backends.words.words import Axon, BiasFormat, Kernel, Order, Population, Port, Step
from snc.ir.network import Activation, Neuron, NeuronModel, Update

CORE_WORDS = 2**15
MESH = (8, 8)  # within reach of core (0, 0)
BYTE = 8
EXPONENT = -7  # of the weights

Key = str | tuple[str, bool]  # an arithmetic, and whether fewer neurons fire

CHIP = widest("benchmark", MESH, CORE_WORDS)
ABOUT = About(
    model="",
    compiler="",
    weights="fixed8",
    states="persistent",
    objective="",
    seed=0,
    solver=Solver(status="", objective=0.0, bound=0.0, cores_lower_bound=0),
    layers=(),
    host_before=(),
    host_after=(),
)


@dataclass(frozen=True)
class Layer:
    """A convolution with square kernels and pictures; the pads keep the size, or halve it with stride 2."""

    channels_in: int
    channels_out: int
    size: int
    kernel: int
    stride: int = 1
    depthwise: bool = False

    @property
    def out(self) -> int:
        """Height and width of the output."""
        return -(-self.size // self.stride)

    @property
    def pad(self) -> int:
        """Padding above and to the left."""
        return (self.kernel - 1) // 2

    def __str__(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        kind = f"{self.channels_in}" if self.depthwise else f"{self.channels_in} -> {self.channels_out}"
        return f"{self.kernel} x {self.kernel}{stride} {kind} at {self.size} x {self.size}"


LAYERS = (
    Layer(64, 64, 56, 3),
    Layer(128, 128, 56, 3, stride=2),
    Layer(256, 64, 56, 1),
    Layer(64, 256, 56, 1),
    Layer(512, 512, 7, 3),
    Layer(1024, 512, 14, 1),
    Layer(3, 64, 224, 7, stride=2),
    Layer(256, 256, 28, 3, depthwise=True),
)


def encoded(*parts: Word) -> NDArray[np.uint64]:
    """Words as numbers."""
    return np.array([part.encode() for part in parts], dtype=np.uint64)


def population(depth: int, size: int, neuron: NeuronModel, start: int, axons: int) -> Population:
    """The descriptor of a square population."""
    return Population(
        width=size,
        height=size,
        depth=depth,
        neuron=neuron,
        activation=Activation.IDENTITY,
        axons=axons,
        start=start,
        bias=BiasFormat.NONE,
        extensions=0,
    )


def target(layer: Layer, weights: NDArray[np.int8], first: int, channels: int) -> NDArray[np.uint64]:
    """A core with some of the layer's channels; weights [D_out, D_in / groups, K, K]."""
    states = words_for(channels * layer.out**2, 16)
    table = 2 + states
    own = weights[first : first + channels, :, ::-1, ::-1]
    if layer.depthwise:
        blobs = [pack(own[c, 0].T.ravel().view(np.uint8), 8) for c in range(channels)]
    else:
        columns = [own[:, c].transpose(2, 1, 0).ravel() for c in range(layer.channels_in)]
        blobs = [pack(column.view(np.uint8), 8) for column in columns]
    address = table + layer.channels_in
    kernels = []
    for c in range(layer.channels_in):
        local = c - first if layer.depthwise else 0
        null = layer.depthwise and not 0 <= local < channels
        kernels.append(
            Kernel(
                kd=1 if layer.depthwise else channels,
                kw=layer.kernel,
                kh=layer.kernel,
                sl=layer.stride - 1,
                first=0 if null else local,
                code="null" if null else "fixed8",
                exponent=EXPONENT,
                address=address,
            )
        )
        address += 0 if null else blobs[0].size
    head = encoded(
        Port(population=1, table=table, update=Update.ADD),
        population(channels, layer.out, Neuron.STANDARD, 2, 0),
    )
    return np.concatenate([head, np.zeros(states, np.uint64), encoded(*kernels), *blobs])


def channels_that_fit(layer: Layer) -> int:
    """How many of the layer's channels a core holds."""
    taps = layer.kernel**2 * (1 if layer.depthwise else layer.channels_in)
    for channels in range(layer.channels_out, 0, -1):
        rounding = channels if layer.depthwise else layer.channels_in
        words = 2 + words_for(channels * layer.out**2, 16) + layer.channels_in
        if words + words_for(channels * taps, BYTE) + rounding <= CORE_WORDS:
            return channels
    raise AssertionError(layer)


def image_of(layer: Layer, weights: NDArray[np.int8]) -> Image:
    """The layer, cut in channels."""
    each = channels_that_fit(layer)
    firsts = range(0, layer.channels_out, each)
    eights = -(-layer.out * layer.stride // 8)
    axons, cores, pieces, steps = [], [], [], []
    for index, first in enumerate(firsts, 1):
        channels = min(each, layer.channels_out - first)
        y, x = divmod(index, MESH[0])
        words = target(layer, weights, first, channels)
        cores.append(CoreImage(x, y, words))
        axons.append(
            Axon(
                x_off=layer.pad - layer.kernel + 1,
                y_off=layer.pad - layer.kernel + 1,
                c_off=0,
                width=eights,
                height=eights,
                kw=layer.kernel,
                kh=layer.kernel,
                us=0,
                core_x=x,
                core_y=y,
                port=0,
            )
        )
        area = layer.out**2
        pieces.append(
            ImagePiece(index, 1, 0, 0, 0, channels, layer.out, layer.out, first * area, area, layer.out, 1)
        )
        steps.append(Step(order=Order.RESET, core=index, population=1))
    source = encoded(population(layer.channels_in, layer.size, Neuron.INPUT, 1, len(axons)), *axons)
    steps += [Step(order=Order.FIRE, core=0, population=0)]
    steps += [Step(order=Order.FIRE, core=index, population=1) for index in range(1, len(axons) + 1)]
    area = layer.size**2
    whole = ImagePiece(0, 0, 0, 0, 0, layer.channels_in, layer.size, layer.size, 0, area, layer.size, 1)
    x_shape = (1, layer.channels_in, layer.size, layer.size)
    y_shape = (1, layer.channels_out, layer.out, layer.out)
    return Image(
        chip=CHIP,
        cores=(CoreImage(0, 0, source), *cores),
        steps=encoded(*steps),
        tensors=(
            ImageTensor("x", "input", x_shape, "float32", (whole,)),
            ImageTensor("y", "output", y_shape, "float32", tuple(pieces)),
        ),
        about=ABOUT,
    )


def dense(layer: Layer, weights: NDArray[np.float32]) -> onnxruntime.InferenceSession:
    """The same convolution in ONNX Runtime, on one thread."""
    end = (layer.out - 1) * layer.stride + layer.kernel - layer.size - layer.pad
    node = helper.make_node(
        "Conv",
        ["x", "w"],
        ["y"],
        pads=[layer.pad, layer.pad, end, end],
        strides=[layer.stride] * 2,
        group=layer.channels_in if layer.depthwise else 1,
    )
    shapes = [layer.channels_in, layer.size], [layer.channels_out, layer.out]
    x, y = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, depth, size, size])
        for name, (depth, size) in zip("xy", shapes, strict=True)
    )
    graph = helper.make_graph([node], "layer", [x], [y], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def measured(runs: Mapping[Key, Callable[[], float]], repeats: int) -> dict[Key, float]:
    """The least seconds that each takes, all run in turn, after a turn that compiles."""
    found: dict[Key, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            found[name].append(run())
    return {name: min(times[1:]) for name, times in found.items()}


def steps_seconds(walk: Walk, x: NDArray[np.float32]) -> float:
    """Processor time of all steps of a frame, without what the host does before and after them."""
    times: list[float] = []
    walk.run({"x": x}, on_step=lambda index, total: times.append(time.process_time()))
    return times[-1] - times[0]


def dense_seconds(session: onnxruntime.InferenceSession, x: NDArray[np.float32]) -> float:
    """Processor time of the same layer in ONNX Runtime."""
    start = time.process_time()
    session.run(None, {"x": x})
    return time.process_time() - start


def main() -> None:
    """Prints a line for each layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--zeros", type=float, default=0.5, help="share of the inputs that are zero")
    parser.add_argument("--fewer", type=float, default=0.9, help="the same, where fewer neurons fire")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    titles = ["float32 G/s", "fewer", "chip G/s", "fewer", "M events/s", "dense ms", "against dense"]
    print(f"{'layer':32}{'cores':>6}" + "".join(f"{title:>14}" for title in titles))
    for layer in LAYERS:
        groups = layer.channels_in if layer.depthwise else 1
        shape = layer.channels_out, layer.channels_in // groups, layer.kernel, layer.kernel
        weights = rng.integers(-127, 128, shape).astype(np.int8)
        noise = rng.standard_normal((1, layer.channels_in, layer.size, layer.size)).astype(np.float32)
        drawn = rng.random(noise.shape)
        x, fewer = (np.where(drawn < share, np.float32(0), noise) for share in (options.zeros, options.fewer))
        image = image_of(layer, weights)
        session = dense(layer, weights.astype(np.float32) * np.float32(2.0**EXPONENT))
        walks = {arithmetic: Walk(image, arithmetic, threads=1) for arithmetic in ARITHMETICS}
        run = walks["float32"].run({"x": x})
        want = session.run(None, {"x": x})[0]
        assert np.abs(run.outputs["y"] - want).max() <= 1e-5 * np.abs(want).max(), layer
        runs: dict[Key, Callable[[], float]] = {"dense": partial(dense_seconds, session, x)}
        for name, walk in walks.items():
            runs |= {(name, few): partial(steps_seconds, walk, fewer if few else x) for few in (False, True)}
        seconds = measured(runs, options.repeats)
        total, float32, chip = run.counters.total, seconds["float32", False], seconds["chip", False]
        figures = [
            f"{total.synaptic_operations / float32 / 1e9:.2f}",
            f"{seconds['float32', True] / float32:.2f}",
            f"{total.synaptic_operations / chip / 1e9:.2f}",
            f"{seconds['chip', True] / chip:.2f}",
            f"{total.events / float32 / 1e6:.0f}",
            f"{seconds['dense'] * 1e3:.2f}",
            f"{float32 / seconds['dense']:.1f} x",
        ]
        print(
            f"{layer!s:32}{len(image.cores):>6}" + "".join(f"{figure:>14}" for figure in figures), flush=True
        )


if __name__ == "__main__":
    main()
