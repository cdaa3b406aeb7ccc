"""Field by field: what words may hold at all, and what the target's own numbers leave of it."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .reading import (
    BIAS_BYTES,
    CHANGES,
    FIRING,
    FUNCTION,
    INITIAL,
    PARAMETER,
    PARAMETERS,
    SCALE,
    SCALES,
    STATES,
    Fault,
    Picture,
    Population,
    Wire,
)

# The activation functions that have any.
PARAMETERS_OF = {2: 2, 3: 1, 6: 2, 7: 1, 8: 2, 9: 1, 11: 2, 14: 1, 20: 1, 23: 2, 25: 2, 26: 1, 31: 4}
OWN_PARAMETERS = {0: 0, 1: 0, 2: 4, 3: 2, 4: 2, 5: 6, 6: 1, 7: 0, 8: 5, 9: 1, 10: 0}  # of the neuron types
ACTIVATIONS, UPDATES, ORDERS = 32, 4, 2
FURTHER = range(32, 41)  # the activation functions that an extension word says


def target_limits(picture: Picture) -> Iterator[Fault]:
    """Cores: places on the mesh, each its own, and ports no more than there may be."""
    columns, rows = picture.limit("mesh")
    if len(picture.places) != len(picture.cores):
        yield Fault("place", "two cores have one place")
    for core, ports in zip(picture.cores, picture.ports, strict=True):
        if not (core.x < columns and core.y < rows):
            yield Fault("place", f"core {core.index} stands at ({core.x}, {core.y})")
        if ports["table"].size > picture.limit("ports_max"):
            yield Fault("ports_max", f"core {core.index} has {ports['table'].size} ports")
        served = {(core.index, int(at)) for at in ports["population"]}
        if (
            not served <= picture.populations.keys()
            or ports["reserved"].any()
            or max(ports["update"], default=0) >= UPDATES
        ):
            yield Fault("field", f"core {core.index}: a port is none")
        if ports["strides"].max(initial=0) > picture.limit("strided_tables"):
            yield Fault("strided_tables", f"core {core.index}: a port's strided table has too many pairs")
    every, phase = picture.steps["every"], picture.steps["phase"]
    if (phase >= np.maximum(every, 1)).any() or picture.steps["order"].max(initial=0) >= ORDERS:
        yield Fault("field", "a step is none")


def population_limits(picture: Picture, population: Population) -> Iterator[Fault]:
    """Sizes, axons, codes and extension words."""
    fields = population.fields
    numbers = {
        "width_max": population.width,
        "height_max": population.height,
        "depth_max": population.depth,
        "axons_max": fields["axons"],
    }
    yield from _above(picture, numbers, str(population))
    if (
        fields["activation"] >= ACTIVATIONS
        or fields["neuron"] not in OWN_PARAMETERS
        or fields["bias"] not in BIAS_BYTES
    ):
        yield Fault("field", f"{population}: an unknown code")
    kinds = population.extensions["kind"].tolist()
    once = all(kinds.count(kind) <= 1 for kind in (STATES, FIRING, INITIAL, SCALE, CHANGES, FUNCTION))
    parameters = kinds.count(PARAMETER) + kinds.count(PARAMETERS)
    known = all(STATES <= kind <= FUNCTION for kind in kinds) and not {SCALE, SCALES} <= set(kinds)
    wanted = OWN_PARAMETERS.get(fields["neuron"], 0) + PARAMETERS_OF.get(fields["activation"], 0)
    if not once or not known or parameters != wanted:
        yield Fault("extensions", f"{population}: {kinds}")
    if population.extensions["reserved"].any() or any(flag > 1 for flag in population.said(FIRING)):
        yield Fault("field", f"{population}: an extension word")
    further = population.said(FUNCTION)
    if further and (fields["activation"] or further[0] not in FURTHER or population.is_input):
        yield Fault("field", f"{population}: its activation function")
    if population.is_input and (
        fields["bias"] or fields["activation"] or {STATES, INITIAL, SCALE} & {*kinds}
    ):
        yield Fault("extensions", f"{population}: an input that computes")
    if CHANGES in kinds and not population.is_input:
        yield Fault("extensions", f"{population}: no input, and it says that its input sends changes")


FORM = "code", "number_bits", "exponent_bits", "subnormals"


def is_format(code: int, n: int, e: int, subnormals: int) -> bool:
    """Whether a weight format is one of the manual's."""
    if code < 4 or code == 6:
        return (n, e, subnormals) == (0, 0, 0)
    if code == 4:
        return 2 <= n <= 7 and (e, subnormals) == (0, 0)
    return code == 5 and 3 <= n <= 8 and 1 <= e <= min(3, n - 1)


def wire_limits(picture: Picture, wire: Wire) -> Iterator[Fault]:
    """An axon's reach and offsets, and that its kernels are what it takes them for."""
    axon, target = wire.axon, wire.target
    where = f"{wire.source}, axon to {target}"
    for name in ("core_x", "core_y"):
        if not picture.limit("reach_min") <= axon[name] <= picture.limit("reach_max"):
            yield Fault("reach", f"{where}: {name} = {axon[name]}")
    for name in ("x_off", "y_off"):
        if not picture.limit("offset_min") <= axon[name] <= picture.limit("offset_max"):
            yield Fault("offset", f"{where}: {name} = {axon[name]}")
    real = wire.kernels["code"] != 0
    kernels = {name: values[real] for name, values in wire.kernels.items()}
    stride = 2 ** kernels["sl"]
    numbers = {
        "channel_offset_max": axon["c_off"],
        "upsampling_max": 2 ** axon["us"],
        "kernel_max": max(axon["kw"], axon["kh"]),
        "stride_max": int(stride.max(initial=1)),
    }
    yield from _above(picture, numbers, where)
    named = zip(*(kernels[name].tolist() for name in FORM), strict=True)
    skips = wire.pairs.size and wire.kernels["skips"].any()
    if not all(is_format(*form) for form in named) or skips or (kernels["lists"] > kernels["skips"]).any():
        yield Fault("field", f"{where}: a kernel descriptor")
    if (kernels["kw"] != axon["kw"]).any() or (kernels["kh"] != axon["kh"]).any():
        yield Fault("kernel", f"{where}: a kernel of another size than {axon['kw']} x {axon['kh']}")
    if (kernels["first"] + kernels["kd"] > target.depth).any():
        yield Fault("kernel", f"{where}: a kernel beyond channel {target.depth - 1}")
    for name, size in (("width", target.width), ("height", target.height)):
        if (-(-size * stride // 8) != axon[name]).any():
            yield Fault("hit", f"{where}: {name} = {axon[name]} eights for {size} neurons")


def _above(picture: Picture, numbers: Mapping[str, int], where: str) -> Iterator[Fault]:
    for name, value in numbers.items():
        if value > picture.limit(name):
            yield Fault(name, f"{where}: {value}")


def tensor_pieces(picture: Picture) -> Iterator[Fault]:
    """What names neurons: boxes inside their populations, elements inside their tensors, none twice."""
    fed: dict[tuple[int, int], list[str]] = {}
    for tensor in picture.tensors:
        named = [np.zeros(0, dtype=np.int64)]
        for core, address, c0, y0, x0, depth, height, width, base, *steps in tensor["pieces"]:
            population = picture.populations.get((core, address))
            if population is None:
                yield Fault("tensor", f"{tensor['name']}: no population {address} in core {core}")
                continue
            ends = c0 + depth, y0 + height, x0 + width
            sizes = population.depth, population.height, population.width
            if min(c0, y0, x0) < 0 or any(end > size for end, size in zip(ends, sizes, strict=True)):
                yield Fault("tensor", f"{tensor['name']}: a box beyond {population}")
            if tensor["kind"] == "input":
                if not population.is_input:
                    yield Fault("tensor", f"{tensor['name']} feeds {population}, which is no input")
                fed.setdefault((core, address), []).append(tensor["name"])
            grid = np.indices((depth, height, width)).reshape(3, -1)
            named.append(base + np.array(steps) @ grid)
        elements = np.concatenate(named)
        if elements.size and (elements.min() < 0 or elements.max() >= np.prod(tensor["shape"])):
            yield Fault("tensor", f"{tensor['name']}: an element beyond it")
        if tensor["kind"] != "input" and len(np.unique(elements)) != len(elements):
            yield Fault("tensor", f"{tensor['name']}: an element is two neurons'")


def coverage(picture: Picture) -> Iterator[Fault]:
    """Every population is one fragment of one layer; a layer's fragments are its neurons, each once."""
    listed: list[tuple[int, int]] = []
    for layer in picture.info["layers"]:
        listed += [(core, address) for core, address, *_ in layer["fragments"]]
        groups: list[list[list[int]]] = []
        for fragment in layer["fragments"]:
            if not any(fragment[2:]):  # the first corner of a feature map: of a helper's, at last the layer's
                groups.append([])
            if not groups:
                yield Fault("coverage", f"{layer['name']}: no fragment begins at its first neuron")
                return
            groups[-1].append(fragment)
        for group in groups:
            shape = layer["shape"] if group is groups[-1] else None
            yield from _tiled(picture, layer["name"], group, shape)
    if sorted(listed) != sorted(picture.populations):
        yield Fault("coverage", "the populations are not the fragments of all layers")


def _tiled(
    picture: Picture, name: str, group: Sequence[Sequence[int]], shape: Sequence[int] | None
) -> Iterator[Fault]:
    """Whether boxes fill a feature map without a gap and without an overlap; its shape, where it is known."""
    boxes = []
    for core, address, *corner in group:
        population = picture.populations.get((core, address))
        if population is None:
            yield Fault("coverage", f"{name}: no population {address} in core {core}")
            return
        sizes = population.depth, population.height, population.width
        boxes.append([(start, start + size) for start, size in zip(corner, sizes, strict=True)])
    whole = shape or [max(box[axis][1] for box in boxes) for axis in range(3)]
    owners = np.zeros(whole, dtype=np.int8)
    for (c0, c1), (y0, y1), (x0, x1) in boxes:
        if c1 > whole[0] or y1 > whole[1] or x1 > whole[2]:
            yield Fault("coverage", f"{name}: a fragment beyond its {whole}")
        owners[c0:c1, y0:y1, x0:x1] += 1
    if (owners != 1).any():
        c, y, x = np.argwhere(owners != 1)[0].tolist()
        yield Fault("coverage", f"{name}: neuron ({c}, {y}, {x}) is in {owners[c, y, x]} fragments")
