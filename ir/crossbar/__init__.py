"""Networks unrolled to single units, and the crossbars that hold them."""
