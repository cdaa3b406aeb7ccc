"""The prose of docs/image.md. `manual` puts the tables in, which come from the declarations."""

FILE = """\
# The memory image

<!-- Generated from the declarations in backends/: change those, or the prose in backends/manual_text.py and
     backends/manual_reasons.py, and run `make bless`. -->

`snc compile` writes one file. It holds the memory of every core of the chip, the order in which
populations fire, and the names of what goes in and comes out. This page says everything that a decoder
or a simulator needs; the reasons stand at its end. Where it says "the paper", it means Bamberg et al.,
*Synapse Compression for Event-Based Convolutional-Neural-Network Accelerators*, arXiv 2112.07019;
algorithm and equation numbers are that paper's.

Words used here: the chip is a mesh of *cores*, each with a memory of 64-bit *words*. A *population* is
a block of neurons of shape depth D x height H x width W that lies in one core; the coordinates of a
neuron are (c, y, x). An *axon* sends the events of one population to one other; the PEG makes events
from axons, the ESU makes synapses from events.

## 1. The file

All integers are little-endian and unsigned unless it is said otherwise. Sizes and offsets are in bytes.

| offset | size | content |
| --- | --- | --- |
| 0 | 8 | the ASCII letters `$magic` |
| 8 | 4 | version: $version |
| 12 | 4 | n, the number of sections |
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
| `INFO` | one | JSON: where the image comes from; nothing that runs it needs this |
| `TENS` | one | JSON: the tensors that name neurons |
| `ORDR` | one | `Step` words, 8 bytes each: the firing order |
| `CORE` | one for each core in use, index 0, 1, 2 .. | the core's memory |
| `HSTB` | none or one | an ONNX model that runs before the chip |
| `HSTA` | none or one | an ONNX model that runs after the chip |

A `CORE` payload: x (2 bytes) and y (2 bytes), the core's place on the mesh; the number of words (4
bytes); the words, 8 bytes each, from address 0. No two cores have one place. Words beyond those in the
file do not exist.

### JSON sections

UTF-8, at most $plain_max bytes, in one spelling only: keys sorted, no spaces, only the escapes that
JSON demands, no number with more than $digits_max characters. Integers are within plus and minus 2^53,
without fraction or exponent. Numbers marked float are finite, have a fraction or an exponent, and are
the shortest decimal that reads back as the same double, spelt as Python's `repr` does. A reader may
rely on this; ours refuses anything else.

`TARG` is an object:

$chip_table

`TENS` is an array of objects:

$tensor_table

Each piece is an array of $piece_size integers, in this order:

$piece_table

The element types are

$dtypes

Neuron (c0 + c, y0 + y, x0 + x) of the population is element `base + c * step_c + y * step_y + x *
step_x` of the tensor, flat in row-major order, for 0 <= c < depth, 0 <= y < height, 0 <= x < width.
Steps may be negative or zero. All neurons named lie in the population, all elements in the tensor; a
tensor has at most $elements_max elements and $rank_max axes. Names are unique among tensors of one
kind.

`INFO` is an object:

$about_table

`solver` is an object:

$solver_table

Each layer is an object:

$layer_table

Each fragment is an array of integers, in this order:

$fragment_table
"""

MEMORY = """\
## 2. The memory of a core

A core has at most `core_words` words; an address is a word's number, 15 bits at most. Words that hold
numbers hold them side by side, the first in the lowest bits; what is left of the last word is zero.
Nothing but the ports has a fixed place, and no word says of itself what it is: everything is found by
following pointers.

- **Ports** are the words at addresses 0, 1, 2 ..: an event's ID_p is the address of its port. There are
  at most $ports of them. How many there are is not stored: our images have the population descriptors
  behind them, so the smallest descriptor address among a core's steps is their number.
- **Population descriptors** are found through ports, through the steps of the firing order and through
  pieces.
- **Blocks** are found through population descriptors (`start`).
- **Kernel descriptors** are found through a port's `table` and the event's channel; in strided tables, so
  are **strides**, one behind each kernel descriptor.
- **Weights** are found through kernel descriptors (`address`), **exponents** through strides (`exponents`).

Several ports may share kernel descriptors, and several kernel descriptors weights.

### Fields

Bit 0 is the lowest. *Signed* fields are in two's complement. *Stored minus one*: the bits hold the
value less 1. float32 is IEEE 754 and never a NaN. A reserved bit that is set, or a code that no table
below names, makes a word invalid.

$words

### Codes

$activations

$neurons

$biases

$extensions

$updates

$weights

$orders

### A population's block

The block begins at the descriptor's `start`. Its parts follow each other without a gap:

1. `extensions` extension words. `STATES`, `FIRING`, `INITIAL` and `SCALE` are there at most once each,
   and there are as many `PARAMETER` and `PARAMETERS` words as the activation function has parameters, or
   none where it has none. Order matters only among these. The numbers that a `PARAMETERS` word points to
   lie outside the block, side by side like weights, in the order of channels.
2. Bias words: D numbers, in the order of channels. None where `bias` is `NONE`.
3. `axons` axons.
4. The states, unless a `STATES` word gives their address. Populations of neuron type `INPUT` have no
   states.

There is one state of 16 bits for each neuron. The state of neuron (c, y, x) is number (y * W + x) * D +
c, so ceil(D * H * W / 4) words hold them. The file holds zeros there, which mean nothing: a step sets
the states before they are used. Populations may share words for their states, where the firing order
keeps them apart in time.

### Weights

A kernel descriptor whose code is not `NULL` has KW * KH * KD weights, side by side from `address` on.
The weight of column dx, row dy and the i-th of the KD channels is number (dx * KH + dy) * KD + i. Its
value is the number times 2^exponent, rounded to float32. Columns and rows are those of the broadcast
kernel: of a convolution, the kernel turned by half a turn (paper, 4.1).

### Strided tables

Only where `strided_tables` of the target is 1 is a port's `strides` other than 0. Its table then has no
word for each channel, but `strides` pairs of words from address `table` on: a kernel descriptor, and a
stride behind it. A channel belongs to the first pair with begin <= channel < begin + count. Its kernel has
the fields of the pair's kernel descriptor, but for these:

- `first` is the descriptor's first + (channel - begin) * step.
- The weights begin at byte 8 * address + (channel - begin) * stride of the core's memory, byte 0 being the
  lowest of word 0. They lie side by side, and need not begin at a whole word.
- `exponent` is the descriptor's where `exponents` is 0. Where it is not, it is the signed byte at byte
  8 * exponents + (channel - begin).

A channel that belongs to no pair has the null kernel.
"""

RUN = """\
## 3. How a frame runs

The steps of `ORDR` are taken one after the other, for each frame all of them. `state`, `value` and the
rest belong to the population that the step names.

    for step in ORDR:
        RESET: for every neuron: state[c, y, x] = the bias of channel c, where there are bias words,
                                                  else the number of the INITIAL word, else 0
        FIRE:  for every neuron: value[c, y, x] = activation(scale * state[c, y, x])
               for c in 0 .. D-1:                          # channels outermost
                   for y in 0 .. H-1:
                       for x in 0 .. W-1:
                           if value[c, y, x] != 0 or fires_on_zero:
                               for axon in axons:          # in the order of their addresses
                                   peg(axon, c, y, x, value[c, y, x])

- In a population of neuron type `INPUT` the value of a neuron is the element of an input tensor that a
  piece gives to it, and 0 where none does. It has no RESET step, no bias words, and neither scale nor
  activation function.
- `scale` is the number of the `SCALE` word, or 1. `fires_on_zero`: there is a `FIRING` word with
  `address` 1.
- All values are computed before the first event is sent. Minus zero is zero. A value, once computed,
  stays until the population's next FIRE step; outputs are read from it.
- An event is worked off completely before the next one is made. So the order of all updates is known,
  and two simulators agree to the last bit where their arithmetic does.
- A population fires once in a frame, behind the last FIRE step of a population with an axon to it; its
  RESET stands before the first of these.

### The event generator (PEG, Algorithm 5)

    peg(axon, c, y, x, v), in the core at (X, Y) of the mesh:
        x_min = x * 2^us + x_off;    x_max = x_min + kw
        y_min = y * 2^us + y_off;    y_max = y_min + kh
        if x_min < 8 * width and x_max > 0 and y_min < 8 * height and y_max > 0:
            esu(port, x_min, y_min, c + c_off, v), in the core at (X + core_x, Y + core_y)

x_min and y_min may be negative. Width and height here are the axon's fields.

### The event decoder (ESU, Algorithm 4)

    esu(p, x_min, y_min, c, v):
        port   = the port word at address p
        target = the population descriptor at port.population
        kernel = the kernel descriptor at (port.table + c) mod 2^15,
                 or, where port.strides is not 0, what the strided table says of channel c
        if kernel.code is NULL: return
        for dx in 0 .. kw-1:
            X = x_min + dx
            skip this dx unless 0 <= X < target.width * 2^sl and X mod 2^sl = 0
            for dy in 0 .. kh-1:
                Y = y_min + dy
                skip this dy unless 0 <= Y < target.height * 2^sl and Y mod 2^sl = 0
                for i in 0 .. kd-1:
                    w = weight (dx, dy, i) of the kernel
                    update(state[first + i, Y / 2^sl, X / 2^sl] of target, w, v)

kw, kh, kd, sl and first are the kernel descriptor's; `update` is the port's, as in the table above.
With any update but `ADD`, a weight whose number is zero is no synapse: the state stays as it is.

An example. A row of 5 neurons feeds a row of 3 through a kernel of width 3, stride 2, one neuron of
padding. Equation 12 gives x_off = (0 * 2^0) - 3 + 1 + 1 - (0 * 2^1) = -1. When neuron 3 fires, x_min =
2, and dx = 0, 1, 2 stand at X = 2, 3, 4 of 6: neuron 1 gets weight column 0, X = 3 is odd and skipped,
neuron 2 gets column 2. In the convolution's own terms: output 1 sees input 3 through its last tap,
output 2 through its first.

### Arithmetic

There are two modes; the image is the same. fl64, fl32 and fl16 round to the nearest float64, float32 and
float16, ties to even, with subnormal numbers and infinities.

| | float32 (default) | chip |
| --- | --- | --- |
| first state s | bias or INITIAL number, as float32 | fl16 of it |
| input value v | fl32 of the element | fl16 of the element |
| other value v | activation(fl32(scale * fl32(s))) in float32 | fl16 of the same |
| product p | fl32(w * v) | fl32(w * v) |
| ADD | fl64(s + p) | fl16(fl32(s + p)) |
| MULTIPLY | fl64(s * p) | fl16(fl32(s * p)) |
| MAXIMUM, MINIMUM | the larger, the smaller of s and p | fl16 of the larger, the smaller |

In float32 mode states are wider than the memory set aside for them: they gather float32 products in
float64 and are rounded once, when the neuron fires. So the order of additions does not show: another
order, or a fused multiply-add, is well within the tolerance of 1e-5 of an output's peak, and so are
states of float32 in all but the deepest networks. In chip mode both are binding. Activation functions
are computed in float32; exp and tanh may be a few units of the last place
off. Within one event the order is free: no neuron is updated twice.

### Counters

| counter | counts |
| --- | --- |
| events | calls of esu |
| empty events | events that touch no neuron: the kernel is `NULL`, or every (dx, dy) is skipped |
| synaptic operations | updates of a state; weights of zero count with `ADD` and are none with the others |
| hops | the sum of abs(core_x) + abs(core_y) over events |

### Inputs and outputs

Tensors of kind `input` are what the chip is fed with: the value of a neuron is the element that a piece
gives it. Tensors of kind `output` are what it computes, tensors of kind `layer` what a layer computes,
found in the same way: an element is the value of the neuron that a piece names, a neuron of type
`INPUT` included, and 0 where no piece names it. Elements are cast to the tensor's dtype as C does,
towards zero for integers.

`HSTB` and `HSTA` are ONNX models for what the chip does not compute; tensors are joined by their names.
The outputs of `HSTB` are inputs of the chip, and its own inputs, with the chip inputs that it does not
make, are the network's inputs. The inputs of `HSTA` are outputs of the chip (where it needs an input of
the network, the chip has an output that names the neurons of that input), and its outputs, with the
chip outputs that it does not read, are the network's outputs.

### What makes an image invalid

Besides a damaged file: a pointer, or a block, states or weights, that reach beyond the core's words; a
step or a piece that names no population descriptor; an axon to a place without a core, or to a port
that is none; a kernel descriptor that some axon selects and whose KW or KH are not the axon's (`NULL`
excepted), or whose first + KD is more than the target's depth (in a strided table, of the channels that
some axon selects); a strided table on a target that has none; an extension word too many or too few; a
`FIRING` flag other than 0 and 1; a number in `TARG` beyond its limits. A decoder should find all of
these before the first frame.
"""
