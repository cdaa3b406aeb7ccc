"""Files of other programs that are taken for ONNX models: what they are, and the way from them to one."""

from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ...ir.errors import BadInput, Origin

BEGINNING = 16  # bytes that tell a kind of file
AS_ONNX = "give the file that an ONNX exporter wrote"


class Foreign(NamedTuple):
    """A kind of file, by its names' suffixes and what it begins with: any of these, from `at` on."""

    what: str
    suffixes: tuple[str, ...]
    begins: tuple[bytes, ...]
    way_out: str
    at: int = 0


KINDS = (
    Foreign(
        "a memory image",
        (".snc",),
        (b"SNCIMAGE",),
        "give the ONNX model that it was compiled from; snc simulate runs the image",
    ),
    Foreign(
        "a TensorFlow Lite model",
        (".tflite",),
        (b"TFL3",),
        "convert it: python -m tf2onnx.convert --tflite FILE --output FILE.onnx",
        at=4,
    ),
    Foreign(
        "a Keras model in HDF5",
        (".h5", ".hdf5", ".keras"),
        (b"\x89HDF\r\n\x1a\n",),
        "load it in Keras and write it with model.export('FILE.onnx', format='onnx')",
    ),
    Foreign(
        "a file of PyTorch",
        (".pt", ".pth", ".ckpt"),
        (b"PK\x03\x04", b"\x80\x02"),
        "load it in PyTorch and write it with torch.onnx.export(model, inputs, 'FILE.onnx')",
    ),
    Foreign(
        "a file of weights without a network",
        (".safetensors", ".npz", ".npy"),
        (b"\x93NUMPY",),
        "load them into the network that they belong to, and export that to ONNX",
    ),
    Foreign(
        "a TensorFlow graph",
        (".pb",),
        (),
        "convert it: python -m tf2onnx.convert --saved-model FOLDER --output FILE.onnx",
    ),
)


def foreign(suffix: str, beginning: bytes) -> Foreign | None:
    """The kind of a file that is no ONNX model, by its name first; None where nobody can tell."""
    by_name = (kind for kind in KINDS if suffix.lower() in kind.suffixes)
    by_beginning = (kind for kind in KINDS if beginning[kind.at :].startswith(kind.begins))
    return next(chain(by_name, by_beginning), None)


def no_model(given: Origin, path: Path, beginning: bytes, rule: str) -> BadInput:
    """What is said of a file that is no ONNX model: what it seems to be, and the way to one."""
    kind = foreign(path.suffix, beginning)
    if kind is None:
        return BadInput(given, rule, hint=AS_ONNX)
    return BadInput(given, f"is {kind.what}, no ONNX model", hint=kind.way_out)
