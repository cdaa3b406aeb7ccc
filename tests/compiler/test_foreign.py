"""A file of another program is told what it is, and the way from it to ONNX."""

from pathlib import Path

import pytest

from snc.compiler.frontend.onnx_file import load_model
from snc.ir.errors import BadInput

KERAS = b"\x89HDF\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "data", "what", "way_out"),
    [
        ("net.pt", b"PK\x03\x04 and more", "a file of PyTorch", "torch.onnx.export"),
        ("net.pth", b"\x80\x02}q\x00", "a file of PyTorch", "torch.onnx.export"),
        ("net.tflite", b"\x1c\0\0\0TFL3 and more", "a TensorFlow Lite model", "tf2onnx.convert --tflite"),
        ("net.h5", KERAS + b"and more", "a Keras model in HDF5", "format='onnx'"),
        ("net.pb", b"\x0a\xff", "a TensorFlow graph", "tf2onnx.convert --saved-model"),
        ("net.safetensors", b"\xff\xff", "a file of weights without a network", "export that to ONNX"),
        ("renamed.onnx", KERAS + b"and more", "a Keras model in HDF5", "format='onnx'"),
        ("image.onnx", b"SNCIMAGE\x01", "a memory image", "snc simulate"),
    ],
)
def test_a_foreign_file_is_told_the_way(
    name: str, data: bytes, what: str, way_out: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path}: is {what}, no ONNX model (")
    assert way_out in caught.value.hint


def test_what_nobody_knows_is_said_to_be_no_model(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"some words")
    with pytest.raises(BadInput, match=r"notes\.txt: is no ONNX model, or only a part of one"):
        load_model(path)
