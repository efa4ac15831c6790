"""From a graph to machine code."""
