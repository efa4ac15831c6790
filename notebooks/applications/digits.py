"""Two networks learn to read handwritten digits, each in seconds.

scikit-learn comes with 1,797 images of 8×8 dots. A fifth of them is held out: the networks are tested on images that
they have never seen, because what they could have learned by heart says nothing. Run it with
`python -m notebooks.applications.digits`; first `pip install 'chalkgrad[lessons]'`. The first run takes longer, because
it makes the machine code too.
"""

import warnings
from random import Random
from time import perf_counter

from engine import compile
from engine.utils.console import make_output_readable
from nn import (
    MLP,
    Adam,
    Conv2d,
    CosineAnnealingLR,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    cross_entropy,
    fit,
    train_test_split,
)

# What is chosen, and not learned. These were chosen on some of the training images, which were kept out of training for
# that time. If you choose by the held-out images, you have seen them after all.
EPOCHS, BATCH_SIZE = 40, 32
HIDDEN, FILTERS = 64, 16


def dense_network(rng):
    """64 dots in a row, 64 neurons that see them all, and a score for each digit.

    It does not know which dots are neighbours: shuffle the 64 columns in all images alike, and it learns just as well.
    """
    return MLP(64, [HIDDEN, 10], rng=rng)


def convolutional_network(rng):
    """Each of 16 small neurons looks at 3×3 dots, at every place of the image, with the same 9 weights everywhere.

    A stroke that one of them has learned to see, it sees at all 64 places: `Conv2d` makes 16 images out of one, each a
    map of where something was seen. `MaxPool2d` keeps the largest of each 2×2 dots of a map, because a dot to the left
    or right matters little. What remains, 16 maps of 4×4, is a row of 256 numbers for a dense layer.
    """
    return Sequential(
        Conv2d(1, FILTERS, kernel_size=3, padding=1, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(FILTERS * 4 * 4, 10, rng=rng),
    )


def learn_and_read(model, images, digits, held_out, lr):
    """Learn from images and their digits; then read others.

    The loss, cross-entropy, is the surprise at the true digit. The steps grow ever smaller, along half a cosine: large
    ones find the region, small ones the place in it. An answer is the digit with the highest score.
    """
    optimizer = Adam(model.parameters(), lr=lr)
    schedule = CosineAnnealingLR(optimizer, T_max=EPOCHS)
    print(fit(model, (images, digits), cross_entropy, optimizer, EPOCHS, BATCH_SIZE, schedule=schedule))
    scores = compile(model.eval()).map(held_out)  # all images as machine code
    return [max(range(10), key=row.__getitem__) for row in scores]


def by_scikit_learn(images, digits, held_out, lr, seed):
    """The same with scikit-learn's dense network: with as many neurons, after as many epochs of the same optimizer."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        [HIDDEN], alpha=0, batch_size=BATCH_SIZE, learning_rate_init=lr, max_iter=EPOCHS, random_state=seed
    ).set_params(n_iter_no_change=EPOCHS)  # all of them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it could go on learning
        return model.fit(images, digits).predict(held_out).tolist()


def drawn(image):
    """An image as text, the darker the more ink."""
    return "\n".join("".join(2 * " ░▒▓█"[round(4 * ink)] for ink in row).rstrip() for row in image)


def main(seed=0):
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X, held_out, y, truth = train_test_split(X / 16, y, stratify=True, seed=seed)  # dots from 0 to 1
    print(f"{len(X):,} images to learn from, and {len(held_out)} held out, such as this {truth[0]}:\n")
    print(drawn(held_out[0].reshape(8, 8)))

    def images(rows):
        return rows.reshape(-1, 1, 8, 8)  # with one channel, as grey images have

    dense, convolutional = dense_network(Random(seed)), convolutional_network(Random(seed))
    n, m = len(dense.parameters()), len(convolutional.parameters())
    lines = []
    for name, answers_of in {
        f"dense, {n:,} parameters": lambda: learn_and_read(dense, X, y, held_out, 0.003),
        f"dense, {n:,}, by scikit-learn": lambda: by_scikit_learn(X, y, held_out, 0.003, seed),
        f"convolutional, {m:,}": lambda: learn_and_read(convolutional, images(X), y, images(held_out), 0.01),
    }.items():
        print(f"\n{name}")
        begin = perf_counter()
        answers = answers_of()
        seconds = perf_counter() - begin
        right = sum(answer == digit for answer, digit in zip(answers, truth)) / len(truth)
        lines.append(f"{name:32}{right:24.1%}{seconds:9.1f}")

    print(f"\n{'network':32}{'right on those held out':>24}{'seconds':>9}", *lines, sep="\n")
    wrong = [i for i, answer in enumerate(answers) if answer != truth[i]]
    print(f"\nThe convolutional network misread {len(wrong)}. Would you have read the first of them?")
    for i in wrong[:2]:
        print(f"\n{drawn(held_out[i].reshape(8, 8))}\nread as {answers[i]}, but it is a {truth[i]}")


if __name__ == "__main__":
    make_output_readable()
    main()
