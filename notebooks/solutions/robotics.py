"""Solutions of robotics."""

# %% exercise 1
# x + 0.02 · 0.5 and v + 0.02 · 2: the position takes the old speed.
after = [0.1 + 0.02 * 0.5, 0.5 + 0.02 * 2]
check("robotics.1", after)

# %% exercise 2
# The position after 100 steps is x + 0.02 · v + 0.02 · v + …: a hundred paths from v, each with the slope 0.02.
slope = 100 * 0.02
check("robotics.2", slope)


# %% exercise 3
# The return inside the loop ends it at the first fall; the one after the loop is for those that never fell.
def lasted_for(leans, limit):
    for moment, lean in enumerate(leans, start=1):
        if abs(lean) > limit:
            return moment
    return len(leans)


check("robotics.3", lasted_for)
