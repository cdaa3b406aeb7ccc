"""What differs between two images: facts, layers, cuts, cores, words and bytes. Draws nothing."""

import dataclasses
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from ...backends.analysis.claims import Atlas, Role
from ...backends.analysis.listing import core_lines
from ...backends.image.container import payloads
from ...backends.image.image import Image
from .report import LayerReport, Report

FACTS = ("model", "target", "weights", "states", "objective", "seed", "compiler")
NUMBERS = (Role.WEIGHTS, Role.BIAS, Role.EXPONENTS)  # what a layer computes with


@dataclass(frozen=True, slots=True)
class Change:
    """A value of the first image and of the second, as text."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LayerChange:
    """A layer in the first and in the second image, None where it is not there.

    `has_other_numbers`: whether its weights, biases or exponents are not the same, wherever they lie.
    """

    name: str
    before: LayerReport | None
    after: LayerReport | None
    has_other_numbers: bool


@dataclass(frozen=True, slots=True)
class FirstWord:
    """The first word that is not the same: its place, and what a listing says of it ("" where it is not)."""

    core: int
    address: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs; sizes are of both images. `layers` and `sections`: those that are not the same.

    `cores_changed` are the cores of which a word or the place differs, by their numbers.
    """

    is_equal: bool
    facts: tuple[Change, ...]
    layers: tuple[LayerChange, ...]
    layers_equal: int
    cores: tuple[int, int]
    cores_changed: tuple[int, ...]
    words: tuple[int, int]
    words_changed: int
    first: FirstWord | None
    sections: tuple[str, ...]
    bytes: tuple[int, int]


def difference(images: tuple[Image, Image], reports: tuple[Report, Report]) -> Difference:
    """What differs between two images, of which the reports are."""
    a, b = images
    layers = _layers(images, reports)
    changed, count, first = _words(a, b)
    held = [{(kind, index): data for kind, index, data in payloads(image)} for image in images]
    sections = [
        kind if kind != "CORE" else f"{kind} {index}"
        for kind, index in {**held[0], **held[1]}
        if held[0].get((kind, index)) != held[1].get((kind, index))
    ]
    return Difference(
        is_equal=not sections,
        facts=(*_facts(*reports), *_chip(a, b)),
        layers=tuple(change for change in layers if _differs(change)),
        layers_equal=sum(not _differs(change) for change in layers),
        cores=(len(a.cores), len(b.cores)),
        cores_changed=changed,
        words=(_size(a), _size(b)),
        words_changed=count,
        first=first,
        sections=tuple(sections),
        bytes=(reports[0].totals.total_bytes, reports[1].totals.total_bytes),
    )


def _size(image: Image) -> int:
    return sum(core.words.size for core in image.cores)


def _differs(change: LayerChange) -> bool:
    return change.before != change.after or change.has_other_numbers


def _facts(a: Report, b: Report) -> list[Change]:
    pairs = [(fact, str(getattr(a, fact)), str(getattr(b, fact))) for fact in FACTS]
    pairs.append(("total bytes", f"{a.totals.total_bytes:,}", f"{b.totals.total_bytes:,}"))
    pairs.append(("events between cores", f"{a.traffic.events:,}", f"{b.traffic.events:,}"))
    pairs.append(("hops", f"{a.traffic.hops:,}", f"{b.traffic.hops:,}"))
    return [Change(*pair) for pair in pairs if pair[1] != pair[2]]


def _chip(a: Image, b: Image) -> list[Change]:
    """The numbers of the target that differ; its name is a fact already."""
    names = [field.name for field in dataclasses.fields(a.chip) if field.name != "name"]
    pairs = ((name, str(getattr(a.chip, name)), str(getattr(b.chip, name))) for name in names)
    return [Change(f"target's {name}", *pair) for name, *pair in pairs if pair[0] != pair[1]]


def _layers(images: tuple[Image, Image], reports: tuple[Report, Report]) -> list[LayerChange]:
    """Every layer of both, in the first image's order; layers of one name pair up in order."""
    found = []
    for image, report in zip(images, reports, strict=True):
        seen = Counter[str]()
        numbers = _numbers(image)
        held = {}
        for layer in report.layers:
            held[layer.name, seen[layer.name]] = layer, numbers.get(layer.name)
            seen[layer.name] += 1
        found.append(held)
    before, after = found
    nothing = (None, None)
    return [
        LayerChange(key[0], old, new, old is not None and new is not None and old_numbers != new_numbers)
        for key in {**before, **after}
        for (old, old_numbers), (new, new_numbers) in [(before.get(key, nothing), after.get(key, nothing))]
    ]


def _numbers(image: Image) -> dict[str, Counter[bytes]]:
    """By layer, the runs of words that it computes with, in no order."""
    atlas = Atlas(image)
    found: dict[str, Counter[bytes]] = {}
    for index, core in enumerate(image.cores):
        for claim in atlas.claims(index):
            if claim.role in NUMBERS:
                run = core.words[claim.address : claim.address + claim.size].tobytes()
                found.setdefault(atlas.layer(index, claim.population), Counter())[run] += 1
    return found


def _words(a: Image, b: Image) -> tuple[tuple[int, ...], int, FirstWord | None]:
    """The cores that differ, how many words do (those that only one has, too), and the first of them."""
    changed, count, first = [], 0, None
    for index, (old, new) in enumerate(zip_longest(a.cores, b.cores)):
        if old is None or new is None:
            changed.append(index)
            count += (old or new).words.size
            continue
        both = min(old.words.size, new.words.size)
        apart = np.flatnonzero(old.words[:both] != new.words[:both])
        here = apart.size + max(old.words.size, new.words.size) - both
        if here or (old.x, old.y) != (new.x, new.y):
            changed.append(index)
        if here and first is None:
            address = int(apart[0]) if apart.size else both
            first = FirstWord(index, address, _listed(a, index, address), _listed(b, index, address))
        count += here
    return tuple(changed), count, first


def _listed(image: Image, core: int, address: int) -> str:
    """The line of a listing in which a word stands, "" where the core has no such word."""
    if address >= image.cores[core].words.size:
        return ""
    _, *lines = core_lines(Atlas(image), core)
    return next(line.strip() for line in reversed(lines) if int(line.split()[0]) <= address)
