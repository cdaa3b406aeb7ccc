"""An image as a folder of files: a memory for each core and the firing order, and what a loader needs.

`loader.json` says which memory goes to which core; the other sections of the image's file lie beside it as
they are, so that a folder is read back as the image that it came from.
"""

import json
import struct
from pathlib import Path

from ...ir.errors import BadInput, Origin
from ..image.container import (
    CORE_SECTION,
    FIRST,
    LAST,
    ORDER_SECTION,
    Payload,
    core_bytes,
    joined,
    payloads,
    read_image,
    words_bytes,
)
from ..image.folders import write_folder
from ..image.image import Image
from .formats import FORMATS, Files, Memory

LOADER = "loader.json"
STEPS = "steps"
SECTIONS = {
    "TARG": "target.json",
    "INFO": "about.json",
    "TENS": "tensors.json",
    "HSTB": "host_before.onnx",
    "HSTA": "host_after.onnx",
    "BIAS": "added.json",
    "LERN": "learning.bin",
}


def export(image: Image, form: str) -> dict[str, bytes]:
    """The files of an image, by their names, in a format of `FORMATS`."""
    memories = [Memory(_name(index), core.words) for index, core in enumerate(image.cores)]
    memories.append(Memory(STEPS, image.steps))
    cores = [
        {"memory": _name(index), "words": int(core.words.size), "x": core.x, "y": core.y}
        for index, core in enumerate(image.cores)
    ]
    files = FORMATS[form].files(memories)
    files |= {SECTIONS[kind]: payload for kind, _, payload in payloads(image) if kind in SECTIONS}
    steps = {"memory": STEPS, "words": int(image.steps.size)}
    loader = {"cores": cores, "files": sorted(files), "format": form, "steps": steps}
    return files | {LOADER: (json.dumps(loader, indent=1, sort_keys=True) + "\n").encode()}


def imported(files: Files) -> Image:
    """The image of exported files. Raises BadInput where one is missing or damaged, and BadImage."""
    try:
        return read_image(joined(list(_sections(files))), LOADER)
    except KeyError as error:
        raise BadInput(Origin(file=LOADER), f"{error} is missing", hint="export the image again") from None
    except (ValueError, TypeError, struct.error) as error:
        raise BadInput(Origin(file=LOADER), f"cannot be read: {error}", hint="export it again") from None


def _sections(files: Files) -> list[Payload]:
    loader = json.loads(files[LOADER])
    read = FORMATS[loader["format"]].read
    found = [(kind, 0, files[name]) for kind, name in SECTIONS.items() if name in loader["files"]]
    found.append((ORDER_SECTION, 0, words_bytes(read(files, loader["steps"]["memory"]))))
    for index, core in enumerate(loader["cores"]):
        words = read(files, core["memory"])
        if words.size != core["words"]:
            raise ValueError(f"{core['memory']} has {words.size} words, not {core['words']}")
        found.append((CORE_SECTION, index, core_bytes(core["x"], core["y"], words)))
    order = (*FIRST, CORE_SECTION, *LAST)
    return sorted(found, key=lambda section: order.index(section[0]))


def save_export(folder: Path, image: Image, form: str) -> tuple[int, int]:
    """Writes the files of an image: how many, of how many bytes. The folder appears whole or not at all.

    An export that is there is replaced, and what else is beside it stays; a folder that holds other files and
    no export is left alone: raises BadInput.
    """
    earlier = _earlier(folder)
    files = export(image, form)
    write_folder(folder, files)
    for name in earlier - files.keys():
        (folder / name).unlink(missing_ok=True)
    return len(files), sum(len(data) for data in files.values())


def _earlier(folder: Path) -> set[str]:
    """The files of the export that a folder holds. Raises BadInput where other files are, and no export."""
    try:
        if not folder.is_dir() or not any(folder.iterdir()):
            return set()
        named = json.loads((folder / LOADER).read_bytes())["files"]
        return {name for name in named if Path(name).name == name}
    except (OSError, ValueError, TypeError, KeyError):
        origin = Origin(file=str(folder))
        raise BadInput(
            origin, "holds other files than an export", hint="give the path of a new folder"
        ) from None


def load_export(folder: Path) -> Image:
    """The image of an exported folder. Raises BadInput, BadImage."""
    try:
        return imported({path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()})
    except OSError as error:
        origin = Origin(file=str(folder))
        raise BadInput(origin, f"cannot be read: {error.strerror}", hint="give an export's folder") from None


def _name(core: int) -> str:
    return f"core_{core:03}"
