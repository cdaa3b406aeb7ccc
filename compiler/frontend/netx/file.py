"""NetX files as blocks: everything that a file says is checked here, and nothing else reads HDF5."""

from collections.abc import Callable, Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ....ir.errors import BadInput, Origin, SncError, Unsupported, each_of, raise_all
from .blocks import Block, Integers, Kind, NetBlock, NetXFile, Neurons, Shape, Window, groups_of

Group = Any  # of h5py, which has no types

AGAIN = "export the network again"
WEIGHTS = -256, 255  # what Loihi's synapses hold
THRESHOLD_MAX = 2**17 - 1
BIAS_MAX = 2**13
DELAY_MAX = 63
EXPONENTS = -6, 7  # below, a shift would lose bits of weights
DECAY_MAX = 4096
BLOCKS_MAX = 10_000
CUBA = "LOIHI", "CUBA", "CUBA-LIF", "CUBA_LIF"
INTEGRATOR = Neurons(Kind.CUBA, 2**17, 0, DECAY_MAX, 1)  # of a dense block without neurons, as in Lava


def load_netx(path: Path, skipped: int = 0) -> NetXFile:
    """The blocks of a file, without the first `skipped`. Raises SncError with everything that is wrong."""
    import h5py

    origin = Origin(file=path.name)
    if not path.is_file():
        raise BadInput(origin, "there is no such file", hint="check the path")
    try:
        with h5py.File(path, "r") as file:
            return _read(path.name, file, skipped)
    except SncError:
        raise
    except Exception as error:  # of a damaged file, h5py raises a dozen kinds
        words = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(origin, f"is no HDF5 file that can be read: {words}", hint=AGAIN) from None


def _read(file: str, root: Group, skipped: int) -> NetXFile:
    origin = Origin(file=file)
    layers = root.get("layer")
    count = 0 if layers is None else len(layers)
    if not 0 < count <= BLOCKS_MAX or any(str(index) not in layers for index in range(count)):
        raise BadInput(origin, "has no blocks layer/0, layer/1 ..", hint="give a file of Lava's NetX")
    blocks: list[NetBlock] = []
    problems: list[SncError] = []
    for index in range(count):
        try:
            blocks.append(_Reader(file, index, layers[str(index)], blocks).block())
        except SncError as error:
            problems += each_of(error)
            break  # what comes behind depends on its shape
    raise_all(problems)
    if not 0 <= skipped < count:
        raise BadInput(origin, f"has {count} blocks, {skipped} cannot be skipped", hint="skip fewer")
    found = NetXFile(file, blocks[skipped - 1].shape if skipped else blocks[0].shape, tuple(blocks[skipped:]))
    raise_all(_misplaced(found))
    return found


def _misplaced(found: NetXFile) -> Iterator[SncError]:
    """Blocks that cannot stand where they do."""
    if not any(block.neurons for block in found.blocks):
        yield BadInput(Origin(file=found.name), "has no block of neurons", hint=AGAIN)
    for index, block in enumerate(found.blocks):
        if block.kind is Block.INPUT and index:
            yield Unsupported(block.origin, "it is no first block", hint="one input feeds a network")
        if block.kind is Block.AVERAGE and index < len(found.blocks) - 1:
            yield Unsupported(block.origin, "it sends means of spikes on", hint="let it be the last block")
        if block.neurons and block.neurons.kind is Kind.SIGMA and index < len(found.blocks) - 1:
            yield Unsupported(
                block.origin, "it sends sums on", hint="let sigma_output stand in the last block"
            )


class _Reader:
    """A block of a file, field by field."""

    def __init__(self, file: str, index: int, group: Group, before: Sequence[NetBlock]) -> None:
        self.group = group
        self.given = before[-1].shape if before else ()
        self.origin = Origin(file, f"layer{index}", "block", f"layer{index}")
        kind = self._text(group, "type")
        self.origin = Origin(file, f"{kind}{index}", kind, f"{kind}{index}")
        if kind not in tuple(Block):
            rule = "the block cannot be mapped"
            raise Unsupported(self.origin, rule, hint=f"mappable are {', '.join(Block)}")
        self.kind = Block(kind)
        if (self.kind is Block.INPUT) is bool(before):
            rule = "it is no first block" if before else "the first block is no input"
            raise Unsupported(self.origin, rule, hint="one input feeds a network")

    def block(self) -> NetBlock:
        """The block. Raises SncError."""
        make: dict[Block, Callable[[], NetBlock]] = {
            Block.INPUT: self._input,
            Block.CONV: self._conv,
            Block.POOL: self._pool,
            Block.DENSE: self._dense,
            Block.FLATTEN: lambda: NetBlock(self.origin, self.kind, (prod(self.given),)),
            Block.AVERAGE: self._average,
        }
        found = make[self.kind]()
        stated = tuple(self._numbers("shape").ravel().tolist()) if "shape" in self.group else found.shape
        if prod(stated) != prod(found.shape) or min(found.shape) < 1:
            rule = f"its shape is stated as {list(stated)}, and it makes {list(found.shape)}"
            raise BadInput(self.origin, rule, hint=AGAIN)
        return found

    # -- kinds of blocks

    def _input(self) -> NetBlock:
        shape = tuple(self._numbers("shape").ravel().tolist())
        if len(shape) not in (1, 3) or min(shape) < 1:
            rule = f"its shape is {list(shape)}"
            raise Unsupported(self.origin, rule, hint="write channels, height and width, or a number")
        neurons = self._neurons() if "neuron" in self.group else None
        return NetBlock(self.origin, self.kind, shape, neurons)

    def _conv(self) -> NetBlock:
        weights = self._weights()
        if weights.ndim == 5 and weights.shape[4] == 1:
            weights = weights[..., 0]
        window = self._window(tuple(weights.shape[2:]), int(self._one("groups", 1)))
        maps = self._maps()
        depth, each = weights.shape[:2]
        if each * window.groups != maps[0] or depth % window.groups:
            rule = f"its weights {list(weights.shape)} in {window.groups} groups do not fit {list(maps)}"
            raise BadInput(self.origin, rule, hint=AGAIN)
        shape = (depth, *window.sizes(maps[1:]))
        neurons = self._neurons()
        return NetBlock(self.origin, self.kind, shape, neurons, weights, self._bias(depth), window)

    def _pool(self) -> NetBlock:
        weights = self._weights()
        if weights.size != 1:
            rule = f"it has {weights.size} weights"
            raise Unsupported(self.origin, rule, hint="a pool has one for all of its window")
        kernel = self._pair("kernelSize", None)
        window, maps = self._window(kernel, 1), self._maps()
        shape = (maps[0], *window.sizes(maps[1:]))
        return NetBlock(self.origin, self.kind, shape, self._neurons(), weights.reshape(()), None, window)

    def _dense(self) -> NetBlock:
        weights = self._weights()
        size = prod(self.given)
        if weights.ndim == 1:
            weights = weights.reshape(-1, size) if weights.size % size == 0 else weights[None]
        weights = weights.reshape(*weights.shape[:2]) if prod(weights.shape[2:]) == 1 else weights
        if weights.ndim != 2 or weights.shape[1] != size:
            rule = f"its weights {list(weights.shape)} do not fit what it receives, {list(self.given)}"
            raise BadInput(self.origin, rule, hint=AGAIN)
        neurons = self._neurons() if "neuron" in self.group else INTEGRATOR
        depth = weights.shape[0]
        return NetBlock(self.origin, self.kind, (depth,), neurons, weights, self._bias(depth))

    def _average(self) -> NetBlock:
        shape = (prod(self._numbers("shape").ravel().tolist()),)
        if not groups_of(self.given, shape):
            rule = f"{prod(self.given)} elements are no groups for {shape[0]} means"
            raise BadInput(self.origin, rule, hint=AGAIN)
        return NetBlock(self.origin, self.kind, shape)

    # -- neurons

    def _neurons(self) -> Neurons:
        if "neuron" not in self.group:
            raise BadInput(self.origin, "says nothing of its neurons", hint=AGAIN)
        group = self.group["neuron"]
        what = self._text(group, "type") if "type" in group else CUBA[0]
        if "delay" in self.group and self._numbers("delay").any():
            rule = "its spikes are delayed neuron by neuron"
            raise Unsupported(self.origin, rule, hint="train without delays")

        def number(name: str, most: int, default: int = 0) -> int:
            value = int(self._one(f"neuron/{name}", default))
            if not 0 <= value <= most:
                rule = f"its {name} is {value}, not 0 to {most}"
                raise Unsupported(self.origin, rule, hint="Loihi's registers hold no other")
            return value

        threshold = number("vThMant", THRESHOLD_MAX)
        if what in CUBA:
            exponent = int(self._one("neuron/wgtExp", 0))
            if not EXPONENTS[0] <= exponent <= EXPONENTS[1]:
                rule = f"its wgtExp is {exponent}, not {EXPONENTS[0]} to {EXPONENTS[1]}"
                raise Unsupported(self.origin, rule, hint="other exponents lose bits of weights")
            decays = number("iDecay", DECAY_MAX, DECAY_MAX), number("vDecay", DECAY_MAX)
            return Neurons(Kind.CUBA, threshold, *decays, number("refDelay", DELAY_MAX, 1), exponent)
        if what != "SDNN":
            rule = f"its neurons are {what}"
            raise Unsupported(self.origin, rule, hint=f"mappable are {', '.join(CUBA[:2])} and SDNN")
        if self.kind is Block.INPUT:
            return Neurons(Kind.DELTA, threshold)
        if "sigma_output" in group:
            return Neurons(Kind.SIGMA)
        function = self._text(group, "activation") if "activation" in group else "relu"
        if function != "relu":
            rule = f"its activation function is {function}"
            raise Unsupported(self.origin, rule, hint="Lava's sigma-delta neurons have relu")
        return Neurons(Kind.SIGMA_DELTA, threshold, rectifies=True)

    # -- fields

    def _maps(self) -> Shape:
        if len(self.given) != 3:
            rule = f"it receives {list(self.given)}, no maps"
            raise Unsupported(self.origin, rule, hint="let it stand before flatten and dense blocks")
        return self.given

    def _window(self, kernel: tuple[int, ...], groups: int) -> Window:
        stride, padding, dilation = (
            self._pair(n, d) for n, d in (("stride", 1), ("padding", 0), ("dilation", 1))
        )
        if len(kernel) != 2 or min(*stride, *dilation, groups, *kernel) < 1 or min(padding) < 0:
            raise BadInput(self.origin, "its window is none", hint=AGAIN)
        return Window((kernel[0], kernel[1]), stride, padding, dilation, groups)

    def _pair(self, name: str, default: int | None) -> tuple[int, int]:
        if name not in self.group and default is not None:
            return default, default
        found = self._numbers(name).ravel().tolist()
        if len(found) not in (1, 2):
            raise BadInput(self.origin, f"its {name} has {len(found)} numbers", hint=AGAIN)
        return found[0], found[-1]

    def _weights(self) -> Integers:
        if "weight" in self.group and not hasattr(self.group["weight"], "shape"):
            raise Unsupported(self.origin, "its weights are complex", hint="resonators cannot be mapped")
        found = self._numbers("weight")
        low, high = int(found.min(initial=0)), int(found.max(initial=0))
        if low < WEIGHTS[0] or high > WEIGHTS[1]:
            rule = f"its weights reach from {low} to {high}"
            raise Unsupported(self.origin, rule, hint=f"Loihi's are {WEIGHTS[0]} to {WEIGHTS[1]}: scale them")
        return found

    def _bias(self, depth: int) -> Integers | None:
        if "bias" not in self.group:
            return None
        found = self._numbers("bias").ravel()
        if found.size not in (1, depth):
            raise BadInput(self.origin, f"it has {found.size} biases for {depth} channels", hint=AGAIN)
        if np.abs(found).max() > BIAS_MAX:
            rule = f"its biases reach {int(np.abs(found).max())}"
            raise Unsupported(self.origin, rule, hint=f"Loihi's are at most {BIAS_MAX}: scale them")
        return np.broadcast_to(found, (depth,)).copy() if found.any() else None

    def _one(self, name: str, default: int) -> float:
        found = self._numbers(name) if name in self.group else np.array(default)
        if found.size != 1:
            raise Unsupported(self.origin, f"its {name} has {found.size} numbers", hint="give one for all")
        return int(found.reshape(()))

    def _numbers(self, name: str) -> Integers:
        """Whole numbers of a field. Raises SncError for others: to round them would be another network."""
        if name not in self.group:
            raise BadInput(self.origin, f"has no {name}", hint=AGAIN)
        array = np.asarray(self.group[name][()])
        if array.dtype.kind not in "biuf" or array.size == 0:
            raise BadInput(self.origin, f"its {name} is no array of numbers", hint=AGAIN)
        if not (np.isfinite(array).all() and (array == np.rint(array)).all() and np.abs(array).max() < 2**31):
            rule = f"its {name} has numbers that are not whole"
            raise Unsupported(self.origin, rule, hint="export the quantised network: nothing is rounded here")
        return array.astype(np.int64)

    def _text(self, group: Group, name: str) -> str:
        value = np.asarray(group[name][()]).ravel() if name in group else np.array([])
        if value.size != 1:
            raise BadInput(self.origin, f"says no {name}", hint=AGAIN)
        found = value[0]
        return found.decode("ascii", "replace") if isinstance(found, bytes) else str(found)
