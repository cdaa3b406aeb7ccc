"""What makes an image unsound: numbers beyond their limits, and names of things that are not there."""

from collections.abc import Iterator
from itertools import chain, islice
from math import prod

from ..words.bits import WordError
from ..words.limits import beyond
from ..words.words import Population, Step
from .image import Image, ImagePiece, ImageTensor
from .lessons import lessons

KINDS = ("input", "output", "layer")
DTYPES = (
    *("bool", "float16", "float32", "float64"),
    *("int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)
ELEMENTS_MAX = 2**28  # of a tensor: what a reader allocates on the word of a file
RANK_MAX = 64  # numpy's own limit


def faults(image: Image) -> Iterator[str]:
    """What an image says that cannot be: numbers beyond their limits, and names of things that are not there.

    What the words of a core's memory say of each other is left to the machine, which decodes them.
    """
    parts = _chip_faults, _step_faults, _tensor_faults, _layer_faults, _learning_faults
    found = chain.from_iterable(part(image) for part in parts)
    return islice(found, 20)  # enough to see what is wrong


def _chip_faults(image: Image) -> Iterator[str]:
    yield from beyond(image.chip)
    places: set[tuple[int, int]] = set()
    width, height = image.chip.mesh
    for index, core in enumerate(image.cores):
        if not (0 <= core.x < width and 0 <= core.y < height):
            yield f"core {index} at ({core.x}, {core.y}) is outside the mesh of {width} x {height}"
        if (core.x, core.y) in places:
            yield f"core {index} at ({core.x}, {core.y}) is not the only one there"
        places.add((core.x, core.y))
        if core.words.size > image.chip.core_words:
            yield f"core {index} has {core.words.size} words, the chip's cores have {image.chip.core_words}"


def population_at(image: Image, core: int, address: int) -> Population:
    """The population descriptor at an address of a core. Raises WordError when there is none."""
    if not 0 <= core < len(image.cores):
        raise WordError(f"there is no core {core}")
    words = image.cores[core].words
    if not 0 <= address < words.size:
        raise WordError(f"core {core} has no address {address}")
    try:
        return Population.decode(int(words[address]))
    except WordError as error:
        raise WordError(f"core {core}, address {address}: no population descriptor: {error}") from None


def _step_faults(image: Image) -> Iterator[str]:
    for index, word in enumerate(image.steps.tolist()):
        try:
            step = Step.decode(word)
            population_at(image, step.core, step.population)
        except WordError as error:
            yield f"step {index}: {error}"
            continue
        if step.phase >= max(step.every, 1):
            yield f"step {index}: is taken in frame {step.phase} of every {step.every}"


def _tensor_faults(image: Image) -> Iterator[str]:
    names: set[tuple[str, str]] = set()
    for tensor in image.tensors:
        title = f"{tensor.kind} {tensor.name!r}"
        if tensor.kind not in KINDS:
            yield f"{title}: its kind is none of {', '.join(KINDS)}"
        if tensor.dtype not in DTYPES:
            yield f"{title}: its type {tensor.dtype!r} is none of {', '.join(DTYPES)}"
        if (tensor.kind, tensor.name) in names:
            yield f"{title} is there twice"
        names.add((tensor.kind, tensor.name))
        if tensor.layer and tensor.kind != "layer":
            yield f"{title}: it is no layer, and names the layer {tensor.layer!r}"
        if (
            len(tensor.shape) > RANK_MAX
            or min(tensor.shape, default=1) < 1
            or prod(tensor.shape) > ELEMENTS_MAX
        ):
            yield f"{title}: its shape is not of at most {RANK_MAX} axes and 1 to {ELEMENTS_MAX} elements"
            continue
        for index, piece in enumerate(tensor.pieces):
            fault = _piece_fault(image, tensor, piece)
            if fault:
                yield f"{title}, piece {index}: {fault}"


def _piece_fault(image: Image, tensor: ImageTensor, piece: ImagePiece) -> str:
    try:
        population = population_at(image, piece.core, piece.population)
    except WordError as error:
        return str(error)
    axes = (
        (piece.c0, piece.depth, population.depth, piece.step_c),
        (piece.y0, piece.height, population.height, piece.step_y),
        (piece.x0, piece.width, population.width, piece.step_x),
    )
    if any(start < 0 or size < 1 or start + size > whole for start, size, whole, _ in axes):
        return "names neurons outside its population"
    ends = [step * (size - 1) for _, size, _, step in axes]
    first = piece.base + sum(end for end in ends if end < 0)
    last = piece.base + sum(end for end in ends if end > 0)
    if first < 0 or last >= prod(tensor.shape):
        return f"names elements {first} to {last} of {prod(tensor.shape)}"
    if tensor.kind == "input" and not population.neuron.is_fed:
        return "names neurons that are no input"
    return ""


def _layer_faults(image: Image) -> Iterator[str]:
    for layer in image.about.layers:
        if min(layer.shape) < 1:
            yield f"layer {layer.name!r}: its shape is not positive"
        for index, fragment in enumerate(layer.fragments):
            try:
                population_at(image, fragment.core, fragment.population)
            except WordError as error:
                yield f"layer {layer.name!r}, fragment {index}: {error}"
            if min(fragment.c0, fragment.y0, fragment.x0) < 0:
                yield f"layer {layer.name!r}, fragment {index}: begins before its layer"


def _learning_faults(image: Image) -> Iterator[str]:
    try:
        pairs = [pair for each in lessons(image.learning) for pair in each.pairs]
    except WordError as error:
        yield f"rules of learning: {error}"
        return
    for index, pair in enumerate(pairs):
        for core, address in ((pair.source_core, pair.source), (pair.core, pair.population)):
            try:
                population_at(image, core, address)
            except WordError as error:
                yield f"rules of learning, pair {index}: {error}"
