"""rtl/words.sv: where every field of a word lies, and what every code means, from the declarations."""

from collections.abc import Iterator

from ..words.bits import WORD_BITS, Word, label
from ..words.words import CORE_WORDS, Extension, Kernel, Population, Port, Step

HEAD = """\
// The words of an image: where their fields lie, and what codes mean (docs/image.md, section 2).
// Generated from backends/words/words.py: change that, and run `make bless`.
//
// word[words::PORT_TABLE_LSB +: words::PORT_TABLE_BITS] is the field `table` of a port word.
// Fields marked "minus one" hold their value less 1.

package words;
"""

# What codes are called in Verilog, and the field in which they stand.
CODED: tuple[tuple[str, type[Word], str], ...] = (
    ("UPDATE", Port, "update"),
    ("NEURON", Population, "neuron"),
    ("ACTIVATION", Population, "activation"),
    ("BIAS", Population, "bias"),
    ("EXTENSION", Extension, "kind"),
    ("WEIGHT", Kernel, "code"),
    ("ORDER", Step, "order"),
)


def words_package() -> str:
    """The text of rtl/words.sv."""
    lines = [HEAD.rstrip("\n"), f"    localparam integer WORD_BITS = {WORD_BITS};"]
    declared: tuple[type[Word], ...] = (*CORE_WORDS, Step)
    for word in declared:
        lines += ["", *_fields(word)]
    for name, word, coded in CODED:
        field = word.field(coded)
        codes = field.codes
        assert codes is not None
        lines += ["", f"    // {codes.title}"]
        lines += [
            f"    localparam [{field.width - 1}:0] {name}_{label(thing)} = {field.width}'d{number};"
            for thing, number in codes.numbers.items()
        ]
    return "\n".join([*lines, "", "endpackage", ""])


def _fields(word: type[Word]) -> Iterator[str]:
    name = word.__name__
    yield f"    // {name}: {(word.__doc__ or '').splitlines()[0]}"
    for field in word.FIELDS:
        if field.is_padding:
            continue
        marks = [mark for mark, holds in (("signed", field.signed), ("minus one", field.minus_one)) if holds]
        said = f"{', '.join(marks)}: {field.doc}" if marks else field.doc
        symbol = f"{name}_{field.name}".upper()
        yield f"    localparam integer {symbol}_LSB = {field.shift}; // {said}"
        yield f"    localparam integer {symbol}_BITS = {field.width};"
