"""What is true: comparisons, what is made of their results, and orders. A truth is a neuron with the value 1
or 0.
"""
