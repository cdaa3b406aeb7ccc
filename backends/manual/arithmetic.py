"""What is rounded where, in docs/image.md."""

ARITHMETIC = """\
### Arithmetic

There are two modes; the image is the same. fl64, fl32 and fl16 round to the nearest float64, float32 and
float16, ties to even, with subnormal numbers and infinities.

| | float32 (default) | chip |
| --- | --- | --- |
| first state s | bias or INITIAL number, as float32 | fl16 of it |
| input value v | fl32 of the element | fl16(fl32 of the element) |
| other value v | the rule of the neuron type in float32, of states fl32(s) | fl16 of the same |
| state s that the rule sets | float32 | fl16 of the same |
| product p | fl32(w * v) | w * v, not rounded |
| ADD | fl64(s + p) | fl16(s + p) |
| MULTIPLY | fl64(s * p) | fl16(s * p) |
| MAXIMUM | p where p > s, else s | fl16(p) where p > s, else s |
| MINIMUM | p where p < s, else s | fl16(p) where p < s, else s |

In float32 mode states are wider than the memory set aside for them: there is a cell of 64 bits for every
16 bits of a core's memory, and populations that share words share the cells of these. They gather float32
products in float64 and are rounded once, when the neuron fires. So the order of additions does not show:
another order, or a fused multiply-add, is well within the tolerance of 1e-5 of an output's peak, and so
are states of float32 in all but the deepest networks. A reference has errors of its own, which count in
that tolerance, too: ONNX Runtime's Sigmoid may be wrong by 2e-7, more than 1e-5 of an output's peak where
that is below .02.

A state of 32 bits is never rounded to float16: of a first one, s, p, ADD,
MULTIPLY, MAXIMUM and MINIMUM are in chip mode those of the left column, and only the value that the neuron
sends is rounded. Sums of whole numbers are integers of 32 bits for a chip. Those of $single are
float32: in chip mode ADD is fl32(s + p), with p rounded as on the left.

In chip mode the order of updates and each rounding are binding. An update rounds once: w * v is exact (8
or 11 bits times 11), and so is the sum, before it becomes a float16. Where w is a float16 number, as it
is but for weights in float32 and exponents beyond float16's, `ADD` is the fused multiply-add of IEEE
754's binary16. Who has none may compute in float64, and round that to float16 at once: the product is
exact there, and a sum that is not is too far from the middle between two float16 to matter. Rounding to
float32 in between is wrong, as the vectors in section 5 show. Within one event the order is free: no
neuron is updated twice.

The rules of $exact,
and the activation functions in them, are computed in whole numbers, without rounding: products of 24 and
13 bits, which float64 holds. What is sent is a float32.

The other rules of neuron types, and the activation functions in them, are computed in float32: once for each
neuron and frame, not for each event. Every operation is rounded, in the order in which it is written
above, without a fused multiply-add, and the result is rounded to float16 in chip mode. expm1(s) is exp(s)
- 1, and log1p(s) is log(1 + s), without the loss of digits near zero; erf(s) is the error function, and
erfc(s) is 1 - erf(s), without that loss either. Those marked *exact* take comparisons, additions,
products, rounding, and one division or root: their results are binding in chip mode, to the last bit. The
others take a function that is more: any value conforms that is within one unit of float16 of the formula's
exact value, rounded to float16, and so does what follows from it. A minimal chip has those marked
*minimal*, which take no division, no root and no table; whoever loads an image into a chip that lacks a
function of a population in use refuses it.

Of every state that a float16 can be, the chip's value is within 0.501 units of its last place of the
function of real numbers, from `EXP` on. Behind a `SINE` with a phase other than 0 comes what is lost when the
phase is added in float32: a unit of the last place of the angle, or 2^-24 where that is more.

Infinities and NaNs run their course as in IEEE 754: a comparison with a NaN is false, so `else` holds,
and max and min give a NaN where either side is one. `RELU`, `CLIP`, `HARD_SIGMOID` and `SOFTPLUS` of a
NaN are thus NaNs, `THRESHOLDED_RELU` and `SHRINK` of a NaN are 0. `LOG` of 0 is minus infinity,
`RECIPROCAL` of 0 an infinity, `LOG` and `SQRT` of less than 0 are NaNs, and so is `POWER` of less than 0 with
an exponent that is no integer. They are sent like other values: mostly what reads them is a NaN or infinite.
"""
