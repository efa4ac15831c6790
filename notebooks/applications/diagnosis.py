"""A network tells harmful tumours from harmless ones, and we find out how far to trust it.

scikit-learn comes with measurements of the cell nuclei in 569 breast tumours: 30 numbers each, such as the mean radius,
and whether the tumour was malignant. Run it with `python -m notebooks.applications.diagnosis`; first
`pip install 'chalkgrad[lessons]'`.
"""

import warnings
from random import Random
from time import perf_counter

from engine import compile
from engine.utils.console import make_output_readable
from nn import MLP, Adam, binary_cross_entropy_with_logits, fit, standardize

# Chosen by tests within the training examples. Choosing anew in each fold gives networks that are right just as often.
EPOCHS, BATCH_SIZE, HIDDEN, LR = 30, 32, 16, 0.003


def folds(y, k, seed):
    """Which examples to learn from and which to test on, k times, so that each is tested on once.

    One test on a fifth of 569 examples depends on luck, by 2 % or more: on which examples are in that fifth. Five tests
    on all of them depend on it less. Every fold gets its share of both classes: every k-th example, sorted by class.
    """
    order = list(range(len(y)))
    Random(seed).shuffle(order)
    order.sort(key=y.__getitem__)
    for i in range(k):
        test = order[i::k]
        yield [j for j in order if j not in set(test)], test


def by_chalkgrad(X, y, X_test, seed):
    """The probability that a tumour is malignant, for each one to test on.

    The network may give any number, a logit, and the sigmoid turns it into a probability. The loss is the surprise at
    what the tumour was. It has 513 parameters and 455 examples: such a network can learn all of them by heart, which is
    why it stops after 30 epochs, and why we test it on others.
    """
    model = MLP(30, [HIDDEN, 1], rng=Random(seed))
    optimizer = Adam(model.parameters(), lr=LR)
    fit(model, (X, y), binary_cross_entropy_with_logits, optimizer, EPOCHS, BATCH_SIZE, seed=seed, progress=False)
    model.eval()
    return compile(lambda x: model(x).sigmoid()).map(X_test)


def by_scikit_learn(X, y, X_test, seed):
    """The same with scikit-learn's network: with as many neurons, after as many epochs of the same optimizer."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        [HIDDEN], alpha=0, batch_size=BATCH_SIZE, learning_rate_init=LR, max_iter=EPOCHS, random_state=seed
    ).set_params(n_iter_no_change=EPOCHS)  # all of them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it could go on learning
        return model.fit(X, y).predict_proba(X_test)[:, 1].tolist()


def cross_validated(method, X, y, seed):
    """The probability for every tumour, from the one of five networks that has not learned from it.

    The 30 columns are brought to one scale: an area of 1000 would drown a smoothness of 0.1. Mean and deviation are
    measured on the training examples alone, because even these two numbers would tell something about the others.
    """
    probabilities = [0.0] * len(y)
    for train, test in folds(y, 5, seed):
        X_train, X_test, _ = standardize(X[train], X[test])
        for i, p in zip(test, method(X_train, y[train], X_test, seed)):
            probabilities[i] = p
    return probabilities


def errors(probabilities, y, line=0.5):
    """How many malignant tumours are missed, and how many alarms are false, if the line is drawn there."""
    missed = sum(p <= line for p, malignant in zip(probabilities, y) if malignant)
    alarms = sum(p > line for p, malignant in zip(probabilities, y) if not malignant)
    return missed, alarms


def main(seed=0):
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    y = 1 - y  # 1 is malignant
    print(f"{len(y)} tumours, {sum(y)} malignant: calling all of them harmless would be right for {1 - y.mean():.1%}\n")
    print(f"{'network of 513 parameters':28}{'right':>8}{'missed':>9}{'false alarms':>15}{'seconds':>10}")
    found = {}
    for name, method in {"chalkgrad": by_chalkgrad, "scikit-learn": by_scikit_learn}.items():
        begin = perf_counter()
        found[name] = cross_validated(method, X, y, seed)
        missed, alarms = errors(found[name], y)
        right = 1 - (missed + alarms) / len(y)
        print(f"{name:28}{right:8.1%}{missed:9}{alarms:15}{perf_counter() - begin:10.1f}")

    # The two errors are not alike: a patient who is missed goes home with a tumour, a false alarm costs another
    # examination. Where to draw the line between them is for people to decide. The network gives them the choice.
    print(f"\n{'alarm above a probability of':36}{'missed':>9}{'false alarms':>15}")
    for line in (0.5, 0.25, 0.1, 0.03):
        missed, alarms = errors(found["chalkgrad"], y, line)
        print(f"{line:36.0%}{missed:9}{alarms:15}")


if __name__ == "__main__":
    make_output_readable()
    main()
