"""What is true: comparisons, and what is made of their results. A truth is a neuron with the value 1 or 0."""
