"""What stands in a word for a thing that has a name: the numbers of the image, and nowhere else.

A new weight format is a row of `WEIGHTS` beside its declaration in ir/.
"""

from .bits import Codes

NO_SYNAPSE = "null"  # the format of a kernel that has no weights

WEIGHTS: Codes[str] = Codes("WeightCode", {NO_SYNAPSE: 0, "float32": 1, "float16": 2, "fixed8": 3})
