"""Solutions of the faces."""

# %% exercise 1
# Each gets 1/40, so the right one does, and -log(1/40) is log(40): 3.69. A first loss far above that is a sign that
# the first weights are too large.
from math import log

loss = log(40)
check("faces.1", loss)

# %% exercise 2
# With padding 1 the 16 maps have 28 · 23 dots. The pool makes 14 · 11 of them, without the 23rd column.
numbers = 16 * (28 // 2) * (23 // 2)
check("faces.2", numbers)


# %% exercise 3
# A dictionary keeps one number for each person: each later photograph takes the place of the earlier one. At the end,
# that is the last.
def held_out(people):
    last = {}
    for i, person in enumerate(people):
        last[person] = i
    return sorted(last.values())


check("faces.3", held_out)
