"""Solutions of lesson 04."""


# %% exercise 1
# All the products and the bias make one sum, and relu bends it once.
def neuron_with_relu(w, x, b):
    s = sum(wi * xi for wi, xi in zip(w, x)) + b
    return max(0, s)


check("04.1", neuron_with_relu)

# %% exercise 2
# Each neuron has a weight for each of its inputs and one bias: 5 neurons with 3 + 1 parameters, then 2 with 5 + 1.
count = 5 * (3 + 1) + 2 * (5 + 1)
check("04.2", count)

# %% exercise 3
# The derivative of the loss with respect to the answer is 2 · (3 - 1) = 4. Back along the weights 2 and -1 that gives
# 4 · 2 and 4 · (-1).
hidden_contributions = [8.0, -4.0]
check("04.3", hidden_contributions)
