"""What the words of the architecture can say, whatever a target makes of it."""

STRIDES = (1, 2)  # of a kernel: its field has one bit
