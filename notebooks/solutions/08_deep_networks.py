"""Solutions of lesson 08."""

# %% exercise 1
# Each neuron contributes two factors, its weight and the slope of its sigmoid: 2 · 0.2 = 0.4. Five of these are
# multiplied.
derivative = (2 * 0.2) ** 5
check("08.1", derivative)

# %% exercise 2
# The layer multiplies the size of its numbers by s · √(n/2). That is 1 for s = √(2/n).
deviation = (2 / 50) ** 0.5
check("08.2", deviation)


# %% exercise 3
# The length is the root of the sum of the squares. All the numbers are multiplied by the same factor, which keeps the
# direction.
def clipped(gradients, max_norm):
    norm = sum(g * g for g in gradients) ** 0.5
    if norm <= max_norm:
        return gradients
    return [g * max_norm / norm for g in gradients]


check("08.3", clipped)
