"""docs/image.md: the declarations as tables, and the prose around them. A test compares the file."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from enum import IntEnum
from inspect import getdoc
from string import Template
from textwrap import fill, indent
from typing import get_args

from ...ir.chip import Chip
from ...ir.crossbar.chip import CrossbarChip
from ...ir.firing.learning import (
    NOISE_DROPPED,
    NOISE_FACTOR,
    NOISE_MODULUS,
    NOISE_PARTS,
    NOISE_TERM,
    Rounding,
)
from ...ir.storage.weights import FORMATS, Codec
from ..crossbar.image import CrossbarAbout, CrossbarLayer
from ..image import container, faults, plain
from ..image.image import About, Addend, ImageFragment, ImageLayer, ImagePiece, ImageTensor, Solver
from ..machine.learning.decode import EXPONENT_MAX
from ..words.bits import Field, Word, label
from ..words.codes import ACTIVATIONS, NEURONS, NO_SYNAPSE, UPDATES, WEIGHTS
from ..words.limits import CORES, LIMITS, PORTS
from ..words.text import fields_text
from ..words.words import CORE_WORDS, LEARNING_WORDS, Axon, BiasFormat, ExtensionKind, Order, Step
from . import crossbars
from .arithmetic import ARITHMETIC
from .example import EXAMPLE, example
from .file import FILE
from .hardware import HARDWARE, wires
from .learning import LEARNING
from .meanings import CODES
from .meanings import EXAMPLES as OF_CORES
from .meanings import MEANINGS as SAID_OF_CORES
from .reasons import REASONS
from .text import BEHIND, MEMORY, RUN
from .tiny_crossbars import COUNTS, frame_rows, word_rows

EXAMPLES: dict[type[Word], Word] = OF_CORES | crossbars.EXAMPLES
MEANINGS: dict[type, dict[str, str]] = {**SAID_OF_CORES, **crossbars.MEANINGS}
CODE, WIDTH = "    ", 110  # before the lines of an example, and their length
JSON_TYPES = {int: "integer", float: "float", str: "string", Solver: "object"}


def manual() -> str:
    """The whole of docs/image.md."""
    facts = {
        "magic": container.MAGIC.decode(),
        "version": container.VERSION,
        "sections_max": container.FORM.sections_max,
        "head": container.HEAD.size,
        "row": container.ROW.size,
        "alignment": container.ALIGNMENT,
        "plain_max": container.PLAIN_MAX,
        "digits_max": plain.DIGITS_MAX,
        "elements_max": faults.ELEMENTS_MAX,
        "rank_max": faults.RANK_MAX,
        "dtypes": " ".join(f"`{name}`" for name in faults.DTYPES),
        "ports": PORTS,
        "cores_max": CORES,
        "axon_widths": " + ".join(str(field.width) for field in Axon.FIELDS),
        "chip_table": _chip_table(),
        "tensor_table": _members_table(ImageTensor),
        "piece_table": _members_table(ImagePiece),
        "piece_size": len(fields(ImagePiece)),
        "about_table": _members_table(About),
        "solver_table": _members_table(Solver),
        "addend_table": _members_table(Addend),
        "layer_table": _members_table(ImageLayer),
        "fragment_table": _members_table(ImageFragment),
        "words": "\n\n".join(_word_section(cls) for cls in (*CORE_WORDS, Step, *LEARNING_WORDS)),
        "activations": _activation_table(),
        "neurons": _neuron_table(),
        "rules": _rules(),
        "exact": ", ".join(f"`{label(model)}`" for model in NEURONS if model.is_exact),
        "single": ", ".join(f"`{label(model)}`" for model in NEURONS if model.is_single),
        "biases": _code_table(BiasFormat, "what the block holds"),
        "extensions": _code_table(ExtensionKind, "what it says"),
        "orders": _code_table(Order, "what happens"),
        "roundings": _code_table(Rounding, "what becomes of a part of a number"),
        "factor": NOISE_FACTOR,
        "term": NOISE_TERM,
        "modulus": f"2^{NOISE_MODULUS.bit_length() - 1}",
        "dropped": f"2^{NOISE_DROPPED.bit_length() - 1}",
        "exponents": f"0 to {EXPONENT_MAX}",
        "parts": f"2^{NOISE_PARTS.bit_length() - 1}",
        "updates": _table(
            (UPDATES.title, "name", "what the state becomes"),
            [(number, f"`{label(update)}`", update.value) for update, number in UPDATES.numbers.items()],
        ),
        "weights": _weight_table(),
        "wires": _table(("field", "bits", "values", "meaning"), wires()),
        **example(),
        **crossbars.facts(),
        "crossbar_chip_table": _members_table(CrossbarChip),
        "crossbar_about_table": _members_table(CrossbarAbout),
        "crossbar_layer_table": _members_table(CrossbarLayer),
        "crossbar_words": "\n\n".join(_word_section(cls) for cls in crossbars.WORDS),
        "tiny_crossbar_words": _table(("where", "number", "word", "what", "says"), word_rows()),
        "tiny_crossbar_frames": _table(("x", "y", "z", *COUNTS), frame_rows()),
        "wire_bits": sum(bits for _, bits, _, _ in wires()),
    }
    run = RUN, ARITHMETIC, LEARNING, BEHIND
    parts = (FILE, MEMORY, *run, HARDWARE, EXAMPLE, REASONS, crossbars.CROSSBARS)
    return "\n".join(Template(part).substitute(facts) for part in parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _word_section(cls: type[Word]) -> str:
    """A word's own words, its fields from bit 0 upwards, and an example."""
    rows = [
        (
            f"{field.shift}" if field.width == 1 else f"{field.shift} to {field.last}",
            "" if field.is_padding else f"`{field.name}`",
            _values(field),
            "reserved" if field.is_padding else field.doc,
        )
        for field in cls.FIELDS
    ]
    example = EXAMPLES[cls]
    return "\n\n".join(
        [
            f"#### {cls.__name__}",
            getdoc(cls) or "",
            _table(("bits", "field", "values", "meaning"), rows),
            f"For example, 0x{example.encode():016X} is\n\n{indent(fill(fields_text(example), WIDTH), CODE)}",
        ]
    )


def _values(field: Field) -> str:
    """What a field holds, and how."""
    if field.is_float:
        return "float32"
    if field.is_padding:
        return "0"
    if field.codes is not None:
        return f"a code of {field.codes.title}"
    span = f"{field.minimum} to {field.maximum}"
    if field.minus_one:
        return f"{span}, stored minus one"
    return f"{span}, signed" if field.signed else span


def _code_table(codes: type[IntEnum], meaning: str) -> str:
    rows = [(code.value, f"`{code.name}`", CODES[codes][code]) for code in codes]
    return _table((codes.__name__, "name", meaning), rows)


def _activation_table() -> str:
    rows = [
        (
            number,
            f"`{label(each)}`",
            ", ".join(each.parameters) or "none",
            each.formula,
            _effort(each.formula),
        )
        for each, number in ACTIVATIONS.numbers.items()
    ]
    head = ACTIVATIONS.title, "name", "parameters, in order", "value, with s = scale * state", "in chip mode"
    return _table(head, rows)


def _effort(formula: str) -> str:
    """What a chip needs for a formula."""
    if any(name in formula for name in ("exp", "tan", "log", "erf", "sin", "cos", "^", "SOFTPLUS")):
        return "within a unit"
    return "exact" if "/" in formula or "sqrt" in formula else "exact, minimal"


def _neuron_table() -> str:
    rows = [
        (
            number,
            f"`{label(model)}`",
            ", ".join(f"{s.name} ({s.bits} bits, {s.lifetime.value})" for s in model.states) or "none",
            ", ".join(f"`{label(update)}`" for update in UPDATES if update in model.updates) or "none",
            ", ".join(model.parameters) or "none",
            model.text,
        )
        for model, number in NEURONS.numbers.items()
    ]
    head = NEURONS.title, "name", "states", "updates", "parameters of its own", "what its neurons do"
    return _table(head, rows)


def _rules() -> str:
    """What the neurons of each type do, as indented lines."""
    found = [
        "\n".join([f"`{label(model)}`:", "", *(f"    {line}" for line in model.rule.splitlines()), ""])
        for model in NEURONS
        if model.rule
    ]
    return "\n".join(found)


def _weight_table() -> str:
    rows: list[tuple[object, ...]] = []
    for name, number in WEIGHTS.numbers.items():
        if name == NO_SYNAPSE:
            rows.append((number, f"`{label(name)}`", "", "none: no synapse", "", ""))
            continue
        alike: dict[str, list[Codec]] = {}
        for codec in FORMATS.values():
            if codec.kind == name:
                alike.setdefault(codec.text, []).append(codec)
        for text, codecs in alike.items():
            bits = "n" if any(codecs[0].form) else codecs[0].bits
            rows.append((number, f"`{label(name)}`", bits, text, codecs[0].scale.value, _forms(codecs)))
    return _table((WEIGHTS.title, "name", "bits each", "number", "scale from our writer", "forms"), rows)


def _forms(codecs: Sequence[Codec]) -> str:
    """Which forms there are of a code."""
    forms = [codec.form for codec in codecs if any(codec.form)]
    if not forms:
        return "all 0"
    if not any(form.exponent_bits for form in forms):
        return f"n = {', '.join(str(form.number_bits) for form in forms)}; the others 0"
    pairs = ", ".join(f"{form.number_bits}/{form.exponent_bits}" for form in forms)
    return f"n/e = {pairs}; `subnormals` {forms[0].subnormals}"


def _chip_table() -> str:
    rows = []
    for field in fields(Chip):
        limits = "{} to {}".format(*LIMITS[field.name]) if field.name in LIMITS else ""
        rows.append((f"`{field.name}`", _json_type(Chip, field.name), limits, MEANINGS[Chip][field.name]))
    return _table(("key", "type", "limits", "meaning"), rows)


def _members_table(cls: type) -> str:
    names = [field.name for field in fields(cls)]
    rows = [(f"`{name}`", _json_type(cls, name), MEANINGS[cls][name]) for name in names]
    return _table(("key", "type", "meaning"), rows)


def _json_type(cls: type, name: str) -> str:
    """What JSON has for a field of a dataclass."""
    kind = plain.members(cls)[name]
    if kind in JSON_TYPES:
        return JSON_TYPES[kind]
    items = get_args(kind)
    inner = "array" if items[0] in container.ROWS else JSON_TYPES.get(items[0], "object")
    return f"array of {inner}s" if items[-1] is Ellipsis else f"array of {len(items)} {inner}s"
