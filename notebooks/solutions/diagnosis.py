"""Solutions of the diagnosis."""

# %% exercise 1
# Of the malignant ones, 0.9 and 0.4 are above 0.3, and 0.2 is missed. Of the harmless ones, 0.6 is a false alarm.
answer = [1, 1]
check("diagnosis.1", answer)


# %% exercise 2
# Only the ill ones count, above the line and in the divisor: who is healthy can change neither.
def sensitivity(probabilities, malignant, line):
    found = sum(p > line for p, truth in zip(probabilities, malignant) if truth)
    return found / sum(malignant)


check("diagnosis.2", sensitivity)

# %% exercise 3
# Along a path, multiply: the derivative of the sigmoid is p · (1 - p) = 0.8 · 0.2 = 0.16, times 1.5.
slope = 0.8 * 0.2 * 1.5
check("diagnosis.3", slope)
