"""Solutions of lesson 06."""


# %% exercise 1
# First the velocity, then the parameter, with the new velocity. The learning rate comes only with the step.
def momentum_step(p, g, velocity):
    velocity = 0.9 * velocity + g
    return p - 0.1 * velocity, velocity


check("06.1", momentum_step)

# %% exercise 2
# The mean is 0.1 · 250, and divided by 1 - 0.9 it is 250. The mean square is 0.001 · 250², and divided by 1 - 0.999 it
# is 250², whose root is 250. So the step is 0.01 · 250 / 250 = 0.01: the learning rate, whatever the gradient is.
distance = 0.01
check("06.2", distance)


# %% exercise 3
# epoch // 10 is how often it has been halved: 0 in the first ten epochs, 1 in the next ten. Each time is a factor of ½.
def rate(epoch):
    return 0.4 * 0.5 ** (epoch // 10)


check("06.3", rate)
