"""A data set: the frames of a file, or of a folder of files, read when they are asked for."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from ....backends.image.image import ImageTensor
from ....ir.errors import BadInput, Origin
from ....ir.layers import Value
from ...frontend.nir.dynamics import Dynamics
from ...frontend.runtime import Arrays
from ..engines import AnyImage
from ..runner import network_inputs
from ..simulating.simulation import has_memory
from . import pictures, recordings, stored
from .pictures import Picture, colours, load_picture
from .recordings import STEP, Recording, is_recording
from .stored import Stored

SUFFIXES = (*stored.SUFFIXES, *pictures.SUFFIXES, *recordings.SUFFIXES)
PLAIN = Picture()
Names = Mapping[str, str]  # of inputs, with the keys of their arrays


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a data set. `has_bytes`: its frames are pictures' bytes, 0..255. `is_recording`: they are
    events of some time. `streams`: how many streams it has, all as long; 0: its frames go on from those of
    the file before.
    """

    path: Path
    frames: int
    has_bytes: bool
    read: Callable[[int], Arrays]
    close: Callable[[], None]
    is_recording: bool = False
    streams: int = 0


class DataSet(Sequence[Arrays]):
    """The frames of all sources, one after the other; one source is open at a time, and closed by `with`."""

    def __init__(self, path: Path, sources: Sequence[Source]) -> None:
        self.path = path
        self.sources = tuple(sources)
        self._ends = list(accumulate(source.frames for source in sources))
        self._open = self.sources[0]

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: int) -> Arrays: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Arrays]: ...
    def __getitem__(self, index: int | slice) -> Arrays | Sequence[Arrays]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect_right(self._ends, index)
        source = self.sources[number]
        if source is not self._open:
            self._open.close()
            self._open = source
        return source.read(index - self._ends[number] + source.frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def has_bytes(self) -> bool:
        """Whether some frames are pictures' bytes."""
        return any(source.has_bytes for source in self.sources)

    def begins(self, index: int) -> bool:
        """Whether a frame begins a stream: the first one of all, and of a recording or a sequence."""
        number = bisect_right(self._ends, index)
        source = self.sources[number]
        offset = index - self._ends[number] + source.frames
        return index == 0 or (source.streams > 0 and offset % (source.frames // source.streams) == 0)

    def anew(self, refresh: int | None) -> Callable[[int], bool]:
        """Whether a frame begins anew: where a stream begins, and every `refresh` frames if that is given."""
        return lambda index: self.begins(index) or (refresh is not None and index % refresh == 0)

    @property
    def has_streams(self) -> bool:
        """Whether its files hold whole streams: recordings, or sequences."""
        return all(source.streams for source in self.sources)

    @property
    def has_recordings(self) -> bool:
        """Whether its files are recorded events, each one stream."""
        return all(source.is_recording for source in self.sources)

    @property
    def labelled(self) -> int:
        """How many labels it may have: one for each stream, or for each frame."""
        return sum(source.streams for source in self.sources) if self.has_streams else len(self)

    def file_of(self, index: int) -> str:
        """The name of the file that holds a frame."""
        return self.sources[bisect_right(self._ends, index)].path.name

    def state(self) -> list[list[str | int]]:
        """Names, sizes and times of the files: they change where the data set does."""
        found: list[list[str | int]] = []
        for source in self.sources:
            status = source.path.stat()
            found.append([source.path.name, status.st_size, status.st_mtime_ns])
        return found


def open_data(
    path: Path,
    image: AnyImage,
    picture: Picture = PLAIN,
    names: Names = MappingProxyType({}),
    labels: str | None = None,
    step: float = STEP,
) -> DataSet:
    """The frames of an .npy, an .npz, a picture, or a folder of these in the order of their names; recorded
    events become frames of `step` seconds. For a network that keeps states, arrays may hold sequences, as
    many as they have rows.

    `names`: keys of the arrays of inputs. Without them an array has the input's name, or is the only one, the
    labels' apart. Arrays have an input's shape, or frames along the first axis. Raises BadInput.
    """
    of_sequences = has_memory(image)
    return open_frames(path, network_inputs(image), picture, names, labels, step, of_sequences=of_sequences)


def open_frames(
    path: Path,
    inputs: Sequence[ImageTensor],
    picture: Picture = PLAIN,
    names: Names = MappingProxyType({}),
    labels: str | None = None,
    step: float = STEP,
    *,
    of_sequences: bool = False,
) -> DataSet:
    """The same for a network's inputs. `of_sequences`: whether arrays may hold several."""
    if unknown := [name for name in names if name not in {tensor.name for tensor in inputs}]:
        raise BadInput(
            None, f"the network has no input {unknown[0]!r}", hint=f"its inputs are {_told(inputs)}"
        )
    paths = [path]
    if path.is_dir():
        paths = sorted(each for each in path.iterdir() if _is_data(each))
        if not paths:
            raise BadInput(
                Origin(file=path.name), "holds no frames", hint=f"give files of {', '.join(SUFFIXES)}"
            )
    sources = [_source(each, inputs, picture, names, labels, step, of_sequences) for each in paths]
    return DataSet(path, sources)


def frame_seconds(image: AnyImage) -> float:
    """Of recorded events, the seconds of a frame where nobody says: a step of a network that spikes."""
    said = image.about.dynamics
    return Dynamics.parsed(said).dt if Dynamics.says(said) else STEP


def check_apart(path: Path, output: Path | None) -> None:
    """Raises BadInput for an output that the next run would take for frames."""
    if (
        output is not None
        and path.is_dir()
        and _is_data(output)
        and output.resolve().parent == path.resolve()
    ):
        rule = f"cannot be written: all arrays and pictures in {path} are frames"
        raise BadInput(Origin(file=str(output)), rule, hint="give another folder, or a .csv")


def frames_for(
    path: Path, picture: Picture = PLAIN, names: Names = MappingProxyType({})
) -> Callable[[Sequence[Value]], DataSet]:
    """What opens these frames for a network whose inputs are known later."""

    def opened(inputs: Sequence[Value]) -> DataSet:
        tensors = [ImageTensor(value.name, "input", value.shape, value.dtype, ()) for value in inputs]
        return open_frames(path, tensors, picture, names)

    return opened


def _is_data(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _told(inputs: Sequence[ImageTensor]) -> str:
    return ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in inputs)


def _source(
    path: Path,
    inputs: Sequence[ImageTensor],
    picture: Picture,
    names: Names,
    labels: str | None,
    step: float,
    of_sequences: bool,
) -> Source:
    origin, suffix = Origin(file=path.name), path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInput(
            origin, "is no input file", hint="give an .npy, .npz, .png or .jpg, or a folder of them"
        )
    if len(inputs) == 1 and suffix not in pictures.SUFFIXES and is_recording(path):
        recording, name = Recording(path, inputs[0], step), inputs[0].name
        return Source(
            path, recording.frames, False, lambda index: {name: recording(index)}, lambda: None, True, 1
        )
    if suffix != ".npz":
        kind = "an .npy" if suffix in stored.SUFFIXES else "a picture"
        if len(inputs) != 1:
            raise BadInput(origin, f"{kind} feeds one input", hint=f"give an .npz with {_told(inputs)}")
        if names:
            raise BadInput(origin, f"{kind} has no keys", hint="give it without --input")
    if suffix in pictures.SUFFIXES:
        tensor = inputs[0]
        is_float = np.dtype(tensor.dtype).kind == "f"
        return Source(
            path, 1, is_float, lambda _: {tensor.name: load_picture(path, tensor, picture)}, lambda: None
        )
    found = _arrays(path, inputs, names, labels)
    feeds = {tensor.name: _feed(found[tensor.name], tensor, picture, of_sequences) for tensor in inputs}
    counts = {(feed.frames, feed.streams) for feed in feeds.values()}
    if len(counts) != 1:
        raise BadInput(
            origin,
            f"has {sorted(count for count, _ in counts)} frames for its inputs",
            hint="give as many of each",
        )

    def read(index: int) -> Arrays:
        return {name: feed.row(index) for name, feed in feeds.items()}

    def close() -> None:
        for array in found.values():
            array.close()

    has_bytes = any(_is_bytes(found[tensor.name], tensor) for tensor in inputs)
    frames, streams = counts.pop()
    return Source(path, frames, has_bytes, read, close, streams=streams)


def _arrays(path: Path, inputs: Sequence[ImageTensor], names: Names, labels: str | None) -> dict[str, Stored]:
    """The array of each input."""
    if path.suffix.lower() == ".npy":
        return {inputs[0].name: Stored(path)}
    known = stored.keys(path)
    keys = {tensor.name: names.get(tensor.name, tensor.name) for tensor in inputs}
    others = [key for key in known if key != labels]
    if len(inputs) == 1 and not names and inputs[0].name not in known and len(others) == 1:
        keys = {inputs[0].name: others[0]}
    if missing := [key for key in keys.values() if key not in known]:
        rule = f"has no array {missing[0]!r}, but {', '.join(known) or 'none'}"
        raise BadInput(
            Origin(file=path.name),
            rule,
            hint=f"give --input NAME=KEY; the network's inputs are {_told(inputs)}",
        )
    return {name: Stored(path, key) for name, key in keys.items()}


def _is_bytes(array: Stored, tensor: ImageTensor) -> bool:
    return array.dtype == np.uint8 and np.dtype(tensor.dtype).kind == "f"


@dataclass(frozen=True, slots=True, eq=False)
class _Feed:
    """How many frames an array holds for an input, in how many streams, and what reads one of them."""

    frames: int
    row: Callable[[int], NDArray[Any]]
    streams: int = 0


def _feed(array: Stored, tensor: ImageTensor, picture: Picture, of_sequences: bool) -> _Feed:
    shape, origin = tuple(tensor.shape), Origin(file=array.path.name)
    if array.dtype.kind not in "fiub":
        rule = f"the array of input {tensor.name!r} is of type {array.dtype}, which are no numbers"
        raise BadInput(origin, rule, hint="save it as float32")
    as_numbers: Callable[[NDArray[Any]], NDArray[Any]] = partial(np.reshape, shape=shape)
    if _is_bytes(array, tensor) and not picture.is_plain:
        as_numbers = partial(_numbers, shape=shape, picture=picture, origin=origin)
    if array.shape in (shape, shape[1:]):
        return _Feed(1, lambda _: as_numbers(array.whole()))
    if array.shape[1:] in (shape, shape[1:]) and array.shape[0]:
        row = array.rows()
        return _Feed(array.shape[0], lambda index: as_numbers(row(index)))
    if (
        of_sequences
        and len(array.shape) > 1
        and _sizes(array.shape[2:]) == _sizes(shape)
        and 0 not in array.shape
    ):
        count, steps, held = array.shape[0], array.shape[1], lru_cache(1)(array.rows())
        return _Feed(count * steps, lambda index: as_numbers(held(index // steps)[index % steps]), count)
    rule = f"the array of input {tensor.name!r} has the shape {list(array.shape)}, not {list(shape)}"
    raise BadInput(origin, rule, hint="frames go along the first axis")


def _sizes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its axes of one element."""
    return tuple(size for size in shape if size != 1)


def _numbers(
    frame: NDArray[Any], shape: tuple[int, ...], picture: Picture, origin: Origin
) -> NDArray[np.float32]:
    """Bytes of an array as those of a picture."""
    axis = colours(shape)
    factors = max(len(picture.mean), len(picture.scale))
    if factors > 1 and (axis is None or shape[axis] != factors):
        raise BadInput(origin, "has no three colours", hint="give one mean, one scale")
    return picture.numbers(frame.reshape(shape), axis=0 if axis is None else axis)
