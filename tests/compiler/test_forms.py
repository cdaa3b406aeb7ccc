"""Forms that operators take in real networks: views in the middle, gates, constants of every shape."""

import numpy as np
import onnx
import onnx.parser
import pytest

from .reference import assert_computes, assert_layers, compiled, options

# A picture of 4 x 6 x 8, a convolution before the form (f) and one behind it (g).
FRAME = """
<ir_version: 8, opset_import: ["" : 16]>
g (float[1,4,6,8] x) => (float[a,b,c,d] y)
<float[4,1,1] slopes = {{0.1, -0.5, 2, 0}}, float lowest = {{-1.5}},
 int64[8] frame = {{0, 0, 1, 2, 0, 0, 1, 2}}, int64[2] from = {{1, 2}}, int64[2] to = {{5, 8}},
 int64[2] axes = {{2, 3}}, int64[5] apart = {{1, 2, 2, 6, 8}}, int64[4] whole = {{1, 4, 6, 8}},
 int64[3] rows = {{1, 4, 48}}, int64[4] twice = {{1, 1, 2, 1}},
 int64[7] again = {{0, 1, 1, 3, -1, -1, 3}}, float[4] doubled = {{1, 1, 2, 2}}, int64[2] lines = {{24, 8}},
 float one = {{1}}, int64[4] frames = {{2, 2, 6, 8}}, int64[4] large_frame = {{1, 4, 12, 16}},
 float third = {{0.3333333}}, int64[2] column = {{192, 1}},
 float[2,1,1] shifts = {{0.5, -2}}>
{{
  f = Conv<pads = [1, 1, 1, 1]>(x, a)
  {form}
  y = Conv(g, b)
}}
"""
FORMS: dict[str, str] = {
    "silu": "s = Sigmoid(f) g = Mul(f, s)",
    "hard swish": "s = HardSigmoid<alpha = 0.1666667>(f) g = Mul(s, f)",
    "sigmoid read twice": "s = Sigmoid(f) h = Mul(f, s) g = Add(h, s)",
    "slopes": "g = PRelu(f, slopes)",
    "slopes of a concatenation": "h = Concat<axis = 1>(f, x) u, v = Split<axis = 1>(h) g = PRelu(v, slopes)",
    "field added": "g = Add(f, field)",
    "field times": "g = Mul(field, f)",
    "larger of two": "g = Max(f, x)",
    "smaller of two and a field": "g = Min(f, x, field)",
    "mean": "g = Mean(f, x, x)",
    "shuffle": "r = Reshape(f, apart) t = Transpose<perm = [0, 2, 1, 3, 4]>(r) g = Reshape(t, whole)",
    "depth to space": "h = Concat<axis = 1>(f, x) g = DepthToSpace<blocksize = 2>(h)",
    "space to depth": "g = SpaceToDepth<blocksize = 2>(f)",
    "crop": "g = Slice(f, from, to, axes)",
    "reflected": 'g = Pad<mode = "reflect">(f, frame)',
    "padded with a value": "g = Pad(f, frame, lowest)",
    "padded, largest": "h = Pad(f, frame) g = MaxPool<kernel_shape = [2, 2]>(h)",
    "padded, product": "h = Slice(f, from, to, axes) p = Pad(h, frame) q = Slice(x, from, to, axes)"
    " s = Pad(q, frame) g = Mul(p, s)",
    "padded, larger": "h = Slice(f, from, to, axes) p = Pad(h, frame) q = Slice(x, from, to, axes)"
    " s = Pad(q, frame) g = Max(p, s)",
    "one above the other": "g = Concat<axis = 2>(f, x)",
    "tiled": "g = Tile(f, twice)",
    "matrix on the left": "r = Reshape(f, rows) m = MatMul(square, r) g = Reshape(m, whole)",
    "matrix on the right": "r = Reshape(f, rows) t = Transpose<perm = [0, 2, 1]>(r) m = MatMul(t, square)"
    " u = Transpose<perm = [0, 2, 1]>(m) g = Reshape(u, whole)",
    "largest of a column": "h = ReduceMax<axes = [2], keepdims = 1>(f) g = Sub(f, h)",
    "one activation of two maps": "c = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(x)"
    " h = Concat<axis = 1>(f, c) g = Relu(h)",
    "reflected, largest": 'h = Pad<mode = "reflect">(f, frame) g = MaxPool<kernel_shape = [3, 3]>(h)',
    "edge repeated, largest": 'h = Pad<mode = "edge">(f, frame)'
    " g = MaxPool<kernel_shape = [2, 3], strides = [2, 2], pads = [1, 0, 0, 1]>(h)",
    "a value around, largest": "h = Pad(f, frame, lowest) g = MaxPool<kernel_shape = [3, 3]>(h)",
    "zeros around what is negative, largest": "p = Abs(f) n = Neg(p) h = Pad(n, frame)"
    " g = MaxPool<kernel_shape = [2, 2], strides = [2, 1]>(h)",
    "zeros around what is negative, largest of a row": "p = Abs(f) n = Neg(p) h = Pad(n, frame)"
    " m = ReduceMax<axes = [3], keepdims = 1>(h) g = Add(h, m)",
    "zeros around what is positive, smallest of a column": "p = Abs(f) h = Pad(p, frame)"
    " m = ReduceMin<axes = [2], keepdims = 1>(h) g = Sub(h, m)",
    "rows named twice, largest": "h = Gather<axis = 2>(f, again) g = MaxPool<kernel_shape = [3, 2]>(h)",
    "rows named twice, largest of a column": "h = Gather<axis = 2>(f, again)"
    " m = ReduceMax<axes = [2], keepdims = 1>(h) g = Sub(h, m)",
    "rows named twice, smallest of all": "h = Gather<axis = 2>(f, again)"
    " m = ReduceMin<axes = [2, 3], keepdims = 1>(h) g = Sub(h, m)",
    "expanded, largest": "r = ReduceMean<axes = [3], keepdims = 1>(f) e = Expand(r, whole)"
    " g = MaxPool<kernel_shape = [1, 3]>(e)",
    "cubic, largest": 'p = Abs(f) h = Resize<mode = "cubic">(p, , doubled)'
    " g = MaxPool<kernel_shape = [1, 1], strides = [1, 1]>(h)",
    "a constant of equal channels": "h = Concat<axis = 1>(f, even) g = Neg(h)",
    "a constant of equal channels below": "g = Concat<axis = 2>(even, f)",
    "a constant beside, smallest": "h = Concat<axis = 3>(f, volume)"
    " m = ReduceMin<axes = [3], keepdims = 1>(h) g = Sub(h, m)",
    "zeros beside": "g = Concat<axis = 3>(zeros, f, zeros)",
    "zeros beside, largest": "p = Abs(f) n = Neg(p) h = Concat<axis = 2>(n, zeros)"
    " m = ReduceMax<axes = [2], keepdims = 1>(h) g = Sub(h, m)",
    "quotient": "p = Abs(field) d = Add(p, one) g = Div(f, d)",
    "quotient of volumes": "p = Abs(volume) d = Add(p, one) g = Div(f, d)",
    "chosen": "g = Where(mask, f, x)",
    "chosen, or a constant": "g = Where(mask, volume, f)",
    "square": "g = Mul(f, f)",
    "the same three times": "s = Add(f, f) d = Sub(f, f) m = Max(f, f) h = Add(s, d) g = Mul(h, m)",
    "batch of matrices on the left": "g = MatMul(left, f)",
    "batch of matrices on the right": "g = MatMul(f, right)",
    "factors on the left": "r = Reshape(f, lines)"
    " m = Gemm<alpha = 0.5, beta = 2.0, transA = 1>(large, r, offsets) g = Reshape(m, whole)",
    "factors on the left, transposed": "r = Reshape(f, lines) t = Transpose(r)"
    " m = Gemm<alpha = -2.0, beta = 0.5, transB = 1>(large, t, offsets) g = Reshape(m, whole)",
    "factors, a computed bias": "r = Reshape(f, lines) s = Reshape(x, lines)"
    " m = Gemm<alpha = 0.5, beta = -2.0>(r, small, s) g = Reshape(m, whole)",
    "factors on the left, a computed bias": "r = Reshape(f, lines) s = Reshape(x, lines)"
    " m = Gemm<beta = 0.25>(large, r, s) g = Reshape(m, whole)",
    "frames apart, scaled": "r = Reshape(f, frames) s = Add(r, shifts) g = Reshape(s, whole)",
    "frames apart, pooled": "r = Reshape(f, frames)"
    " m = MaxPool<kernel_shape = [2, 3], pads = [1, 1, 0, 1]>(r)"
    " c = AveragePool<kernel_shape = [2, 2], pads = [0, 0, 1, 1]>(m) g = Reshape(c, whole)",
    "frames apart, resized": 'r = Reshape(f, frames) s = Resize<mode = "linear">(r, , doubled)'
    " g = Reshape(s, large_frame)",
    "padded with a third": "h = Pad(f, frame, third) g = Abs(h)",
    "factors on the left, one bias for all": "r = Reshape(f, column) m = Gemm(single, r, third)"
    " n = Transpose(m) g = Add(f, n)",
    "mean of all channels": "h = ReduceMean<axes = [1], keepdims = 1>(f) g = Sub(f, h)",
}
DEPTHS = {
    "depth to space": 2,
    "space to depth": 16,
    "one activation of two maps": 8,
    "a constant of equal channels": 8,
}


def model(form: str) -> onnx.ModelProto:
    """The form between two convolutions with random weights."""
    parsed = onnx.parser.parse_model(FRAME.format(form=FORMS[form]))
    draw = np.random.default_rng(len(form))
    shapes = {
        "a": (4, 4, 3, 3),
        "b": (2, DEPTHS.get(form, 4), 3, 3),
        "square": (4, 4),
        "field": (6, 8),
        "volume": (1, 4, 6, 8),
        "left": (4, 6, 6),
        "right": (1, 4, 8, 8),
        "large": (24, 24),
        "small": (8, 8),
        "offsets": (24, 1),
        "single": (8, 192),
    }
    arrays: dict[str, np.ndarray] = {
        name: (draw.standard_normal(shape) / 3).astype(np.float32) for name, shape in shapes.items()
    }
    arrays["even"] = np.broadcast_to(arrays["field"], (1, 4, 6, 8))
    arrays["zeros"] = np.zeros((1, 4, 6, 8), dtype=np.float32)
    arrays["mask"] = draw.random((4, 6, 8)) < 0.5
    for name, values in arrays.items():
        parsed.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    return parsed


@pytest.mark.parametrize("form", FORMS)
def test_a_form_in_the_middle(form: str) -> None:
    picture = np.random.default_rng(1).standard_normal((1, 4, 6, 8)).astype(np.float32)
    made = model(form)
    found = compiled(made)
    assert found.image.host_before is None
    assert found.image.host_after is None
    assert_computes(found.image, made, {"x": picture})
    assert_layers(found, {"x": picture})


@pytest.mark.parametrize("form", ["padded with a third", "factors on the left, one bias for all"])
def test_a_constant_that_the_weights_format_rounds(form: str) -> None:
    picture = np.random.default_rng(1).standard_normal((1, 4, 6, 8)).astype(np.float32)
    assert_layers(compiled(model(form), choices=options("fixed8")), {"x": picture})
