"""Trains the networks of the retention task (snc.models.retention) and writes what was found.

    python tools/train_retention.py [FOLDER]

FOLDER is the checkout if not given. Back-propagation through time with surrogate gradients, in numpy. First a
network with weights as they come, then, from there, one for each number of bits and each density: the largest
weights of a layer stay, and what is trained is what rounding leaves of them (straight-through). Writes
models/retention.npz (weights of 5 bits and of 2, not pruned), the table of docs/encodings.md and
docs/retention.svg; what the page says of the table is to be revised then. The same numpy on the same kind of
machine gives the same files.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snc.backends.encodings.forms import Form
from snc.compiler.billing.retention import HEAD, Measured, measured, row
from snc.compiler.targets.target import load_cores
from snc.models.retention import (
    HIDDEN,
    MEMBRANE,
    SOURCES,
    STEPS,
    SYNAPSE,
    TARGETS,
    WINDOW,
    Floats,
    Retention,
    Spikes,
    distance,
    inputs,
    kept,
    pattern,
    smooth,
)

SEED = 1
FIRST_EPOCHS, EPOCHS = 2000, 3000
RATE = 1e-3
STEEPNESS = 1.0  # of the surrogate: the derivative of a spike is 1 / (1 + STEEPNESS * |potential - 1|)^2
# Bits and densities. The others' energy is compared with the first one's crossbar, as in the seed.
NETWORKS = ((5, 1.0), (5, 0.5), (4, 0.5), (3, 1.0), (3, 0.5), (2, 1.0), (2, 0.5))
SHIPPED = (5, 2)  # bits of networks that are not pruned
LEAK, FALL = np.float32(np.exp(-1 / MEMBRANE)), np.float32(np.exp(-1 / SYNAPSE))
TRACE = np.float32(np.exp(-1 / WINDOW))


@dataclass
class Adam:
    """Kingma and Ba's optimiser for one array."""

    mean: Floats
    square: Floats
    steps: int = 0

    def step(self, weights: Floats, gradient: Floats, rate: float) -> None:
        """Changes the weights."""
        self.steps += 1
        self.mean += np.float32(0.1) * (gradient - self.mean)
        self.square += np.float32(0.001) * (gradient**2 - self.square)
        scale = rate * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        weights -= np.float32(scale) * self.mean / (np.sqrt(self.square) + np.float32(1e-8))


def forward(currents: Floats) -> tuple[Spikes, Floats]:
    """Spikes as snc.models.retention.spikes has them, and the potentials that made them."""
    current = potential = np.zeros(currents.shape[1], dtype=np.float32)
    fired = np.zeros(currents.shape, dtype=np.bool_)
    potentials = np.zeros(currents.shape, dtype=np.float32)
    for step, arriving in enumerate(currents):
        current = FALL * current + arriving
        potential = LEAK * potential * ~fired[step - 1] + current if step else current
        potentials[step] = potential
        fired[step] = potential >= 1
    return fired, potentials


def backward(errors: Floats, fired: Spikes, potentials: Floats) -> Floats:
    """What the loss changes by with each arriving current, from what it changes by with each spike."""
    slopes = 1 / (1 + STEEPNESS * np.abs(potentials - 1)) ** 2
    found = np.zeros_like(errors)
    by_potential = by_current = np.zeros(errors.shape[1], dtype=np.float32)
    for step in range(len(errors) - 1, -1, -1):
        # A reset is taken as it comes, without a derivative of its own.
        by_potential = errors[step] * slopes[step] + LEAK * ~fired[step] * by_potential
        by_current = by_potential + FALL * by_current
        found[step] = by_current
    return found


def gradients(first: Floats, second: Floats, heard: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Of both layers' weights, for the squared van Rossum distance."""
    hidden, below = forward(heard @ first)
    spoken = hidden.astype(np.float32)
    fired, above = forward(spoken @ second)
    errors = 2 / (WINDOW * TARGETS) * (smooth(fired) - wanted)
    for step in range(STEPS - 2, -1, -1):
        errors[step] += TRACE * errors[step + 1]
    by_current = backward(errors, fired, above)
    by_hidden = backward(by_current @ second.T, hidden, below)
    return heard.T @ by_hidden, spoken.T @ by_current


def scale_of(weights: Floats, bits: int) -> np.float32:
    """What 1 stands for, so that rounding changes the weights least."""
    most = 2 ** (bits - 1) - 1
    peak = float(np.abs(weights).max())
    sample = weights[weights != 0][::7]
    scales = peak / most * np.linspace(0.1, 1, 37)
    lost = [((sample - s * np.clip(np.rint(sample / s), -most, most)) ** 2).sum() for s in scales]
    return np.float32(scales[int(np.argmin(lost))])


def rounded(weights: Floats, bits: int, scale: np.float32, mask: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Whole numbers that stand for the weights."""
    most = 2 ** (bits - 1) - 1
    found: NDArray[np.int8] = (np.clip(np.rint(weights / scale), -most, most) * mask).astype(np.int8)
    return found


def masks_of(layers: list[Floats], density: float) -> list[NDArray[np.bool_]]:
    """The largest weights of each layer."""
    return [np.abs(each) >= np.quantile(np.abs(each), 1 - density) for each in layers]


def first_training() -> list[Floats]:
    """A network with weights as they come."""
    random = np.random.default_rng(SEED)
    layers = [
        (random.normal(size=shape) * width / np.sqrt(shape[0])).astype(np.float32)
        for shape, width in (((SOURCES, HIDDEN), 1.0), ((HIDDEN, TARGETS), 0.7))
    ]
    states = [Adam(np.zeros_like(each), np.zeros_like(each)) for each in layers]
    heard, wanted = inputs().astype(np.float32), smooth(pattern())
    for epoch in range(FIRST_EPOCHS):
        rate = RATE * (1 - epoch / FIRST_EPOCHS)
        for layer, state, change in zip(
            layers, states, gradients(layers[0], layers[1], heard, wanted), strict=True
        ):
            state.step(layer, change, rate)
        if epoch % 100 == 0:
            print(f"epoch {epoch}: keeps {kept(forward(forward(heard @ layers[0])[0] @ layers[1])[0]):.3f}")
    return layers


def trained(start: list[Floats], bits: int, density: float) -> Retention:
    """The best network on the way from `start`, with weights of so many bits and so few of them."""
    layers = [each.copy() for each in start]
    masks = masks_of(layers, density)
    states = [Adam(np.zeros_like(each), np.zeros_like(each)) for each in layers]
    heard, wanted = inputs().astype(np.float32), smooth(pattern())
    scales = [scale_of(each * mask, bits) for each, mask in zip(layers, masks, strict=True)]
    best, least = None, np.inf
    for epoch in range(EPOCHS):
        whole = [rounded(w, bits, s, m) for w, s, m in zip(layers, scales, masks, strict=True)]
        used = [s * w.astype(np.float32) for w, s in zip(whole, scales, strict=True)]
        if epoch % 10 == 0 or epoch > EPOCHS - 50:
            found = Retention(bits, (whole[0], whole[1]), (float(scales[0]), float(scales[1])))
            apart = distance(found.run()[1])
            if apart < least:
                best, least = found, apart
        rate = RATE * (1 - epoch / EPOCHS)
        for layer, state, change in zip(
            layers, states, gradients(used[0], used[1], heard, wanted), strict=True
        ):
            state.step(layer, change, rate)
    assert best is not None
    return best


def plot(found: list[Measured], path: Path) -> None:
    """Energy of an inference against what is kept: crossbar and bitmap of every network."""
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "snc", "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    marks = {Form.FUNCTIONAL: ("s", "crossbar"), Form.BITMAP: ("o", "bitmap")}
    for number, bits in enumerate(dict(NETWORKS)):
        for form, (mark, name) in marks.items():
            chosen = [each for each in found if each.bits == bits]
            axes.plot(
                [each.costs[form].inference_nj / 1e3 for each in chosen],
                [100 * each.kept for each in chosen],
                mark,
                color=f"C{number}",
                markerfacecolor="none" if form is Form.FUNCTIONAL else f"C{number}",
                label=f"{bits} bits, {name}",
            )
    axes.set(xlabel="microjoules of an inference", ylabel="% of the pattern kept")
    axes.legend(fontsize="x-small", ncols=2)
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def write_table(found: list[Measured], page: Path) -> None:
    """Puts the table into the page."""
    begin, end = "<!-- table: retention -->\n", "<!-- end of the table -->\n"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    text = HEAD + "".join(row(each, found[0]) for each in found)
    page.write_text(before + begin + text + end + rest.split(end, 1)[1], encoding="utf-8", newline="\n")


def main(folder: Path) -> None:
    """Trains all networks, measures them, and writes weights, table and plot."""
    start = first_training()
    write([trained(start, bits, density) for bits, density in NETWORKS], folder)


def write(networks: list[Retention], folder: Path) -> None:
    """The files that follow from the trained networks."""
    chip = load_cores("grai-vip")
    shipped: dict[str, NDArray[np.generic]] = {}
    for network in networks:
        if network.bits in SHIPPED and f"scales_{network.bits}" not in shipped:  # the first is not pruned
            shipped |= {f"layer{n}_{network.bits}": layer for n, layer in enumerate(network.layers, 1)}
            shipped[f"scales_{network.bits}"] = np.array(network.scales)
    np.savez_compressed(folder / "models" / "retention.npz", **shipped)  # type: ignore[arg-type]
    found = [measured(network, chip) for network in networks]
    write_table(found, folder / "docs" / "encodings.md")
    plot(found, folder / "docs" / "retention.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1])
