"""Neurons, layers, networks: what its exercises ask for, and the hints for wrong answers."""

from engine import Value, relu, tanh
from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

EXERCISES = {
    "04.1": Exercise(
        right=lambda w, x, b: relu(sum(wi * xi for wi, xi in zip(w, x)) + b),
        mistakes=(
            Mistake(
                lambda w, x, b: relu(sum(wi * xi for wi, xi in zip(w, x))),
                "The bias is forgotten: the sum has one more term than there are inputs.",
            ),
            Mistake(
                lambda w, x, b: sum(wi * xi for wi, xi in zip(w, x)) + b,
                "The activation function is forgotten: below 0 relu gives 0.",
            ),
            Mistake(
                lambda w, x, b: relu(sum(wi * xi for wi, xi in zip(w, x))) + b,
                "The bias belongs in the sum, before it is bent; here it comes after relu.",
            ),
            Mistake(
                lambda w, x, b: sum(relu(wi * xi) for wi, xi in zip(w, x)) + b,
                "Here each product is bent on its own: the activation function is used once, on the whole sum.",
            ),
            Mistake(
                lambda w, x, b: relu(sum(wi * xi + b for wi, xi in zip(w, x))),
                "The bias is added once for each input: a neuron has one bias, and adds it once.",
            ),
            Mistake(
                lambda w, x, b: relu(w[0] * x[0] + b),
                "Only the first product is in the sum: a `return` inside a loop ends it the first time round.",
            ),
            Mistake(
                lambda w, x, b: relu(w[-1] * x[-1] + b),
                "Only the last product is left in the sum: each one is added to those before it (+=, not =).",
            ),
            Mistake(
                lambda w, x, b: relu(w[0] * x[0] + w[1] * x[1] + b),
                "Right for two inputs; but the lists may be longer, so go through all pairs.",
            ),
            Mistake(
                lambda w, x, b: tanh(sum(wi * xi for wi, xi in zip(w, x)) + b),
                "The sum is right, but this is tanh: the neuron asked for bends it with relu.",
            ),
            Mistake(
                lambda w, x, b: relu(sum(wi + xi for wi, xi in zip(w, x)) + b),
                "Weights are added to the inputs here: a weight multiplies its input.",
            ),
        ),
        measure=outputs_at(
            ([Value(2.0), Value(-1.0)], [Value(3.0), Value(1.0)], Value(-1.0)),
            ([Value(1.0), Value(2.0)], [Value(-4.0), Value(1.0)], Value(1.0)),
            ([Value(1.0), Value(1.0), Value(-3.0)], [Value(2.0), Value(0.0), Value(1.0)], Value(4.0)),
        ),
        advice="Try weights 2 and -1, inputs 3 and 1 and a bias of -1 on paper, and see what your function gives.",
    ),
    "04.2": Exercise(
        right=32,
        mistakes=(
            Mistake(25, "These are the weights: each neuron has a bias as well."),
            Mistake(
                7, "These are the neurons: each has several parameters, a weight for each of its inputs and a bias."
            ),
            Mistake(10, "You added the sizes, but each neuron has a weight for every one of its inputs."),
            Mistake(
                30, "Count each layer separately, and then add. Every neuron has a bias, those of the last layer too."
            ),
            Mistake(
                27, "Biases are missing: it is not each layer that has one, but each neuron, in the hidden layer too."
            ),
            Mistake(26, "Biases are missing: the network has not just one, each of its neurons has its own."),
            Mistake(20, "This is the hidden layer: the output layer has parameters too."),
            Mistake(12, "This is the output layer: the hidden layer has parameters too."),
            Mistake(35, "You counted the inputs as neurons: an input has no bias, it is only a number."),
            Mistake(28, "The second layer looks at the outputs of the first, and not at the inputs of the network."),
        ),
        advice="Take one layer at a time: how many neurons are there, and how many parameters does each of them have?",
    ),
    "04.3": Exercise(
        right=[8.0, -4.0],
        mistakes=(
            Mistake([2.0, -1.0], "These are the weights alone: they multiply what arrives at the output neuron."),
            Mistake(
                [4.0, 4.0], "This is what arrives at the output neuron: on its way back it is multiplied by a weight."
            ),
            Mistake(
                [16.0, 4.0],
                "These are the gradients with respect to the weights: they are multiplied by what the neuron gave.",
            ),
            Mistake(
                [8.0, -1.0], "These are the two terms of the answer. How fast does the loss change with each output?"
            ),
            Mistake(
                [32.0, -4.0],
                "These are the terms of the answer times its gradient: the derivative of 2 · x is 2, whatever x is.",
            ),
            Mistake([-4.0, 8.0], "These are the two numbers, but the first one asked for is that of the first neuron."),
            Mistake([4.0, -2.0], "The slope of a square is missing a factor: the exponent comes down in front."),
            Mistake(
                [-8.0, 4.0], "The sign is the wrong way round: would a larger answer make this loss larger or smaller?"
            ),
            Mistake([8.0, 4.0], "A minus is forgotten: a weight below 0 flips the sign."),
            Mistake(
                [12.0, -6.0],
                "Start with the derivative of the loss with respect to the answer: the target is subtracted there.",
            ),
        ),
        advice="First find the derivative of the loss with respect to the answer, then go back along each weight.",
    ),
}
