"""The memory and the run in docs/image.md. `manual` puts the tables in, which come from the declarations."""

MEMORY = """\
## 2. The memory of a core

A core has at most `core_words` words; an address is a word's number, 15 bits at most. Words that hold
numbers hold them side by side, the first in the lowest bits. What is left of the last word is zero from
our writer, and nothing to a reader.
Nothing but the ports has a fixed place, and no word says of itself what it is: everything is found by
following pointers.

- **Ports** are the words at addresses 0, 1, 2 ..: an event's ID_p is the address of its port. Those that
  some axon names must be `Port` words, and lead to populations that have states and steps in the firing
  order, with an update that the neuron type has. **The number of ports** is not stored, for no reader
  needs it: there are at most $ports, and in our images, where the population descriptors stand behind
  them, as many as the smallest descriptor address among a core's steps.
- **Population descriptors** are found through the steps of the firing order; ports and pieces name no
  others.
- **Blocks** are found through population descriptors (`start`).
- **Kernel descriptors** are found through a port's `table` and the event's channel; in strided tables, so
  are **strides**, one behind each kernel descriptor.
- **Weights** are found through kernel descriptors (`address`), **exponents** through strides
  (`exponents`).

Several ports may share kernel descriptors, and several kernel descriptors weights.

### Fields

Bit 0 is the lowest. *Signed* fields are in two's complement. *Stored minus one*: the bits hold the
value less 1. float32 is IEEE 754 and never a NaN. A reserved bit that is set, or a code that no table
below names, makes a word invalid, and with it the image, if the word is *in use*. In use are

- every step; the descriptor that it names; all words of that population's block;
- every port that an axon in use names;
- of a table that is a list, the kernel descriptors of the channels that some axon in use selects, c_off
  to c_off + D - 1 (D of the population that has the axon), those with the code `NULL` too;
- of a strided table, all its pairs and all their exponents, whether a channel selects them or not;
- the weights of all channels that some axon selects and whose code is not `NULL`; the numbers of
  `PARAMETERS`.

No other word of a core says anything, and a reader does not look at it.

$words

### Codes

$activations

$neurons

$biases

$extensions

$updates

$weights

$orders

$roundings

### A population's block

The block begins at the descriptor's `start`. Its parts follow each other without a gap:

1. `extensions` extension words. `STATES`, `FIRING`, `INITIAL`, `SCALE`, `SCALES`, `CHANGES` and `FUNCTION`
   are there at most once each, `SCALE` and `SCALES` not both, and `FUNCTION` where the field `activation`
   is 0. There are as many `PARAMETER` and `PARAMETERS` words as the neuron type has parameters of its own,
   and behind them as many as the activation function has. Order matters only among these. The numbers that
   a `PARAMETERS` or `SCALES` word points to lie outside the block, side by side like weights, in the order
   of channels. Each kind uses `address` or `value`, as the table says; the other one has no meaning.
2. Bias words: D numbers, in the order of channels. None where `bias` is `NONE`. Where there are biases
   and an `INITIAL` word, the biases win.
3. `axons` axons.
4. The states, unless a `STATES` word gives their address. Populations of neuron type `INPUT` have no
   states.

The table of neuron types says which states a neuron has; `STANDARD` has one of 16 bits, `WIDE` one of 32.
The state of neuron (c, y, x) is number (y * W + x) * D + c, so ceil(D * H * W / 4) words hold those of 16
bits, ceil(D * H * W / 2) those of 32. Where
there are several, those of all neurons follow each other, each from a whole word on. Events go into the
first; a RESET step sets the others to 0. The file holds zeros there, which mean nothing: a step sets the
states before they are used. States may lie in words that are not in use, and in those of other
populations' states, where the firing order keeps them apart in time: the RESET of one population stands
behind the FIRE of the other, from one frame to the next too. Anything else makes an image invalid.
"Words" are whole ones here: what is left of a word behind the last bias, weight, exponent or parameter
belongs to these, and to nobody's states.

### Weights

Of a kernel descriptor whose code is `NULL`, no other field has a meaning. Any other one has KW * KH * KD
weights, side by side from `address` on, unless it skips zeros. The weight of column dx, row dy and
the i-th of the KD channels is number (dx * KH + dy) * KD + i. Its value is the number times 2^exponent,
rounded to float32, which must be finite. Columns and rows are those of the broadcast kernel: of a
convolution, the kernel turned by half a turn (paper, 4.1).

A format is what `code`, `number_bits` (n), `exponent_bits` (e) and `subnormals` say together: the column
"forms" lists what these may be, and any other form makes a kernel descriptor in use invalid, of `NULL`
apart. A number of n bits lies anywhere in its word, or in two: number i has bits n * i to n * i + n - 1,
counted from bit 0 of the first word on. A sign of 1 makes a number negative. Those of the code `ADAPTIVE`
are AdaptivFloat, its exponent bias in `exponent`: n/e = 8/2 has 5 bits M, so 0x25 (sign 0, E 1, M 5) is
2 * (1 + 5/32) = 2.3125. With `subnormals` 1, 0x05 (E 0, M 5) is 2 * 5/32 = 0.3125, and with 0 it is
1 + 5/32 = 1.15625. Zero with a sign is zero.

Where `skips` is 1, some of the N = KW * KH * KD weights are stored. What says which they are begins at bit 0
of `address`, and their numbers stand side by side behind it, from the very next bit on, in the same order.
The other weights are no synapses: no update is made for them, whatever the update is. (A stored number
may be zero, too; it is a weight like any other.)

- With `lists` 0 it is a bitmap: a bit for each of the N weights, 1 for those that are stored.
- With `lists` 1 it is a list of absolute synapses: numbers of b bits, side by side, b being the bits of
  N - 1, at least 1. The first is how many weights are stored, less 1; the others are the numbers
  (dx * KH + dy) * KD + i of these weights, each larger than the one before and less than N. Anything else
  makes the kernel descriptor invalid.

`lists` 1 where `skips` is 0 is invalid, and so is 1 for either in a kernel descriptor of a strided table.

An example: of 16 weights of `FIXED8`, exponent 0, number 2 is 5 and number 9 is -1. Then b is 4, and the
list is 1, 2, 9 in bits 0 to 11; 0x05 stands in bits 12 to 19, 0xff in bits 20 to 27: the word is
0x0ff05921.

### Strided tables

A port whose `strides` is not 0 has no word for each channel, but `strides` pairs of words, at most as
many as the target's `strided_tables`, from address `table` on: a kernel descriptor, and a stride behind
it. The pairs lie in the memory, without wrapping at 2^15. A channel belongs to the first pair with begin
<= channel < begin + count. Its kernel has the fields of the pair's kernel descriptor, but for these:

- `first` is the descriptor's first + (channel - begin) * step.
- The weights begin at byte 8 * address + (channel - begin) * stride of the core's memory, byte 0 being the
  lowest of word 0. They lie side by side, and need not begin at a whole word.
- `exponent` is the descriptor's where `exponents` is 0. Where it is not, it is the signed byte at byte
  8 * exponents + (channel - begin).

A channel that belongs to no pair has the null kernel.
"""

RUN = """\
## 3. How a frame runs

The steps of `ORDR` are taken one after the other, for each frame all but those with `once` 1. These stand
first, and are taken before the first frame of a run alone. A step with an `every` other than 0 is taken in
those frames whose number modulo `every` is `phase`; the first frame of a run has the number 0. `state`,
`value` and the rest belong to the population that the step names.

    for step in ORDR:
        RESET: for every neuron: state[c, y, x] = the bias of channel c, where there are bias words,
                                                  else the number of the INITIAL word, else 0
        FIRE:  for every neuron: value[c, y, x], and states that change, by the rule of the neuron type
               for c in 0 .. D-1:                          # channels outermost
                   for y in 0 .. H-1:
                       for x in 0 .. W-1:
                           if value[c, y, x] != 0 or fires_on_zero:
                               for axon in axons:          # in the order of their addresses
                                   peg(axon, c, y, x, value[c, y, x])
               outputs and layers that name neurons of the population take their values

- In a population of neuron type `INPUT` the value of a neuron is the element of an input tensor that a
  piece gives to it, and 0 where none does. An input computes nothing: with a RESET step, bias words, an
  activation function other than `IDENTITY`, or a `STATES`, `INITIAL`, `SCALE` or `SCALES` word it is
  invalid.
- Where an input has a `CHANGES` word, its host keeps what each neuron has sent, 0 before the first frame of a
  run: change = element - sent, in chip mode the element rounded to float16 before and the change behind;
  value = change where abs(change) > the word's number + abs(sent) * 2^-22, else 0; sent = sent + value, in
  chip mode rounded to float16. Each operation is float32. Only inputs have such a word.
- `scale` is the number of the `SCALE` word, or channel c's of the `SCALES` word, or 1. `fires_on_zero`:
  there is a `FIRING` word with `address` 1.
- In chip mode, what activation(scale * accumulator) of a `SIGMA_DELTA` neuron comes to is rounded to float16
  before its change is computed: it is then silent as soon as that is what it has sent. `sent` takes the value
  as it is before it is rounded to be sent, and is itself rounded to float16.
- So what rounding takes from a change is not made up for in chip mode, neither by these neurons nor by others
  between them, such as sums of pools, which forget it with the frame: over many frames, errors add up as in
  a walk at random. A stream that goes on for long begins anew now and then.
- Outputs and layers take the values, of neuron type `SIGMA_DELTA` activation(scale * accumulator) as it then
  is, and of inputs that send changes what they have sent so far.
- No event of a population changes its own states, so a chip may compute the values one by one, as their turn
  to be sent comes. **Outputs are taken when the population fires**, in its FIRE step: behind it, other
  populations may have its states' words.
- Firing walks channels outermost, while states lie channels innermost; inputs are fed, and outputs taken, in
  the same order: c, then y, then x.
- Minus zero is zero: it sends events only where the population fires on zero. The sign of a zero, in
  states and outputs, is not laid down. A NaN is not zero and sends events.
- An event is worked off completely before the next one is made. So the order of all updates is known,
  and two simulators agree to the last bit where their arithmetic does. What of this order a chip must keep,
  and what may overlap, stands in section 4.
- A RESET step with `once` 1 sets all states, one with an `every` other than 0 does, too, and any other those
  that live within a frame. The first state of a population begins as above, the others at 0. A population
  with states that live from frame to frame has one RESET with `once` 1, a population with states that live
  within a frame one with both 0. A RESET alone has an `every` other than 0, of a population with states that
  live from frame to frame; its `phase` is less than that, and it stands where no event is lost.
- Every population has one FIRE step, with `once` 0. But for RESETs with an `every` and for late events (the
  next point), any RESET step with `once` 0 stands before it; where a population has an axon to another, the
  other's RESET stands before its FIRE, and the other's FIRE behind it. No population has an axon to itself.
  So a value is complete when it is sent.
- **An event to a population that has fired is for the next frame.** This is how recurrent networks run. Such
  a population keeps its first state from frame to frame, or its RESET with `once` 0 stands behind its own
  FIRE and before the FIRE of the populations whose events come so late; then it has one with `once` 1 as
  well, and may take events of either kind. Anything else makes an image invalid: the events would be lost.
  So a frame depends on no other but by states that live from frame to frame and by such events.

### What a neuron does when it fires

By the name of its states, with the parameters of its own channel. What a statement sets, the ones behind it
see; `first` is what its first state begins at, as in a RESET step; what is not set stays as it is.

$rules
Models of spiking neurons are brought to these: a state counts in the unit in which an event adds its weight
times its value, so no statement scales what comes in. Events bring what drives a neuron, the biases what
drives it in every frame. Where `keep` is 1 and `reset` the threshold's negative, a spike takes the
threshold off; where `keep` is 0, `reset` is where the voltage begins again. A `decay` of 1 keeps everything
(integrate-and-fire, an integrator), one of 0 nothing (a threshold). A spike's value is the activation
function's of `scale`, with `IDENTITY` `scale` itself: a graded spike has another one than 1.

`trunc` drops what stands behind the point, `floor` goes down. The three types for networks of Lava have
whole numbers for states. Of `LOIHI_CUBA`, a weight is worth 64 times what Lava's files say, so its exponent
is 6 more; `wait` counts the steps that `voltage` is held behind a spike, the spike's own among them.

### The event generator (PEG, Algorithm 5)

    peg(axon, c, y, x, v), in the core at (X, Y) of the mesh:
        x_min = x * 2^us + x_off;    x_max = x_min + kw
        y_min = y * 2^us + y_off;    y_max = y_min + kh
        if x_min < 8 * width and x_max > 0 and y_min < 8 * height and y_max > 0:
            esu(port, x_min, y_min, c + c_off, v), in the core at (X + core_x, Y + core_y)

x_min and y_min may be negative. Width and height here are the axon's fields as they stand, whatever the
target's size is.

What an axon holds, the compiler has computed by equation 12:

    X_off = (X0_src << US) - KW + XP + 1 - (X0_dst << SL)
    Y_off = (Y0_src << US) - KH + YP + 1 - (Y0_dst << SL)
    C_off = C0_src

(X0_src, Y0_src, C0_src) is where the firing population begins in its feature map, (X0_dst, Y0_dst) where
the target begins in its own; both are 0 where nothing is cut. XP and YP are the padding to the left and
above, KW and KH the kernel's size, US of the axon, SL of the kernel. Where several sources share a port,
C_off is instead the place of the source's first kernel descriptor in the port's table.

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
                    w = weight (dx, dy, i) of the kernel; skip this i where it has none
                    update(state[first + i, Y / 2^sl, X / 2^sl] of target, w, v)

kw, kh, kd, sl and first are the kernel descriptor's; `update` is the port's, as in the table above.
With any update but `ADD`, a weight whose number is zero is no synapse: the state stays as it is.

An example. A row of 5 neurons feeds a row of 3 through a kernel of width 3, stride 2, one neuron of
padding. Equation 12 gives x_off = (0 * 2^0) - 3 + 1 + 1 - (0 * 2^1) = -1. When neuron 3 fires, x_min =
2, and dx = 0, 1, 2 stand at X = 2, 3, 4 of 6: neuron 1 gets weight column 0, X = 3 is odd and skipped,
neuron 2 gets column 2. In the convolution's own terms: output 1 sees input 3 through its last tap,
output 2 through its first.
"""

BEHIND = """\
### Counters

| counter | counts |
| --- | --- |
| events | calls of esu |
| empty events | events that touch no neuron: the kernel is `NULL`, or every (dx, dy) is skipped |
| synaptic operations | updates of a state; with `ADD` weights of zero count, unless they are skipped |
| hops | the sum of abs(core_x) + abs(core_y) over events |

An event whose weights are all zero is not empty, though it may be no synaptic operation. The events of
inputs count as all others. Nothing is counted that the host computes. The counters of several frames are
the sums of theirs. Where counters are listed core by core or layer by layer, events and hops, and how many
neurons fired, are those of the population that fires; empty events and synaptic operations are those of the
population that is reached.

### Inputs and outputs

Tensors of kind `input` are what the chip is fed with: the value of a neuron is the element that a piece
gives it. What is not finite as float32, or what the tensor's type does not hold, such as a fraction where
that is an integer, is no input; our reader refuses it. Tensors of kind `output` are what it computes,
tensors of kind `layer` what a layer computes, found in the same way: an element is the value of the neuron
that a piece names, a neuron of type `INPUT` included, and 0 where no piece names it. Elements become the
tensor's type so: a float is rounded to the nearest; an integer is the number without its fraction, or the
type's limit that it lies beyond, or 0 for a NaN; a bool is whether the number is other than 0, as a NaN
is.

A frame of the model is a frame of the chip. But where `dynamics` in `INFO` is `neurons=if steps=N`, it is a
run of N frames, from the prologue on, all with the same inputs: its outputs are those of the last one, its
counters the sums. Otherwise frame follows frame without another prologue, until whoever feeds the chip
begins anew. Nothing else that `dynamics` says changes what is computed.

A chip output may name the neurons of an input, and so repeat it; in chip mode its elements are then
rounded to float16 like all values.

`HSTB` and `HSTA` are ONNX models for what the chip does not compute; tensors are joined by their names.

- `HSTB` runs first. Its inputs are the network's.
- An input of the chip is the output of `HSTB` of that name, or else the network's input.
- An input of `HSTA` is the chip's output of that name, or else the output of `HSTB`, or else the network's
  input. The last two do not go through the chip, and are not rounded in either mode.
- The outputs of `HSTA`, with the chip outputs that it does not read, are the network's outputs. An output
  of `HSTA` may be one of its own inputs, unchanged.

The network's inputs are all that these models and the chip read and none of them makes.

### What makes an image invalid

Besides a damaged file, and what is said to be invalid above: a pointer, or a block, states or weights,
that reach beyond the core's words; states over words in use, or over other states that live; a step or a
piece that names no population descriptor; a piece of a population that has no FIRE step; a piece of an
input tensor that names a population of another neuron type; an axon to a place without a core; a port
with more pairs than `strided_tables`, or that leads to no population with states and steps, or with an
update that this has not; a kernel descriptor that some axon selects and whose KW or KH are not the axon's
(`NULL` excepted), or whose first + KD is more than the target's depth (in a strided table, of the
channels that some axon selects); an extension word too many or too few; a `FIRING` flag other than 0 and
1; a bias or a parameter that is a NaN; a weight whose value, after its exponent, is not finite in
float32; a number in `TARG` beyond its limits. A decoder should find all of these before the first frame.
"""
