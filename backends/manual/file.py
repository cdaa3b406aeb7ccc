"""The head of docs/image.md and its first part, the file. `manual` puts the tables in."""

FILE = """\
# The memory image

<!-- Generated from the declarations in backends/: change those, or the prose in backends/manual/,
     file.py, text.py, learning.py, hardware.py, example.py, crossbars.py and reasons.py, and run
     `make bless`. -->

`snc compile` writes one file. It holds the memory of every core of the chip, the order in which
populations fire, and the names of what goes in and comes out. This page says everything that a decoder
or a simulator needs, with one complete file in section 5 and the reasons in section 6; section 7 is about
images for chips of crossbars. Where it says "the paper", it means Bamberg et al.,
*Synapse Compression for Event-Based Convolutional-Neural-Network Accelerators*, arXiv 2112.07019;
algorithm and equation numbers are that paper's.

Words used here: the chip is a mesh of *cores*, each with a memory of 64-bit *words*. A *population* is
a block of neurons of shape depth D x height H x width W that lies in one core; the coordinates of a
neuron are (c, y, x). An *axon* sends the events of one population to one other; the PEG makes events
from axons, the ESU makes synapses from events. Where cores are too far apart for an axon, a *relay*
stands between them: an ordinary population, with weights of one.

## 1. The file

All integers are little-endian and unsigned unless it is said otherwise. Sizes and offsets are in bytes.

| offset | size | content |
| --- | --- | --- |
| 0 | 8 | the ASCII letters `$magic` |
| 8 | 4 | version: $version; a file of any other version is refused |
| 12 | 4 | n, the number of sections, at most $sections_max |
| $head | $row n | the section table, a row of $row bytes for each section |
| $head + $row n | 4 | CRC-32 of all bytes before this one |
| | 0 to 7 | zero bytes up to the next multiple of $alignment |
| | | the payloads |

A row of the section table:

| offset | size | content |
| --- | --- | --- |
| 0 | 4 | kind, four ASCII letters |
| 4 | 4 | index: of a CORE section the core's index, otherwise 0 |
| 8 | 8 | offset of the payload in the file |
| 16 | 8 | length of the payload |
| 24 | 4 | CRC-32 of the payload |
| 28 | 4 | zero |

Payloads lie in the order of the table. Each begins at the first multiple of $alignment at or behind the
end of what is before it; the bytes between are zero. The file ends with the last payload. CRC-32 is
that of zlib, gzip and PNG (polynomial 0xEDB88320 reflected, all ones before and after): of the nine
digits `123456789` it is 0xCBF43926.

The sections, in this order:

| kind | how many | payload |
| --- | --- | --- |
| `TARG` | one | JSON: the target chip |
| `INFO` | one | JSON: where the image comes from; what runs it needs its `dynamics` alone |
| `TENS` | one | JSON: the tensors that name neurons |
| `ORDR` | one | `Step` words, 8 bytes each: the firing order |
| `CORE` | one for each core in use, index 0, 1, 2 .. | the core's memory |
| `HSTB` | none or one | an ONNX model that runs before the chip |
| `HSTA` | none or one | an ONNX model that runs after the chip |
| `BIAS` | none or one | JSON: what was added to the model's biases; nothing that runs it needs this |
| `LERN` | none or one | words, 8 bytes each: rules by which weights change in a run that learns |

A `CORE` payload: x (2 bytes) and y (2 bytes), the core's place on the mesh; the number of words (4
bytes); the words, 8 bytes each, from address 0. No two cores have one place. Words beyond those in the
file do not exist. Any other kind of section, and any other order, makes a file invalid. There may be no
core at all, and no step (`ORDR` of length 0): such an image computes nothing. Before it believes n, a
reader should compare it with its limit and with the size of the file.

`HSTB` and `HSTA` are ONNX `ModelProto` messages, whole: operators of ONNX's own domain alone, at one
opset (the model's), IR version 8 or, from opset 19 on, 10, inputs and outputs with their shapes, all
constants inside as initializers, none of which is an input, and nothing in other files.

### JSON sections

UTF-8, at most $plain_max bytes, in one spelling only. Objects have exactly the keys listed here, those
of `INFO` too, sorted by code point. There are no spaces, and no number has more than $digits_max
characters. Integers are within plus and minus 2^53, without fraction or exponent. Numbers marked float
are finite, have a fraction or an exponent, and are the shortest decimal that reads back as the same
double, spelt as Python's `repr` does. In strings, seven characters are escaped as `\\"`, `\\\\`, `\\b`,
`\\f`, `\\n`, `\\r` and `\\t`, the others below U+0020 as `\\u00xx` with hexadecimal digits in lower case;
all else stands as it is. A reader may rely on this; ours refuses anything else. Nobody who only fills the
cores' memories needs these sections: their places and lengths stand in the section table.

`TARG` is an object:

$chip_table

`mesh` and `chip_mesh` are at least 1 each way, and at most $cores_max cores. Three of these numbers bind
a reader: all cores stand on the `mesh`, none has more than `core_words` words, and no port has more than
`strided_tables` pairs. The others are what a compiler keeps to; a reader need not hold the words against
them, and ours does not.

`TENS` is an array of objects:

$tensor_table

Each piece is an array of $piece_size integers, in this order:

$piece_table

The element types are

$dtypes

They are those of the image's interface, which may differ from the model's: our compiler computes models
in half and double precision in float32, and writes `float32` for their tensors. So `float16` and
`float64` stand in no image of ours; a reader takes them all the same. `layer` of a tensor that is an
input or an output is "", or the image is invalid.

Neuron (c0 + c, y0 + y, x0 + x) of the population is element `base + c * step_c + y * step_y + x *
step_x` of the tensor, flat in row-major order, for 0 <= c < depth, 0 <= y < height, 0 <= x < width.
Depth, height and width are at least 1; steps may be negative or zero. All neurons named lie in the
population, all elements in the tensor; a tensor has at most $elements_max elements and $rank_max axes.
Names are unique among tensors of one kind. Where two pieces give one neuron an element, or give one
element of an output or a layer a neuron, the later piece counts, in the order of the file. Within one
piece of an output or a layer each neuron has an element of its own; our reader does not check this.

`INFO` is an object:

$about_table

`solver` is an object:

$solver_table

Each layer is an object:

$layer_table

Each fragment is an array of integers, in this order:

$fragment_table

`BIAS` is an array with an element at least, each an object:

$addend_table
"""
