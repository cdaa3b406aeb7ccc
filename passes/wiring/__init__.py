"""What the chip can express of a projection: runs, kernels, axons."""
