"""Damaged copies of models and images: bytes at random, and fields that lie. Same seed, same copies."""

import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import onnx

from snc.backends.image.container import HEAD, ROW, SUM

Random = np.random.Generator
NUMBERS = (0, 1, -1, 2, 3, 7, 8, 127, 128, 255, 256, 1023, 1024, 65535, 2**31 - 1, 2**31, 2**40, -(2**63))
OPERATORS = (
    *("Conv", "ConvTranspose", "Gemm", "MatMul", "Relu", "Add", "Mul", "Concat", "Split", "Slice", "Pad"),
    *("Reshape", "Transpose", "MaxPool", "AveragePool", "Resize", "Expand", "Tile", "ConstantOfShape"),
    *("Range", "Softmax", "TopK", "If", "Gather", "Cast", "QuantizeLinear", "DequantizeLinear", "Nonsense"),
)


def pick(random: Random, items: Sequence[object]) -> int:
    """The index of one of some items."""
    return int(random.integers(len(items)))


def damaged(random: Random, data: bytes) -> bytes:
    """Bytes with some of them flipped, replaced, cut out, doubled, or cut off."""
    found = bytearray(data)
    for _ in range(int(random.integers(1, 6))):
        if not found:
            break
        at = int(random.integers(len(found)))
        size = int(random.integers(1, min(64, len(found)) + 1))
        kind = int(random.integers(6))
        if kind == 0:
            found[at] ^= 1 << int(random.integers(8))
        elif kind == 1:
            found[at] = int(random.integers(256))
        elif kind == 2:
            del found[at : at + size]
        elif kind == 3:
            found[at:at] = found[at : at + size]
        elif kind == 4:
            number = NUMBERS[pick(random, NUMBERS)]
            found[at : at + 8] = struct.pack("<Q", number % 2**64)[: len(found) - at]
        elif random.random() < 0.2:
            del found[at:]
    return bytes(found)


def damaged_model(random: Random, data: bytes) -> bytes:
    """A model with damaged bytes, or with parts that contradict each other."""
    if random.random() < 0.3:
        return damaged(random, data)
    model = onnx.load_model_from_string(data)
    for _ in range(int(random.integers(1, 4))):
        MODEL_MUTATIONS[pick(random, MODEL_MUTATIONS)](random, model.graph)
    return bytes(model.SerializeToString())


def _attribute(random: Random, graph: onnx.GraphProto) -> None:
    if not graph.node:
        return
    node = graph.node[pick(random, graph.node)]
    if not node.attribute:
        return
    attribute = node.attribute[pick(random, node.attribute)]
    number = NUMBERS[pick(random, NUMBERS)]
    if attribute.ints and random.random() < 0.7:
        attribute.ints[pick(random, attribute.ints)] = number
    elif attribute.ints:
        attribute.ints.append(number)
    elif attribute.type == onnx.AttributeProto.INT:
        attribute.i = number
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = float(("nan", "inf", "-1", "0", "1e30")[int(random.integers(5))])
    elif attribute.type == onnx.AttributeProto.STRING:
        attribute.s = damaged(random, attribute.s or b"x")


def _operator(random: Random, graph: onnx.GraphProto) -> None:
    if graph.node:
        graph.node[pick(random, graph.node)].op_type = OPERATORS[pick(random, OPERATORS)]


def _operand(random: Random, graph: onnx.GraphProto) -> None:
    """An operand becomes another tensor, goes, or is added."""
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    names += [tensor.name for tensor in graph.initializer]
    if not graph.node or not names:
        return
    node = graph.node[pick(random, graph.node)]
    name = names[pick(random, names)]
    if node.input and random.random() < 0.7:
        node.input[pick(random, node.input)] = name if random.random() < 0.8 else ""
    else:
        node.input.append(name)


def _node(random: Random, graph: onnx.GraphProto) -> None:
    """A node goes, or comes a second time, or moves to the end."""
    if not graph.node:
        return
    at = pick(random, graph.node)
    node = onnx.NodeProto()
    node.CopyFrom(graph.node[at])
    kind = random.random()
    if kind < 0.7:
        del graph.node[at]
    if kind > 0.4:
        graph.node.append(node)


def _shape(random: Random, graph: onnx.GraphProto) -> None:
    values = [*graph.input, *graph.output]
    if not values:
        return
    dims = values[pick(random, values)].type.tensor_type.shape.dim
    if dims and random.random() < 0.8:
        dims[pick(random, dims)].dim_value = NUMBERS[pick(random, NUMBERS)]
    else:
        dims.add().dim_value = 1


def _constant(random: Random, graph: onnx.GraphProto) -> None:
    if not graph.initializer:
        return
    tensor = graph.initializer[pick(random, graph.initializer)]
    kind = int(random.integers(4))
    if kind == 0 and tensor.dims:
        tensor.dims[pick(random, tensor.dims)] = NUMBERS[pick(random, NUMBERS)]
    elif kind == 1:
        tensor.data_type = int(random.integers(0, 26))
    elif kind == 2:
        tensor.raw_data = damaged(random, tensor.raw_data)
    elif tensor.data_type == onnx.TensorProto.INT64 and len(tensor.raw_data) >= 8:
        values = np.frombuffer(tensor.raw_data, dtype="<i8", count=len(tensor.raw_data) // 8).copy()
        values[int(random.integers(values.size))] = NUMBERS[pick(random, NUMBERS)]
        tensor.raw_data = values.tobytes()


def _type(random: Random, graph: onnx.GraphProto) -> None:
    values = [*graph.input, *graph.output]
    if values:
        values[pick(random, values)].type.tensor_type.elem_type = int(random.integers(0, 26))


MODEL_MUTATIONS: tuple[Callable[[Random, onnx.GraphProto], None], ...] = (
    _attribute,
    _attribute,
    _operator,
    _operand,
    _node,
    _shape,
    _constant,
    _type,
)


def damaged_image(random: Random, data: bytes) -> bytes:
    """An image with damaged bytes; mostly with checksums that are right again, so that they are read."""
    if random.random() < 0.2:
        return damaged(random, data)
    found = bytearray(data)
    _, _, count = HEAD.unpack_from(found)
    rows = [ROW.unpack_from(found, HEAD.size + ROW.size * number) for number in range(count)]
    chosen = pick(random, rows)
    kind, index, offset, length, _, zero = rows[chosen]
    for _ in range(int(random.integers(1, 5))):
        if length:
            at = offset + int(random.integers(length))
            if random.random() < 0.5:
                found[at] ^= 1 << int(random.integers(8))
            else:
                found[at] = b'0123456789[]{},-."\x00\xff'[int(random.integers(20))]
    if random.random() < 0.1:
        length = max(0, length + int(random.integers(-9, 10)))
    ROW.pack_into(
        found,
        HEAD.size + ROW.size * chosen,
        *(kind, index, offset, length, zlib.crc32(found[offset : offset + length]), zero),
    )
    end = HEAD.size + ROW.size * count
    SUM.pack_into(found, end, zlib.crc32(found[:end]))
    return bytes(found)
