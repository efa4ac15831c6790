"""Solutions of speech."""

# %% exercise 1
# Three quarters of the old number, one quarter of the suggestion.
number = 0.75 * 0.8 + 0.25 * 0.2
check("speech.1", number)

# %% exercise 2
# Along a path, multiply: 0.9 twenty times makes 0.12. That is why what was heard long ago matters little; with gates
# near 1 it matters longer.
slope = 0.9**20
check("speech.2", slope)


# %% exercise 3
# The mask is made from the length: a silent moment that exists is a zero, too.
def pad(sound, length):
    missing = length - len(sound)
    return [*sound, *[0.0] * missing], [1] * len(sound) + [0] * missing


check("speech.3", pad)
