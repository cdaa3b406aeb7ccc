"""The shipped digits network: small, right on digits it has not seen, and with the names scripts rely on."""

from importlib.resources import files

import numpy as np
import onnxruntime

from snc.models.catalogue import CATALOGUE, build
from snc.models.digits import IMAGES_FILE, MODEL_FILE, digits_images, digits_model

SHIPPED = files("snc.models")


def test_it_reads_held_out_digits() -> None:
    images, labels = digits_images()
    session = onnxruntime.InferenceSession(digits_model().SerializeToString())
    logits = np.concatenate([session.run(["logits"], {"image": image[np.newaxis]})[0] for image in images])
    assert np.mean(logits.argmax(axis=1) == labels) >= 0.97


def test_the_held_out_digits_are_as_promised() -> None:
    images, labels = digits_images()
    assert (images.shape, labels.shape) == ((360, 1, 8, 8), (360,))
    assert [str(array.dtype) for array in (images, labels)] == ["float32", "int64"]
    assert (images.min(), images.max()) == (0, 16)
    assert np.array_equal(images, images.round())
    assert np.bincount(labels).min() >= 35
    assert len(np.unique(images.reshape(360, -1), axis=0)) == 360


def test_the_network_is_as_promised() -> None:
    model = digits_model()
    ends = {
        end.name: [dim.dim_value for dim in end.type.tensor_type.shape.dim]
        for end in (*model.graph.input, *model.graph.output)
    }
    assert ends == {"image": [1, 1, 8, 8], "logits": [1, 10]}
    assert [node.op_type for node in model.graph.node] == [
        *("Conv", "Relu", "MaxPool"),
        *("Conv", "Relu", "AveragePool"),
        *("Flatten", "Gemm"),
    ]
    parameters = sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)
    assert parameters == CATALOGUE["digits"].parameters


def test_the_files_are_small_and_say_where_they_come_from() -> None:
    stored = (SHIPPED / MODEL_FILE).read_bytes()
    assert len(stored) < 60_000
    assert len((SHIPPED / IMAGES_FILE).read_bytes()) < 60_000
    assert build("digits", seed=3).SerializeToString() == stored
    licence = (SHIPPED / "DIGITS-LICENSE.txt").read_text(encoding="utf-8")
    assert "CC BY 4.0" in licence
    assert "Alpaydin" in licence
