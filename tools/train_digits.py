"""Trains the digits network of models/digits.onnx and writes it, and the digits it has not seen beside it.

    pip install -e '.[train]'
    python tools/train_digits.py [FOLDER]

FOLDER is models/ if not given. The same versions of torch and scikit-learn on the same kind of machine give
the same files, byte for byte. The settings were chosen by cross-validation within the training digits; the
held-out digits choose nothing.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

from snc.models.writer import Parameters, Writer

SEED = 0
HELD_OUT = 360  # of 1797
PEAK = 16  # pixels count 0 to 16; a power of two goes into the weights without rounding
DEPTHS = (16, 32)
EPOCHS = 60
BATCH = 64
RATE = 1e-2
DECAY = 1e-2
SMOOTHING = 0.05

Array = npt.NDArray[np.float32]


def digits() -> tuple[Array, Array, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Images to train and to test with, [N, 1, 8, 8] of 0 to 16, and the labels of both."""
    data = load_digits()
    images = data.images.astype(np.float32)[:, np.newaxis]
    labels = data.target.astype(np.int64)
    split = train_test_split(images, labels, test_size=HELD_OUT, random_state=SEED, stratify=labels)
    train_images, test_images, train_labels, test_labels = split
    return train_images, test_images, train_labels, test_labels


class Network(nn.Module):
    """The network that is trained: images [N, 1, 8, 8] of 0 to 1 -> logits [N, 10]."""

    def __init__(self) -> None:
        super().__init__()
        first, second = DEPTHS
        self.conv1 = nn.Conv2d(1, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.dense = nn.Linear(second * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        """The logits, before any Softmax."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.avg_pool2d(functional.relu(self.conv2(x)), 2)
        logits: Tensor = self.dense(x.flatten(1))
        return logits


def train(images: Array, labels: npt.NDArray[np.int64]) -> Network:
    """A network that has learnt the labels of these images."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    pixels, wanted = torch.from_numpy(images / PEAK), torch.from_numpy(labels)
    net = Network().train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    steps = EPOCHS * -(-len(pixels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(pixels)).split(BATCH):
            loss = functional.cross_entropy(net(pixels[batch]), wanted[batch], label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def parameters(layer: nn.Conv2d | nn.Linear, scale: float = 1.0) -> Parameters:
    """What a layer has learnt, for an input `scale` times as large as in training."""
    assert layer.bias is not None
    weights = layer.weight.detach() / scale
    return Parameters(weights.numpy(), layer.bias.detach().numpy())


def write_model(net: Network, file: Path) -> None:
    """The network as ONNX, for pixels of 0 to 16."""
    writer = Writer("digits", (1, 8, 8))
    around = (1, 1, 1, 1)
    x = writer.conv("conv1", writer.source, parameters(net.conv1, PEAK), pads=around)
    x = writer.max_pool("pool1", writer.relu("conv1.relu", x), 2, stride=2)
    x = writer.conv("conv2", x, parameters(net.conv2), pads=around)
    x = writer.average_pool("pool2", writer.relu("conv2.relu", x), 2, stride=2)
    x = writer.dense("logits", writer.flatten("flatten", x), parameters(net.dense))
    file.write_bytes(writer.model(x).SerializeToString(deterministic=True))


def main(folder: Path) -> None:
    """Train, test, write both files."""
    train_images, test_images, train_labels, test_labels = digits()
    net = train(train_images, train_labels)
    with torch.no_grad():
        right = net(torch.from_numpy(test_images / PEAK)).argmax(1).numpy() == test_labels
    print(f"{right.sum()} of {len(right)} held-out digits right: {right.mean():.2%}")
    write_model(net, folder / "digits.onnx")
    np.savez_compressed(folder / "digits_test.npz", image=test_images, label=test_labels)
    held = {each.tobytes() for each in test_images}
    data = load_digits()
    others = np.array([image.astype(np.float32).tobytes() not in held for image in data.images])
    images, labels = data.images[others].astype(np.uint8), data.target[others].astype(np.uint8)
    np.savez_compressed(folder / "digits_train.npz", image=images, label=labels)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "models")
