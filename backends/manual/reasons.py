"""The reasons in docs/image.md: what the paper leaves open, what this image does, and why."""

REASONS = """\
## 6. What the paper leaves open, and why it is settled this way

The numbers are the project's own and have gaps: what is missing concerns the compiler and leaves no
trace here.

**1. ID_p names a port.** The paper picks a kernel descriptor by ID_p and the event's channel, and
leaves open how. An axon's channel offset has 10 bits, yet networks have layers of 2048 channels, and
several sources end in one population. So ID_p is the address of a word, the port, that holds the
population and the base of a table of kernel descriptors, and the channel is an index into that table. A
source that starts too deep for C_off comes in through one more port of the same population, with a base
further on. Because the sum wraps at 2^15, a base may also lie before the table. This costs one word for
each port and one addition for each event, and sets no limit to depth.

**3. Sizes in an axon count eights.** Hit detection needs the target's size in the coordinates before
the stride, up to 512. In full that would be 9 bits twice, and an axon would have no bits left for the
port. Rounded up to eights, 6 bits do. Rounding up is the safe side: an event may be sent that hits
nothing, at the cost of its way, but none is lost. The fields of an axon are

    $axon_widths = 64

bits, so $ports ports are what a core can have.

**4. A kernel descriptor names its first target channel, and may be null.** With depthwise and grouped
convolutions, pooling and addition, each source channel reaches a few target channels. Read literally,
the paper makes a population of each group. A `first` field in the descriptor lets a single population
serve all of them. The null code is there because the PEG looks at x and y, never at channels: where a
target takes only some of a source's channels (slices, groups, channel cuts), the others' events arrive
too, and must mean nothing.

**5. Sizes are stored minus one.** Nothing has the size zero, so zero would be a wasted code. Stored
this way, widths reach 256 and depths 1024, and the feature maps of exactly that size, which are common,
need no cut.

**6. One pointer leads to all that a population owns.** The paper keeps axons and states in one block so
that the descriptor needs a single address. Rare facts (a flag, a scale, parameters, states elsewhere)
would not fit beside it; they stand as extension words at the head of the block, and a population that
needs none pays nothing. States come last, so that sharing them changes nothing else: one extension word
tells where they are. All words of a block are counted as connectivity, except biases and states. States
are set by RESET steps in every frame, so that a frame depends on no other.

**7. A bias is where a state begins.** It is stored once for each channel, and RESET writes it to all
neurons of the channel. Adding it this way costs no event, no synapse and no second pass over the
states. Biases are float16 like the states, float32 where the weights are, for there the point is to be
exact. They are counted apart.

**8. The image says when populations fire.** A neuron may fire when everything that feeds it has
arrived. A population cannot see that by itself, and a simulator must not look at the network for it. So
the image carries the order, as steps.

**9. Maxima, minima and products must cope with silence.** Events are sent for values other than zero,
and a sum does not miss the others; a maximum does. Hence, in populations of these updates, a zero
weight means that there is no synapse, which also makes the holes of dilated pooling work. A source of a
maximum or minimum whose values can have either sign fires on zero too, and then the first state is the
neutral one of the update; where values cannot be negative, 0 is neutral for a maximum, and silence is
right. In a product, the first factor is added to a state of zero and the second is multiplied to it, so
the firing order brings all of the first before any of the second; the second fires on zero, for zero is
a factor like any other. The flag belongs to the population that fires: what an axon leads to does not
matter to the PEG. A factor of D x 1 x 1 is spread by a kernel of ones of up to 16 x 16: several axons
to one port, placed side by side, reach every neuron once. A factor of 1 x H x W is one channel whose
kernel has D ones.

**10. Geometry beyond shifts is cut.** PEG and ESU know powers of two. A stride of 3, different strides
in x and y, resizing by other factors, and borders where a rule changes (averages that do not count
padding, clamped interpolation) are not expressible with one offset and one kernel. Cut into fragments,
if need be one neuron wide, each fragment has an offset and kernels of its own and is exact. Equation 12
then takes for X0_dst << SL the place where the fragment begins in the coordinates of the upsampled
source. A decoder sees ordinary populations; the price is a descriptor, a port and an axon for each,
while the fragments of a core share kernels and weights.

**12. Inputs are populations without states.** So they have a descriptor and axons, which are counted in
their core, and their events are made by the PEG as all others. Their values come from the host and are
never accumulated, so they take no memory. Outputs need no words at all: the `TENS` section names their
neurons. A reshape or transpose at either end is only another way of naming, and pieces with steps
express it.

**13. Parameters of activation functions have words of their own.** Five bits select a function; a slope
or two bounds are 32 bits each, which only few populations have. As extension words they cost those few
alone, and so does the code of a function that is seldom needed and has no five bits.

**14. Weights that nobody trained are exact.** The factors of an average, ones, and interpolation
weights come from the network's definition. An error in them is an error of the layer: 1/49 in 8-bit
fixed point is wrong by half a per cent. They are stored as ones, with the factor in the population's
scale, or in whichever format holds them without loss, whatever format the trained weights have.

**15. Two modes of arithmetic.** float32 shows whether the mapping is right, since it differs from a
reference by rounding alone. Its states are float64: thousands of float32 sums, one after the other,
err by 2e-5 of a layer's peak in a network of fifty layers, which would hide a wrong synapse. The chip's
float16 states show what the chip will compute, which depends on the order of updates; hence the order
is laid down above, and the rounding after every update.

**16. A target restricts values, never the layout.** A smaller core, a narrower kernel or fewer ports
are numbers in `TARG` below the limits given there. The words stay as they are, so one decoder reads the
images of all targets, and a number above its field's limit is an error rather than another layout.

**17. A table may say a rule in place of a list.** The channels of a layer have kernels of one shape, whose
weights lie one after the other: in a list of kernel descriptors only the address grows, in a depthwise
layer the first target channel too. Two words say as much for any number of channels, and weights of 8 bits
need not begin at whole words any more. What is left are the exponents, one for each source channel: a byte
does for what a descriptor's eight hold, and all weights stay as they are without strided tables. A layer
with a single exponent would save that byte too, and cost some 5 dB. Rules stand in a list, so that sources
of several layers share a port, and a chip looks for the channel in one or two of them. Where a list is
shorter, as for groups of a channel or two, the table is one.

**18. Outputs are taken when their population fires.** Its states' words may belong to others from then
on, and keeping those of outputs apart would cost the sharing of just the largest, last layers. The values
pass through the PEG at that moment anyway. Layers, which `verify` looks at, are taken in the same way.

**19. An order for each target, and none for the chip.** One serial order over all cores is easily said,
and is what section 3 says, but a chip that kept it would work one core at a time. Sums in float16 do
depend on order; hence what binds is the order in which one population's states see events, and that is
known at the target: one source after the other, and within a source the order of a route. A mark behind a
source's last event is enough to tell, without a barrier. Steps that share no words of states do not know
of each other. That two populations in the same words never live at once is a rule that a reader checks,
so no order of events to two targets can show.

**20. A target bounds the pairs of a strided table.** `strides` of a port has 10 bits, and 1,023 pairs
searched for each event are no hardware. `strided_tables` says how many a chip looks through; the compiler
writes a list where a port would need more. Of 451 ports of ResNet50 on `grai-vip-strided` 228 have one
pair, 215 two and 8 three, of 115 ports of MobileNetV1 all but three have one; the target's bound is 8,
which comparators find at once.

**21. Weights begin at any byte.** In a list of kernel descriptors every channel's weights begin at a
whole word, in a strided table where the last channel's end. Whole words there, too, would take 0.8 % more
memory for MobileNetV1 in 8 bits, 0.6 % for ResNet50, and spare a word's read for 1 % and 8 % of the
channels: read end to end, n bytes that begin at byte b of a word take ceil((b + n) / 8) reads in place of
ceil(n / 8). The shifter would stay, for KD is any number, and within a kernel the weights of each (dx,
dy) begin where the last ones end, in either form. The estimates of `simulate` count a read for each
weight, so these are within their accuracy.

**22. An update rounds once.** The sum of a float16 and a product of 19 or 22 bits, rounded to float32 and
then to float16, takes a float32 adder in every core, and may round a number just off the middle between
two float16 to that middle first. Rounded once, it is the fused multiply-add that IEEE 754 defines for
binary16: a smaller unit, to be had ready-made, with one result. Activation functions stay in float32:
there is one for each neuron and frame, not for each event, so a unit may be shared. exp, tanh and log
have no cheap exact rounding, and a table with stated entries would bind every chip to one: so they may be a
unit of float16 off, and a minimal chip goes without.

**23. Firing walks channels outermost.** All events of one channel select one kernel descriptor at a
target, and the same weights: fetched once for a feature map, not once for an event. A target takes an
event the other way round, with all its channels side by side for one position, so states lie channels
innermost and an update reads whole words. The price is paid where it is small: firing reads each state
once, D apart.

**24. What comes too late is for the next frame.** A recurrent connection delays by a frame, as in other
simulators of such networks, and needs no buffer: the states of its target take the events while nobody
else has their words. Its RESET stands behind its FIRE, so that a neuron type with one accumulator does. A
population does not feed itself, for its neurons fire one after the other: an identity between does that.

**25. Zeros are skipped kernel by kernel.** A bitmap costs a bit for each weight and saves a zero's bits: of 8
bits, it pays from one zero in eight on. Trained networks have fewer after rounding, pruned ones far more. A
list of places, the paper's absolute synapses (5.1), costs the bits of a place for each weight that is stored:
less than a bitmap where fewer are than one in as many as these bits. A place in 1,000 channels has 10, so a
list pays from 90 % zeros on. It serves networks without any order, and what pruning leaves. Places are
absolute and all of one width, so that a core needs no sum and no code of its own to follow them. Two bits of
the kernel descriptor say which form it is, and our writer takes the one with the fewest words. Bitmap and
list come first, because a core must know which neuron a number is for before it can use it. What has weights
of zero alone is `NULL`. Kernels of unequal lengths have no stride, so strided tables hold all zeros; our
writer takes a list of descriptors in place of one where that is smaller.

**26. Whole numbers are numbers.** A network that was quantised to integers needs no second machine. Its
events carry integers less their zero point, so that what is zero sends none and a border is zero; its weights
are `FIXED8` with exponent 0, or the next format that is exact; its sums are whole numbers, in states of 32
bits that no update rounds. `REQUANTISE` takes a sum to the next layer's integers with one factor for each
channel, the rounding and the clamp, in which a rectifier is contained. A quotient by `step` stands there
for sums of real numbers, whose quantisation divides; where it is 1, a chip divides nothing.

**27. Scales of target channels are the population's.** Integers with a scale for each output channel are
how most tools quantise, and err less than those with a scale for each source channel where the output
channels differ in size. A kernel descriptor serves one source channel, so it cannot hold such scales; the
population multiplies each state once before its activation function, as it does anyway. All its sources
share them: what no training made is divided by powers of two, which is exact.

**28. States may end in a cycle.** Networks that were trained on samples of so many steps begin each one anew,
layer after layer, as the sample reaches it. A RESET step in one frame of so many does that, without a host
that knows layers: it stands behind the FIRE of its population, where no event for the next frame has come.

**29. Loihi's neurons are Loihi's.** Whole numbers of 24 bits, decays of 12 and a voltage that counts the
steps behind a spike come out as they do there, to the last bit, or a trained network is another one. One
neuron in 32 + 32 + 16 bits costs more memory than `CUBA_LIF`, and no rounding has to be told of.

**30. Learning is an update of words.** Weights stay where they are and in the format that they have, so that
a trained image needs no other reader; the rule is a section of its own, of which nobody who does not learn
need know. One winner in a frame is one neuron's column of weights, read and written once, behind the last
step: no event of the frame sees half of it. Numbers are whole, and chance is a generator of one line whose
state stands in the file, so that two chips which have seen the same events hold the same words. When sources
have fired last is known to whoever runs the rule, in ceil(log2(window + 2)) bits for each, and is in no word:
every run begins without it.
"""
