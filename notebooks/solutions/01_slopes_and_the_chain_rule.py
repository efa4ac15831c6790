"""Solutions of lesson 01."""

# %% exercise 1
# x · x has two paths with the local derivative 3 each, so its slope is 6, and that of 2 · x · x is 12.
# 5 · x has the slope 5, which is taken away: 12 - 5 = 7.
slope = 7
check("01.1", slope)

# %% exercise 2
# d = 3. Local derivatives: of L = d * a by d it is a = 4, by a it is d = 3; of d = a - b by a it is 1, by b it is -1.
# Two paths from a: straight to L, 3; and through d, 1 · 4 = 4. Together 7.
# One path from b: through d, -1 · 4 = -4.
slopes = [7, -4]
check("01.2", slopes)


# %% exercise 3
# After minus before, for each bit of h. (f(x + h) - f(x - h)) / (2 * h), a nudge to each side, is right as well.
def slope_at(f, x, h):
    return (f(x + h) - f(x)) / h


check("01.3", slope_at)
