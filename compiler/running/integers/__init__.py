"""What a quantised model computes in integers: the reference of networks of whole numbers."""
