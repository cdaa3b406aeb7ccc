"""The networks of the vectors: one for each construct of the manual, as small as shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nir
import numpy as np
import onnx
from onnx import numpy_helper

import snc
from snc.backends.image.image import Image
from snc.ir.chip import Chip

CHIP = snc.load_target("grai-vip")


@dataclass(frozen=True, slots=True)
class Case:
    """A network as ONNX text or a NIR file, its constants by name, and how it is compiled.

    `frames`: how many are run, one after the other. `whole`: inputs of the chip are whole numbers.
    """

    says: str
    text: str = ""
    constants: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    chip: Chip = CHIP
    frames: int = 1
    whole: bool = False
    nir: Callable[[Path], None] | None = None


def model(case: Case) -> onnx.ModelProto:
    """The model of a case; a constant that is a shape is drawn at random."""
    made = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 18]> g {case.text}')
    random = np.random.default_rng(0)
    for name, given in case.constants.items():
        array = random.standard_normal(given) if isinstance(given, tuple) else np.asarray(given)
        held = array if array.dtype.kind in "iu" else array.astype(np.float32)
        made.graph.initializer.append(numpy_helper.from_array(held, name))
    return made


def compiled(case: Case, folder: Path) -> snc.Compiled:
    """The image of a case."""
    options: dict[str, Any] = {"weights": "fixed8", "effort": 0.5, **case.options}
    if case.nir is not None:
        case.nir(folder / "net.nir")
        return snc.compile(folder / "net.nir", case.chip, **options)
    path = folder / "model.onnx"
    onnx.save(model(case), path)
    return snc.compile(path, case.chip, **options)


def frames(case: Case, image: Image) -> list[dict[str, np.ndarray]]:
    """Frames of the chip's inputs, with zeros, negative numbers and numbers that are no float16."""
    found = []
    for index in range(case.frames):
        random = np.random.default_rng(index)
        frame = {}
        for tensor in image.tensors:
            if tensor.kind == "input":
                numbers = random.standard_normal(tensor.shape) * (random.random(tensor.shape) > 0.3)
                frame[tensor.name] = (np.round(numbers * 40) if case.whole else numbers).astype(np.float32)
        found.append(frame)
    return found


def _pruned(shape: tuple[int, ...], zeros: float = 0.7) -> np.ndarray:
    random = np.random.default_rng(5)
    return random.standard_normal(shape) * (random.random(shape) > zeros)


def _spiking(path: Path) -> None:
    """A dense layer, leaky neurons with a recurrent layer, and neurons that a current drives."""
    random = np.random.default_rng(2)
    one = np.ones(3)
    nodes = {
        "input": nir.Input({"input": np.array([4])}),
        "up": nir.Linear(random.standard_normal((3, 4)).astype(np.float32)),
        "lif": nir.LIF(tau=2e-4 * one, r=one, v_leak=0 * one, v_threshold=0.3 * one, v_reset=0 * one),
        "back": nir.Linear(random.standard_normal((3, 3)).astype(np.float32)),
        "out": nir.Linear(random.standard_normal((3, 3)).astype(np.float32)),
        "cuba": nir.CubaLIF(
            tau_syn=4e-4 * one, tau_mem=1e-3 * one, r=4 * one, v_leak=0 * one, v_threshold=0.2 * one,
            v_reset=0 * one, w_in=4 * one,
        ),
        "output": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    edges = [("input", "up"), ("up", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "out")]
    graph = nir.NIRGraph(nodes, [*edges, ("out", "cuba"), ("cuba", "output")], type_check=False)
    nir.write(path, graph)


def _small(**numbers: Any) -> Chip:
    return replace(CHIP, name="small", **numbers)


CONV = "(float[1,2,5,4] x) => (y) { c = Conv<pads = [1,1,1,1]>(x, w, b) y = Relu(c) }"
CASES: dict[str, Case] = {
    "conv": Case("a convolution with borders, biases and ReLU", CONV, {"w": (3, 2, 3, 3), "b": (3,)}),
    "stride": Case(
        "a kernel with stride 2 (SL)",
        "(float[1,2,6,5] x) => (y) { y = Conv<strides = [2,2], pads = [1,1,1,1]>(x, w) }",
        {"w": (3, 2, 3, 3)},
    ),
    "upsampling": Case(
        "a transposed convolution (US)",
        "(float[1,2,3,3] x) => (y) { y = ConvTranspose<strides = [2,2]>(x, w) }",
        {"w": (2, 2, 3, 3)},
    ),
    "depthwise": Case(
        "kernels for one target channel each",
        "(float[1,3,4,4] x) => (y) { y = Conv<group = 3, pads = [1,1,1,1]>(x, w) }",
        {"w": (3, 1, 3, 3)},
    ),
    "maximum": Case(
        "MAXIMUM, with neurons that fire on zero",
        "(float[1,2,4,4] x) => (y) { y = MaxPool<kernel_shape = [2,2], strides = [2,2]>(x) }",
    ),
    "minimum": Case("MINIMUM", "(float[1,2,3,3] x, float[1,2,3,3] z) => (y) { y = Min(x, z) }"),
    "multiply": Case("MULTIPLY", "(float[1,2,3,3] x, float[1,2,3,3] z) => (y) { y = Mul(x, z) }"),
    "join": Case(
        "a sum and a Concat (C_off)",
        "(float[1,2,3,3] x, float[1,2,3,3] z) => (y)"
        " { s = Add(x, z) j = Concat<axis = 1>(s, x) y = Conv(j, w) }",
        {"w": (2, 4, 1, 1)},
    ),
    "average": Case(
        "a scale",
        "(float[1,2,4,4] x) => (y) { y = AveragePool<kernel_shape = [2,2], strides = [2,2]>(x) }",
    ),
    "slopes": Case(
        "a parameter for each channel",
        "(float[1,2,3,3] x) => (y) { c = Conv(x, w) y = PRelu(c, s) }",
        {"w": (3, 2, 1, 1), "s": (3, 1, 1)},
    ),
    "functions": Case(
        "activation functions with parameters and without, one after the other",
        "(float[1,2,3,3] x) => (y) { a = Clip(x, l, h) b = Sigmoid(a) c = LeakyRelu<alpha = 0.1>(x)"
        " d = Tanh(c) y = Add(b, d) }",
        {"l": np.float32(-1), "h": np.float32(1.5)},
    ),
    "cut": Case(
        "a network in several cores",
        "(float[1,2,6,6] x) => (y) { c = Conv<pads = [1,1,1,1]>(x, w) r = Relu(c) y = Conv(r, v) }",
        {"w": (6, 2, 3, 3), "v": (4, 6, 3, 3)},
        chip=_small(core_words=96),
    ),
    "strided_tables": Case(
        "strided tables with exponents",
        "(float[1,24,2,2] x) => (y) { y = Conv(x, w) }",
        {"w": (8, 24, 1, 1)},
        chip=snc.load_target("grai-vip-strided"),
    ),
    "persistent": Case("states of their own", CONV, {"w": (3, 2, 3, 3), "b": (3,)}, {"states": "persistent"}),
    "float32": Case(
        "weights and biases of float32", CONV, {"w": (3, 2, 3, 3), "b": (3,)}, {"weights": "float32"}
    ),
    "float16": Case("weights of float16", CONV, {"w": (3, 2, 3, 3), "b": (3,)}, {"weights": "float16"}),
    "fixed3": Case("weights of 3 bits", CONV, {"w": (3, 2, 3, 3), "b": (3,)}, {"weights": "fixed3"}),
    "adaptive": Case(
        "adaptive float of 6 bits", CONV, {"w": (3, 2, 3, 3), "b": (3,)}, {"weights": "adaptive6e2"}
    ),
    "subnormals": Case(
        "adaptive float with subnormals", CONV, {"w": (3, 2, 3, 3), "b": (3,)}, {"weights": "adaptive8e2s"}
    ),
    "int8": Case(
        "a scale for each output channel", CONV, {"w": (3, 2, 3, 3), "b": (3,)}, {"weights": "int8"}
    ),
    "zeros": Case(
        "kernels without their zeros",
        "(float[1,4,4,4] x) => (y) { y = Conv<pads = [1,1,1,1]>(x, w) }",
        {"w": _pruned((16, 4, 3, 3))},
    ),
    "lists": Case(
        "kernels that list the places of their weights",
        "(float[1,4,2,3] x) => (y) { y = Conv(x, w) }",
        {"w": _pruned((90, 4, 2, 2), 0.96)},
    ),
    "integers": Case(
        "a quantised model: whole numbers in states of 32 bits",
        "(float[1,2,4,4] x) => (y) { q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)"
        " v = DequantizeLinear(w, t, z) c = Conv(d, v) p = QuantizeLinear(c, u, z)"
        " y = DequantizeLinear(p, u, z) }",
        {
            "w": np.random.default_rng(3).integers(-127, 128, (3, 2, 3, 3)).astype(np.int8),
            "s": np.float32(0.05),
            "t": np.float32(0.01),
            "u": np.float32(0.1),
            "z": np.int8(0),
        },
        whole=True,
    ),
    "changes": Case(
        "sigma-delta: what has changed since the frame before",
        CONV,
        {"w": (3, 2, 3, 3), "b": (3,)},
        {"neurons": "sigma-delta"},
        frames=3,
    ),
    "spikes": Case("leaky, recurrent and current-driven spiking neurons over time", nir=_spiking, frames=6),
}
