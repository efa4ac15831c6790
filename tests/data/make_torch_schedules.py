"""Writes torch_schedules.json: PyTorch's learning rates over 40 steps, clipped gradients and losses, in float64.

Run it with PyTorch installed: python tests/data/make_torch_schedules.py
"""

import json
import math
import warnings
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import lr_scheduler

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
warnings.filterwarnings("ignore", message="Detected call of")  # no gradients are needed for this

STEPS, LR = 40, 0.3

# Each run: the schedules in the order in which they are made, and which of them takes each step.
RUNS = {
    "steps": ([("StepLR", {"step_size": 7})], lambda t: [0]),
    "steps of one": ([("StepLR", {"step_size": 1, "gamma": 0.9})], lambda t: [0]),
    "linear": ([("LinearLR", {})], lambda t: [0]),
    "linear down": ([("LinearLR", {"start_factor": 0.9, "end_factor": 0.0, "total_iters": 12})], lambda t: [0]),
    "cosine": ([("CosineAnnealingLR", {"T_max": 40})], lambda t: [0]),
    "cosine, up again": ([("CosineAnnealingLR", {"T_max": 9, "eta_min": 0.01})], lambda t: [0]),
    "cosine of one step": ([("CosineAnnealingLR", {"T_max": 1})], lambda t: [0]),
    "warm-up, then cosine": (
        [("LinearLR", {"start_factor": 0.25, "total_iters": 5}), ("CosineAnnealingLR", {"T_max": 35, "eta_min": 1e-3})],
        lambda t: [0] if t < 5 else [1],
    ),
    "warm-up, then cosine, up again": (
        [("LinearLR", {"start_factor": 0.1, "total_iters": 4}), ("CosineAnnealingLR", {"T_max": 10})],
        lambda t: [0] if t < 4 else [1],
    ),
    "all at once": (
        [("LinearLR", {}), ("StepLR", {"step_size": 10, "gamma": 0.5}), ("CosineAnnealingLR", {"T_max": 50})],
        lambda t: [0, 1, 2],
    ),
    "restarts": ([("CosineAnnealingWarmRestarts", {"T_0": 7})], lambda t: [0]),
    "restarts, each twice as far": (
        [("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.01})],
        lambda t: [0],
    ),
}
# Schedules that SequentialLR takes one after another, and its milestones.
SEQUENCES = {
    "warm-up, then cosine": (
        [("LinearLR", {"start_factor": 0.25, "total_iters": 5}), ("CosineAnnealingLR", {"T_max": 30, "eta_min": 1e-3})],
        [5],
    ),
    "all of them": (
        [
            ("LinearLR", {"start_factor": 0.1, "total_iters": 4}),
            ("StepLR", {"step_size": 3}),
            ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2}),
            ("LinearLR", {"start_factor": 0.5, "end_factor": 0.0, "total_iters": 6}),
            ("CosineAnnealingLR", {"T_max": 3}),
        ],
        [1, 9, 22, 31],
    ),
    "one alone": ([("StepLR", {"step_size": 6, "gamma": 0.5})], []),
}
PLATEAUS = {
    "patience": {"patience": 3},
    "cooldown": {"patience": 2, "cooldown": 4, "factor": 0.5},
    "least": {"patience": 0, "factor": 0.3, "min_lr": 0.02},
    "threshold": {"patience": 1, "threshold": 0.2, "factor": 0.7},
    "max": {"mode": "max", "patience": 2, "threshold": 0.02, "factor": 0.5},
    "max, without patience": {"mode": "max", "patience": 0},
    "no change worth making": {"patience": 0, "factor": 0.01},
    "absolute": {"patience": 2, "threshold": 0.15, "threshold_mode": "abs", "factor": 0.6},
    "max, absolute": {"mode": "max", "patience": 2, "threshold": 0.04, "threshold_mode": "abs", "factor": 0.6},
}
# It falls, wanders, falls again; now and then it is not finite.
measured = [2 / (1 + t) + 0.3 * math.sin(1.7 * t) + (1.5 if t > 25 else 2.0) for t in range(STEPS)]
measured[0], measured[17], measured[18] = math.inf, math.nan, math.inf
accuracies = [1 - 3 / (4 + t) + 0.05 * math.sin(1.7 * t) for t in range(STEPS)]
accuracies[0] = -math.inf


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)


runs = {}
for name, (made, turns) in RUNS.items():
    steps = optimizer()
    schedules = [getattr(lr_scheduler, kind)(steps, **options) for kind, options in made]
    rates = [steps.param_groups[0]["lr"]]
    for t in range(STEPS):
        for i in turns(t):
            schedules[i].step()
        rates.append(steps.param_groups[0]["lr"])
    runs[name] = {"schedules": made, "turns": [turns(t) for t in range(STEPS)], "rates": rates}

sequences = {}
for name, (made, milestones) in SEQUENCES.items():
    steps = optimizer()
    schedule = lr_scheduler.SequentialLR(
        steps, [getattr(lr_scheduler, kind)(steps, **options) for kind, options in made], milestones
    )
    rates = [steps.param_groups[0]["lr"]]
    for _ in range(STEPS):
        schedule.step()
        rates.append(steps.param_groups[0]["lr"])
    sequences[name] = {"schedules": made, "milestones": milestones, "rates": rates}

plateaus = {}
for name, options in PLATEAUS.items():
    steps = optimizer()
    schedule = lr_scheduler.ReduceLROnPlateau(steps, **options)
    rates = []
    seen = accuracies if options.get("mode") == "max" else measured
    for x in seen:
        schedule.step(x)
        rates.append(steps.param_groups[0]["lr"])
    plateaus[name] = {"options": options, "measured": seen, "rates": rates}

GRADIENTS = [3.0, -4.0, None, 0.0, 12.0]
CLIPPED = {
    "shorter": (GRADIENTS, 1.0),
    "long enough": (GRADIENTS, 20.0),
    "just as long": (GRADIENTS, 13.0),
    "to nothing": (GRADIENTS, 0.0),
    "measured only": (GRADIENTS, math.inf),
    "zeros": ([0.0, 0.0], 1.0),
    "tiny": ([1e-7, -2e-7], 1e-7),
    "inf": ([1.0, math.inf, -2.0, None], 1.0),
    "nan": ([1.0, math.nan, None], 1.0),
    "inf and nan": ([math.inf, math.nan, 1.0], 1.0),
}


def parameters(gradients):
    made = [torch.zeros(1, requires_grad=True) for _ in gradients]
    for parameter, gradient in zip(made, gradients):
        parameter.grad = None if gradient is None else torch.tensor([gradient])
    return made


def listed(made):
    return [None if parameter.grad is None else parameter.grad.item() for parameter in made]


norms, values = {}, {}
for name, (gradients, limit) in CLIPPED.items():
    made = parameters(gradients)
    norm = clip_grad_norm_(made, limit).item()
    norms[name] = {"gradients": gradients, "max_norm": limit, "norm": norm, "after": listed(made)}
    made = parameters(gradients)
    clip_grad_value_(made, limit)
    values[name] = {"gradients": gradients, "clip_value": limit, "after": listed(made)}

outputs = torch.tensor([[0.0, 1.5], [-2.0, 0.25], [0.25, 3.0]], requires_grad=True)
targets = torch.tensor([[0.5, 1.0], [-2.0, 0.75], [1.25, -3.0]])
losses = {
    "mse_loss": F.mse_loss(outputs, targets),
    "l1_loss": F.l1_loss(outputs, targets),
    "l1_penalty": outputs.abs().sum(),
    "l2_penalty": outputs.square().sum(),
}
written = {
    "pytorch": torch.__version__,
    "lr": LR,
    "runs": runs,
    "sequences": sequences,
    "plateaus": plateaus,
    "clip_grad_norm_": norms,
    "clip_grad_value_": values,
    "outputs": outputs.tolist(),
    "targets": targets.tolist(),
    "losses": {
        name: {"loss": loss.item(), "grad": torch.autograd.grad(loss, outputs)[0].tolist()}
        for name, loss in losses.items()
    },
}
Path(__file__).with_name("torch_schedules.json").write_text(json.dumps(written, indent=1) + "\n")
