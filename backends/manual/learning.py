"""Learning in docs/image.md. `manual` puts the numbers in."""

LEARNING = """\
### Learning

Where a file has a `LERN` section, a run may learn: weights and thresholds change, in the words of the cores,
and the generator's state, in `LERN`. What is there at the end is an image like any other. Whoever runs an
image says whether it learns; a run that does not takes no notice of the section.

`LERN` holds rules, one behind the other: of each a `Learning` word, a `Course` word, and as many `Plastic`
words as the first one says. A `Plastic` word names two populations: the weights of the synapses that the
axons of one make to the other change by the rule. The *sources* of a rule are the neurons of its populations
`source`, in the order in which these are named first, each in the order c, y, x; its *learners* are those of
its populations `population`, in the same order.

Behind the last step of each frame, for each rule in its order:

    spiked = the learners whose voltage was more than their threshold when they fired in this frame
    if there are none: nothing changes
    winner = of these, the one with the largest voltage - threshold, as float64; of equal ones the first
    half = 1 where the winner's threshold >= settled, else 0
    for each source with a synapse to the winner, in the order of the sources:
        drawn = the source's value was not 0 in this frame, or in one of the `window` frames before it
        held = number * 2^exponent                      # of the synapse's weight
        way = maximum - held where drawn, else held
        r = 0                                           # rounding TRUNCATE
          = 1/2                                         # rounding NEAREST
          = floor(noise / $dropped) / $parts                   # rounding STOCHASTIC, behind
            noise = ($factor * noise + $term) mod $modulus
        change = floor(way / 2^(shift + half + exponent) + r)
        number = number + change where drawn, else number - change
    the winner's threshold = fl32(threshold + growth)

The voltage is that with which the neuron's rule began, before a spike set it; both are float32. Frames before
the first one of a run count for nothing: a source that has not fired since is not drawn. All else is in whole
numbers, but for `growth` and thresholds, which are float32. The next frame sees what has changed.

What learning changes is in one place each, and nobody else's. A population that learns is of neuron type
`LIF`, with H = W = 1 and a `PARAMETERS` word for its thresholds; it learns by one rule. Every `Plastic` word
names two populations with steps, and axons from the one to the other, with the update `ADD`. Two neurons are
joined by one such synapse at most. The weights of a rule are all of the code `FIXED8`, or all of `FIXED` with
one n; they have one exponent, $exponents, do not skip zeros, and are not negative. No bit of such a weight,
or of such a list of thresholds, belongs to another weight, parameter or scale, and none of their words is of
another kind. From whatever number that is not negative, no update leads out of these numbers. `growth` is
finite. A run that learns refuses any other image.

| counter of learning | counts |
| --- | --- |
| updates | winners |
| weight reads, writes | synapses whose weight an update reads; those whose number it changes |
| threshold reads, writes | one each for an update |
"""
