"""Solutions of lesson 03."""

# %% exercise 1
# u is the result and fires first. j is used by k, by o and by u, and must wait for all three; k is used by o, and must
# wait for it. So o comes next, then k, and j is last. For this graph it is the only topological order.
order = ["u", "o", "k", "j"]
check("03.1", order)


# %% exercise 2
# The message is the sender's gradient times the local derivative; it is added to what was there before.
def received(had, upstream, local):
    return had + upstream * local


check("03.2", received)

# %% exercise 3
# v is 6 and y is v · v, so v gets 6 from its left place and 6 from its right one: 12. x gets 12 · 2 = 24 in each pass.
# x is a leaf, and has 3 · 24 after three passes; v was computed, and its gradient is from the last pass alone.
after_three = [72.0, 12.0]
check("03.3", after_three)
