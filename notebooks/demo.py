"""The main job in under a minute: a gradient step by step, a diagnosis, two moons, and pictures of the graphs.

Run it with `make demo`, or with `python notebooks/demo.py`; the pictures go to the folder demo-output.
"""

import random
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes

matplotlib.use("Agg")  # pictures go to files

from sklearn.datasets import load_breast_cancer, make_moons
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from engine import Value, dot, no_grad
from engine.graph import topological_order
from engine.utils.console import make_output_readable
from nn import MLP, SGD, Adam, Neuron, binary_cross_entropy_with_logits, hinge_loss
from viz import draw_dot, plot_decision_boundary, plot_loss

OUTPUT = Path("demo-output")


def main() -> None:
    written = [*expression(), *diagnosis(), *moons(), *network_pictures()]
    print("\nWritten:")
    for path in written:
        print(f"  {path}")


def expression() -> list[str]:
    print("1. A small expression and its gradient, step by step\n")
    a, b, c = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    loss = d * a
    loss.label = "L"
    loss.backward()
    order = topological_order(loss)
    print("   forward    " + "   ".join(f"{node.label} = {node.data:g}" for node in order))
    for node in reversed(order):
        for parent, local in zip(node.parents, node.local_gradients()):
            print(
                f"   backward   ∂L/∂{parent.label} += ∂L/∂{node.label} · ∂{node.label}/∂{parent.label}"
                f" = {node.grad:g} · {local:g} = {node.grad * local:g}"
            )
    print("   gradients  " + "   ".join(f"∂L/∂{leaf.label} = {leaf.grad:g}" for leaf in (a, b, c)))
    print("\n   its graph, from the result to its operands:")
    print_tree(loss)
    return [draw_dot(loss, edges="local").render(OUTPUT / "expression", cleanup=True)]


def print_tree(node: Value, indent: str = "      ") -> None:
    made = f" = {f' {node.op} '.join(parent.label for parent in node.parents)}" if node.parents else ""
    print(f"{indent}{node.label}{made}")
    for parent in node.parents:
        print_tree(parent, indent + "   ")


def diagnosis() -> list[str]:
    print("\n2. A diagnosis: breast cancer from 30 measurements of cell nuclei\n")
    random.seed(1337)
    X, y = load_breast_cancer(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=1)
    scaler = StandardScaler().fit(X)
    rows, labels = scaler.transform(X).tolist(), y.tolist()
    model = MLP(30, [16, 1])
    optimizer = Adam(model.parameters(), lr=0.01, weight_decay=1e-3)
    losses = []
    epochs, batch_size = 8, 35
    for epoch in range(1, epochs + 1):
        order = random.sample(range(len(rows)), len(rows))
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        progress = tqdm(batches, desc=f"   epoch {epoch}/{epochs}", ncols=80)
        for batch in progress:
            loss = binary_cross_entropy_with_logits([model(rows[i]) for i in batch], [labels[i] for i in batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.data)
            progress.set_postfix(loss=f"{loss.data:.3f}")
    with no_grad():
        right = sum((model(row) > 0) == bool(label) for row, label in zip(scaler.transform(X_test).tolist(), y_test))
    majority = max(y_test.mean(), 1 - y_test.mean())
    print(f"\n   {len(y_test)} patients the network never saw: {right / len(y_test):.1%} right")
    print(f"   always saying what most of them have:     {majority:.1%} right")
    return save(plot_loss(losses), "diagnosis-loss.png")


def moons() -> list[str]:
    print("\n3. Two moons, one network, one boundary\n")
    random.seed(1337)
    X, y = make_moons(n_samples=100, noise=0.1, random_state=1337)
    rows, labels = X.tolist(), (2 * y - 1).tolist()
    model = MLP(2, [16, 16, 1])
    parameters = model.parameters()
    optimizer = SGD(parameters, lr=0.1, momentum=0.9)
    progress = tqdm(range(80), desc="   steps", ncols=80)
    for _ in progress:
        scores = [model(row) for row in rows]
        loss = hinge_loss(scores, labels) + 1e-4 * dot(parameters, parameters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        accuracy = sum((score > 0) == (label > 0) for score, label in zip(scores, labels)) / len(rows)
        progress.set_postfix(loss=f"{loss.data:.4f}", right=f"{accuracy:.0%}")
    return save(plot_decision_boundary(model, rows, labels), "moons-boundary.png")


def network_pictures() -> list[str]:
    print("\n4. Pictures of a neuron, split into its operations, and of a small network")
    random.seed(3)
    neuron = Neuron(3, activation="tanh", fused=False)
    y = neuron([Value(x, f"x{i}") for i, x in enumerate((1.0, -2.0, 0.5))])
    y.label = "y"
    y.backward()
    score = MLP(2, [3, 1])([Value(0.5, "x0"), Value(-1.0, "x1")])
    score.label = "score"
    score.backward()
    return [
        draw_dot(y, edges="local").render(OUTPUT / "neuron", cleanup=True),
        draw_dot(score).render(OUTPUT / "network", cleanup=True),
    ]


def save(ax: Axes, name: str) -> list[str]:
    path = OUTPUT / name
    path.parent.mkdir(exist_ok=True)
    ax.figure.savefig(path, dpi=150)
    return [str(path)]


if __name__ == "__main__":
    make_output_readable()
    main()
