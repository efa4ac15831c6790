"""Machine code: numba's, of the rules in the table, and what is needed to make and to keep it.

To be read in this order:

    disk_cache.py   where machine code is kept
    codegen.py      a rule as a kernel, forward and backward
    simd.py         vectors of floats
    memory.py       what is at an address, and loops over it
    nary.py         the rules with any number of operands, written as loops
    dots.py         dots of one example, and the same layer at several places
    layer.py        all dots of a layer as one, in lanes
"""
