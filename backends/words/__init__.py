"""The words: bits, fields and the limits that follow from them."""
