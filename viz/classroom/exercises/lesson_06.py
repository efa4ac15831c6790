"""Optimizers: what its exercises ask for, and the hints for wrong answers."""

from math import sqrt

from viz.classroom.exercises.exercise import Exercise, Mistake, outputs_at

EXERCISES = {
    "06.1": Exercise(
        right=lambda p, g, velocity: (p - 0.1 * (0.9 * velocity + g), 0.9 * velocity + g),
        mistakes=(
            Mistake(
                lambda p, g, velocity: (p - 0.1 * velocity, 0.9 * velocity + g),
                "The step is made with the old velocity: change the velocity first, and then the parameter.",
            ),
            Mistake(
                lambda p, g, velocity: (p - 0.1 * g, 0.9 * velocity + g),
                "The velocity is kept, but not used: the step must be made with it, not with the gradient.",
            ),
            Mistake(
                lambda p, g, velocity: (p - 0.1 * (velocity + g), velocity + g),
                "All of the velocity is kept: this ball has no friction, and never comes to rest.",
            ),
            Mistake(
                lambda p, g, velocity: (p - 0.1 * (0.9 * velocity + 0.1 * g), 0.9 * velocity + 0.1 * g),
                "This is a running mean, as in Adam: here the whole gradient is added.",
            ),
            Mistake(
                lambda p, g, velocity: (p + 0.1 * (0.9 * velocity + g), 0.9 * velocity + g),
                "This rolls uphill: a step goes against the velocity.",
            ),
            Mistake(
                lambda p, g, velocity: (p - (0.9 * velocity + g), 0.9 * velocity + g),
                "The learning rate is missing: a step is lr times the velocity.",
            ),
            Mistake(
                lambda p, g, velocity: (p - (0.9 * velocity + 0.1 * g), 0.9 * velocity + 0.1 * g),
                "The learning rate is in the velocity: there the whole gradient is added; lr comes with the step.",
            ),
            Mistake(
                lambda p, g, velocity: (p + 0.9 * velocity - 0.1 * g, 0.9 * velocity - 0.1 * g),
                "Minus and lr are in the velocity: there the gradient is added as it is; both come with the step.",
            ),
            Mistake(
                lambda p, g, velocity: (p - 0.1 * (0.9 * velocity - g), 0.9 * velocity - g),
                "The gradient is added to the velocity; the minus comes with the step.",
            ),
            Mistake(
                lambda p, g, velocity: (p + 0.1 * (0.9 * velocity - g), 0.9 * velocity - g),
                "The parameter is right, but the velocity has the other sign: there the gradient is added.",
            ),
            Mistake(
                lambda p, g, velocity: (p - 0.1 * (0.1 * velocity + g), 0.1 * velocity + g),
                "Only a tenth of the velocity is kept: it should be nine tenths.",
            ),
            Mistake(
                lambda p, g, velocity: (p - 0.1 * (0.1 * velocity + 0.9 * g), 0.1 * velocity + 0.9 * g),
                "The shares are swapped, and the gradient needs none: 0.9 is the share of the old velocity.",
            ),
            Mistake(
                lambda p, g, velocity: (p - 0.1 * 0.9 * (velocity + g), 0.9 * (velocity + g)),
                "The gradient has lost a tenth too: 0.9 of the old velocity is kept, and the whole gradient is added.",
            ),
            Mistake(
                lambda p, g, velocity: (p - 0.1 * (0.8 * velocity + g), 0.8 * velocity + g),
                "Section 2 kept 0.8 of the velocity; this exercise keeps another share.",
            ),
            Mistake(
                lambda p, g, velocity: (0.9 * velocity + g, p - 0.1 * (0.9 * velocity + g)),
                "Both numbers are right, but the parameter comes first, and then the velocity.",
            ),
            Mistake(
                lambda p, g, velocity: p - 0.1 * (0.9 * velocity + g),
                "The parameter is right, but the velocity is lost: the next step needs it.",
            ),
        ),
        measure=outputs_at((2.0, 3.0, 0.0), (2.0, 3.0, 5.0), (-1.0, 0.5, -2.0)),
        advice="The new velocity is a share of the old one plus the gradient; the step is made with the new one.",
    ),
    "06.2": Exercise(
        right=0.01,
        mistakes=(
            Mistake(
                2.5,
                "This is lr times the gradient, as in SGD: Adam divides by the size of the gradient.",
            ),
            Mistake(0.25, "This is the learning rate times the mean, a tenth of the gradient: where is the root?"),
            Mistake(
                0.01 * 0.1 / sqrt(0.001),
                "Both means start at 0, and neither was divided by its share: correct both.",
            ),
            Mistake(0.001, "The mean of the squares was corrected, but the mean of the gradients was not."),
            Mistake(
                0.01 / sqrt(0.001), "The mean of the gradients was corrected, but the mean of the squares was not."
            ),
            Mistake(0.01 / 250, "The mean was divided by the mean square: the root is missing."),
            Mistake(-0.01, "A distance has no sign; the sign would say which way the weight goes."),
            Mistake(1.99, "This is where the weight is after the step; how far did it move?"),
        ),
        advice="Work out both means after one gradient, divide each by its share, 1 - 0.9 and 1 - 0.999; then step.",
    ),
    "06.3": Exercise(
        right=lambda epoch: 0.4 * 0.5 ** (epoch // 10),
        mistakes=(
            Mistake(lambda epoch: 0.4 * 0.5**epoch, "This halves in every epoch; how often should it?"),
            Mistake(
                lambda epoch: 0.4 * 0.5 ** (epoch / 10),
                "This is a ramp, not stairs: it changes a little in every epoch. Drop the remainder of the division.",
            ),
            Mistake(
                lambda epoch: 0.4 * 0.5 * (epoch // 10),
                "This multiplies by the number of changes: halving twice gives a quarter, a power.",
            ),
            Mistake(
                lambda epoch: 0.4 - 0.2 * (epoch // 10),
                "This subtracts 0.2 each time, and soon there is nothing left: halving is a factor.",
            ),
            Mistake(
                lambda epoch: 0.4 * 0.5**epoch // 10,
                "Brackets are missing: without them the power is taken first, and then all of it is divided by 10.",
            ),
            Mistake(
                lambda epoch: 0.4 / (epoch // 10 + 1),
                "The first two stairs are right: after a half comes a quarter, not a third.",
            ),
            Mistake(
                lambda epoch: 0.4 * 0.5 ** ((epoch + 1) // 10),
                "The stairs come an epoch early: epochs 0 to 9 are ten.",
            ),
            Mistake(
                lambda epoch: 0.4 * 0.5 ** ((epoch - 1) // 10),
                "The stairs come an epoch late: epochs are counted from 0.",
            ),
            Mistake(
                lambda epoch: 0.4 * 0.5 if epoch % 10 == 0 and epoch else 0.4,
                "It is halved in one epoch, and back in the next: what was halved must stay halved.",
            ),
            Mistake(
                lambda epoch: 0.4 * 2 ** (epoch // 10), "This doubles the learning rate; halving is a factor of a half."
            ),
            Mistake(lambda epoch: 0.4 if epoch < 10 else 0.2, "It is halved once; what happens after 20 epochs?"),
        ),
        measure=outputs_at((0,), (5,), (9,), (10,), (11,), (20,), (35,)),
        advice="How often has it been halved by then? Epochs 0 to 9: never; 10 to 19: once; 20 to 29: twice.",
    ),
}
