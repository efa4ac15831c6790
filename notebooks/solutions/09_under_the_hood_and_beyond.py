"""Solutions of lesson 09."""


# %% exercise 1
# The slope here is grad(f)(x), and it changes by grad(grad(f))(x) for each unit you go. So the one divided by the other
# is how far to go until it is 0. The minus is that of gradient descent: against the slope.
def newton(f, x):
    return x - grad(f)(x) / grad(grad(f))(x)


check("09.1", newton)

# %% exercise 2
# A forward pass starts at one input and gives the rates of all 200 temperatures: 3 passes. A backward pass starts at
# one temperature and gives its derivatives with respect to all 3 inputs: 200 passes. With one loss and a thousand
# weights it is the other way round.
passes = [3, 200]
check("09.2", passes)

# %% exercise 3
# The reward is 2 less than usual, so the loss is -(1 - 3) · log p = 2 · log p, and its derivative with respect to the
# preference is 2 · (1 - p) = 2 · 0.5. It is above 0, and the step goes against it: the preference falls, as it should.
gradient = 1.0
check("09.3", gradient)
