"""Solutions of lesson 01."""

# %% exercise 1
# x · x has two paths with the local derivative 3 each, so its slope is 6, and that of 2 · x · x is 12.
# 5 · x has the slope 5, which is subtracted: 12 - 5 = 7.
slope = 7
check("01.1", slope)

# %% exercise 2
# d = 3. The local derivatives of L = d * a are a = 4 with respect to d and d = 3 with respect to a; those of d = a - b
# are 1 with respect to a and -1 with respect to b.
# There are two paths from a: straight to L, 3; and through d, 1 · 4 = 4. Together that is 7.
# There is one path from b: through d, -1 · 4 = -4.
slopes = [7, -4]
check("01.2", slopes)


# %% exercise 3
# After minus before, per unit of h. (f(x + h) - f(x - h)) / (2 * h), a nudge to each side, is right as well.
def slope_at(f, x, h):
    return (f(x + h) - f(x)) / h


check("01.3", slope_at)
