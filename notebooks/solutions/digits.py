"""Solutions of the digits."""

# %% exercise 1
# A filter: 3 · 3 weights and a bias, 10; eight of them, 80. After pooling there are 8 maps of 4 · 4, which makes 128
# numbers, and each of the 10 neurons has a weight for each of them and a bias: 1,290.
parameters = 8 * (3 * 3 + 1) + 10 * (8 * 4 * 4 + 1)
check("digits.1", parameters)


# %% exercise 2
# It is a neuron like any other: the only new thing is that its inputs stand in a square.
def filtered(window, weights, bias):
    total = bias + sum(x * w for xs, ws in zip(window, weights) for x, w in zip(xs, ws))
    return max(0.0, total)


check("digits.2", filtered)

# %% exercise 3
# Only the largest dot, 0.7, decides what comes out: its local derivative is 1, and it gets all of the gradient. The
# others could be a little larger, and nothing would change: 0.
gradients = [[0.0, 5.0], [0.0, 0.0]]
check("digits.3", gradients)
