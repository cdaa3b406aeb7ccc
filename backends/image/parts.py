"""A network that is split: a folder with an image for each part of the chip, an ONNX file for each of the
host between them, and a manifest that says in which order they run, and what each reads and makes.

The manifest is canonical JSON. It names every file's SHA-256: a part of another network is refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...ir.errors import BadImage, BadInput, Origin
from .container import PLAIN_MAX, load, write_image
from .folders import write_folder
from .image import Image, ImageTensor
from .plain import NotPlain, read_plain, write_plain

MANIFEST = "network.json"
FORMAT = "snc network in parts, 1"
KINDS = ("chip", "host")
AGAIN = "compile the network again"


@dataclass(frozen=True, slots=True)
class PartTensor:
    """An input or an output of the whole network."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class PartFile:
    """A part, and the file that holds it: an image where `kind` is "chip", an ONNX model where it is "host".

    `inputs` are the tensors that it reads of the network's inputs or of parts before it, `outputs` those that
    later parts read, or the network gives. `reasons`: why the host has it.
    """

    file: str
    kind: str
    sha256: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts of a network, in the order in which they run."""

    format: str
    model: str
    compiler: str
    inputs: tuple[PartTensor, ...]
    outputs: tuple[PartTensor, ...]
    parts: tuple[PartFile, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SplitImage(Image):
    """Parts that run one after the other as one network. As an image it is that of all chips side by side.

    `cores` are those of the chip's parts, part after part, and `tensors` the layers', and the network's
    inputs and outputs without neurons. `parts`: what runs, an image or the bytes of an ONNX model.
    """

    manifest: Manifest = Manifest(FORMAT, "", "", (), (), ())
    parts: tuple[Image | bytes, ...] = ()


def images_of(image: Image) -> tuple[Image, ...]:
    """The images of a network's parts, or the only one."""
    parts = image.parts if isinstance(image, SplitImage) else (image,)
    return tuple(part for part in parts if isinstance(part, Image))


def side_by_side(manifest: Manifest, parts: Sequence[Image | bytes]) -> SplitImage:
    """The image of all parts."""
    images = [part for part in parts if isinstance(part, Image)]
    first = images[0]
    firsts = np.cumsum([0, *(len(image.cores) for image in images)]).tolist()
    placed = list(zip(images, firsts, strict=False))
    layers = tuple(
        replace(layer, fragments=tuple(replace(f, core=f.core + base) for f in layer.fragments))
        for image, base in placed
        for layer in image.about.layers
    )
    inner = tuple(
        replace(tensor, pieces=tuple(replace(p, core=p.core + base) for p in tensor.pieces))
        for image, base in placed
        for tensor in image.tensors
        if tensor.kind == "layer"
    )
    ends = tuple(
        ImageTensor(tensor.name, kind, tensor.shape, tensor.dtype, ())
        for kind, tensors in (("input", manifest.inputs), ("output", manifest.outputs))
        for tensor in tensors
    )
    height = first.chip.mesh[1]
    weights = "; ".join(dict.fromkeys(image.about.weights for image in images))
    return SplitImage(
        chip=first.chip,
        cores=tuple(
            replace(core, y=core.y + number * height)
            for number, image in enumerate(images)
            for core in image.cores
        ),
        steps=np.concatenate([image.steps for image in images]),
        tensors=ends + inner,
        about=replace(first.about, model=manifest.model, layers=layers, weights=weights),
        manifest=manifest,
        parts=tuple(parts),
    )


def save_parts(folder: Path, image: SplitImage) -> None:
    """Writes the files of a network into a folder, which is made, with all of them or not at all; in a folder
    that is there, the manifest is replaced last. Raises BadInput.
    """
    payloads = {
        row.file: part if isinstance(part, bytes) else write_image(part)
        for row, part in zip(image.manifest.parts, image.parts, strict=True)
    }
    payloads[MANIFEST] = manifest_bytes(image.manifest)  # last: it is valid once the parts are there
    write_folder(folder, payloads)


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest's file."""
    return write_plain(Manifest, manifest)


def sha256(payload: bytes) -> str:
    """What a manifest says of a file."""
    return hashlib.sha256(payload).hexdigest()


def manifest_of(path: Path) -> Path:
    """The file that stands for an image: a folder's manifest, any other path itself."""
    return path / MANIFEST if path.is_dir() else path


def load_network(path: Path) -> Image:
    """The image of a file, or the parts of a manifest and the folder that it stands in. Raises BadInput when
    something cannot be read, BadImage where it is damaged, or a part is not the manifest's.
    """
    if path.name != MANIFEST:
        return load(path)
    origin = Origin(file=str(path))
    manifest = _manifest(_read(path, origin, "give an image, or a folder that compile --split wrote"), origin)
    parts: list[Image | bytes] = []
    for row in manifest.parts:
        file = path.parent / row.file
        at = Origin(file=str(file))
        data = _read(file, at)
        if sha256(data) != row.sha256:
            raise BadImage(at, f"is not the part that {path.name} names", hint=AGAIN)
        parts.append(load(file) if row.kind == KINDS[0] else data)
    chips = {part.chip for part in parts if isinstance(part, Image)}
    if len(chips) != 1:
        raise BadImage(origin, f"its parts are for {len(chips)} targets", hint=AGAIN)
    return side_by_side(manifest, parts)


def mesh_of(image: Image) -> tuple[int, int]:
    """The mesh of an image, or those of all parts one below the other."""
    width, height = image.chip.mesh
    return width, max(height, *(core.y + 1 for core in image.cores))


def _read(path: Path, origin: Origin, hint: str = AGAIN) -> bytes:
    try:
        if not path.is_file():
            raise BadInput(origin, "is no file", hint=hint)
        return path.read_bytes()
    except OSError as error:
        raise BadInput(origin, f"cannot be read: {error.strerror}", hint=hint) from None


def _manifest(data: bytes, origin: Origin) -> Manifest:
    """A manifest whose parts can run in their order."""
    if len(data) > PLAIN_MAX:
        raise BadImage(origin, f"has {len(data)} bytes, a manifest at most {PLAIN_MAX}", hint=AGAIN)
    try:
        manifest = read_plain(Manifest, data)
    except NotPlain as error:
        raise BadImage(origin, f"is no manifest of a network in parts: {error}", hint=AGAIN) from None
    if manifest.format != FORMAT:
        raise BadImage(origin, f"has the format {manifest.format!r}, known is {FORMAT!r}", hint=AGAIN)
    known = {tensor.name for tensor in manifest.inputs}
    for row in manifest.parts:
        if Path(row.file).name != row.file:
            raise BadImage(origin, f"names a part {row.file!r} outside its folder", hint=AGAIN)
        if row.kind not in KINDS:
            raise BadImage(origin, f"knows no part of the kind {row.kind!r}", hint=AGAIN)
        if missing := [name for name in row.inputs if name not in known]:
            raise BadImage(origin, f"its part {row.file} reads {missing[0]!r} too early", hint=AGAIN)
        known.update(row.outputs)
    if missing := [tensor.name for tensor in manifest.outputs if tensor.name not in known]:
        raise BadImage(origin, f"no part makes its output {missing[0]!r}", hint=AGAIN)
    return manifest
