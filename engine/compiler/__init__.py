"""From a graph to machine code: `compile(f)` records a function of Values as a tape, and runs it as machine code.

Public are `compile` and the `Compiled` that it gives. A call goes this way, and so does a reader:

    signature + leaves → guard → tape → program → job → value

    api.py, pytree.py     a call: its arguments as a signature and leaves
    guards/, list_items.py      is what the function sees besides them still the same?
    trace.py, tape.py     recorded twice and compared: a tape, instructions as integers
    scalar.py, batched.py the program: the tape laid out for one example, and in SIMD lanes for a batch
    kernels/              its kernels, made from the rule table
    runtime.py            the job: one struct, and the drivers that run it
    buffers.py, result.py the value that comes of it, and parameters in arrays
    fused_optimizer.py    a whole training step
"""

from engine.compiler.api import Compiled, compile

__all__ = ["Compiled", "compile"]
