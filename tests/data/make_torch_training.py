"""Writes torch_training.json: what PyTorch makes of 20 steps of every optimizer with every loss, in float64.

Each of the 45 runs has its own mixture of the rest: a schedule, clipping, batch normalisation, a penalty. An epoch is
two mini-batches, of 6 and of 5 examples, in the order in which they are stored; after it the loss of all examples is
taken in eval mode, which `ReduceLROnPlateau` watches. Run it with PyTorch installed:

    python tests/data/make_torch_training.py
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

EXAMPLES, BATCH, EPOCHS = 11, 6, 10
MODELS = {
    "plain": [["Linear", 3, 5], ["Tanh"], ["Linear", 5, 4], ["Tanh"], ["Linear", 4]],
    # A bias before the normalisation has the gradient 0, but for the rounding, of which Adam makes whole steps.
    "normalised": [["Linear", 3, 5, False], ["BatchNorm1d", 5], ["Tanh"], ["Linear", 5]],
}
OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 0.2}),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    "adam": ("Adam", {"lr": 0.05, "betas": [0.8, 0.98], "eps": 1e-3, "weight_decay": 0.03}),
    "adamw": ("AdamW", {"lr": 0.05, "weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {"lr": 0.02, "alpha": 0.9}),
    "rmsprop with momentum": ("RMSprop", {"lr": 0.01, "momentum": 0.7, "eps": 1e-3, "weight_decay": 0.02}),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adagrad with decay": ("Adagrad", {"lr": 0.2, "lr_decay": 0.05, "eps": 1e-3, "weight_decay": 0.02}),
}
SCHEDULES = [
    None,
    ["StepLR", {"step_size": 3, "gamma": 0.5}],
    ["CosineAnnealingLR", {"T_max": 8, "eta_min": 0.002}],
    ["LinearLR", {"start_factor": 0.2, "total_iters": 4}],
    ["ReduceLROnPlateau", {"factor": 0.5, "patience": 1, "threshold": 0.2}],
]
CLIPS = [["clip_grad_norm_", 0.4], None, ["clip_grad_norm_", 0.8], ["clip_grad_value_", 0.05]]
PENALTIES = [["l1_penalty", 0.01], None, None, ["l2_penalty", 0.02], None, None, None]

rows = torch.randn(EXAMPLES, 3)
signs = torch.where(torch.arange(EXAMPLES) % 3 > 0, 1.0, -1.0)
targets = {
    "mse_loss": torch.randn(EXAMPLES, 2),
    "l1_loss": 2 * torch.randn(EXAMPLES, 2),
    "hinge_loss": signs,
    "binary_cross_entropy_with_logits": torch.rand(EXAMPLES).round(decimals=2),
    "cross_entropy": torch.arange(EXAMPLES) % 3,
}
OUTPUTS = {"mse_loss": 2, "l1_loss": 2, "hinge_loss": 1, "binary_cross_entropy_with_logits": 1, "cross_entropy": 3}


def hinge_loss(scores, targets):
    return F.relu(1 - targets * scores).mean()


def network(members):
    return nn.Sequential(*(getattr(nn, kind)(*options) for kind, *options in members))


def trained(name, loss, schedule, clip, penalty, members, state):
    """What is stored of a run: everything that it is made of, and every number on the way."""
    model = network(members)
    model.load_state_dict({key: torch.tensor(numbers) for key, numbers in state.items()})
    kind, options = OPTIMIZERS[name]
    optimizer = getattr(torch.optim, kind)(model.parameters(), **options)
    rates = schedule and getattr(torch.optim.lr_scheduler, schedule[0])(optimizer, **schedule[1])
    of_outputs = {**vars(F), "hinge_loss": hinge_loss}[loss]

    def measured(batch):
        outputs = model(rows[batch])
        value = of_outputs(outputs.squeeze(1) if OUTPUTS[loss] == 1 else outputs, targets[loss][batch])
        if penalty:
            each = torch.cat([p.flatten() for p in model.parameters()])
            value = value + penalty[1] * (each.abs() if penalty[0] == "l1_penalty" else each.square()).sum()
        return value

    losses, lrs, norms, evaluated = [], [], [], []
    for _ in range(EPOCHS):
        model.train()
        for start in range(0, EXAMPLES, BATCH):
            value = measured(slice(start, start + BATCH))
            optimizer.zero_grad()
            value.backward()
            if clip and clip[0] == "clip_grad_norm_":
                norms.append(clip_grad_norm_(model.parameters(), clip[1]).item())
            elif clip:
                clip_grad_value_(model.parameters(), clip[1])
            losses.append(value.item())
            lrs.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        model.eval()
        with torch.no_grad():
            evaluated.append(measured(slice(None)).item())
        if schedule:
            rates.step(*[evaluated[-1]] * (schedule[0] == "ReduceLROnPlateau"))
    return {
        "optimizer": [kind, options],
        "loss": loss,
        "schedule": schedule,
        "clip": clip,
        "penalty": penalty,
        "losses": losses,
        "lrs": lrs,
        "norms": norms,
        "evaluated": evaluated,
    }


models = {}
for name, members in MODELS.items():
    for outputs in (1, 2, 3):
        *before, last = members
        made = network([*before, [*last, outputs]])
        for parameter in made.parameters():
            parameter.data = 0.8 * torch.randn_like(parameter)
        state = {key: tensor.tolist() for key, tensor in made.state_dict().items()}
        models[f"{name}, {outputs}"] = {"members": [*before, [*last, outputs]], "state": state}

runs = {}
for i, name in enumerate(OPTIMIZERS):
    for j, loss in enumerate(OUTPUTS):
        n = i * len(OUTPUTS) + j
        model = f"{'normalised' if n // 2 % 3 == 0 else 'plain'}, {OUTPUTS[loss]}"
        schedule, clip, penalty = SCHEDULES[(i + j) % 5], CLIPS[n % 4], PENALTIES[n % 7]
        run = trained(name, loss, schedule, clip, penalty, *models[model].values())
        runs[f"{name}, {loss}"] = {"model": model, **run}


def lines(things):
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(thing)}" for name, thing in things.items()) + "\n}"


written = {
    "pytorch": json.dumps(torch.__version__),
    "epochs": json.dumps(EPOCHS),
    "batch_size": json.dumps(BATCH),
    "rows": json.dumps(rows.tolist()),
    "targets": lines({name: each.tolist() for name, each in targets.items()}),
    "models": lines(models),
    "runs": lines(runs),
}
text = ",\n".join(f'"{name}": {part}' for name, part in written.items())
Path(__file__).with_name("torch_training.json").write_text(f"{{\n{text}\n}}\n")
