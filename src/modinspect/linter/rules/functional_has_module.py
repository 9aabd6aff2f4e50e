"""MI101."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.linter.queries import ReportGraph, describe_op
from modinspect.linter.rule import PendingFinding, Rule, Runs
from modinspect.report import Op, base_name

_EQUIVALENTS = {
    **dict.fromkeys(["relu", "relu_"], "ReLU"),
    **dict.fromkeys(["leaky_relu", "leaky_relu_"], "LeakyReLU"),
    **dict.fromkeys(["elu", "elu_"], "ELU"),
    **dict.fromkeys(["hardtanh", "hardtanh_"], "Hardtanh"),
    **dict.fromkeys(["rrelu", "rrelu_"], "RReLU"),
    **dict.fromkeys(["sigmoid", "sigmoid_"], "Sigmoid"),
    **dict.fromkeys(["tanh", "tanh_"], "Tanh"),
    "relu6": "ReLU6",
    "selu": "SELU",
    "celu": "CELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "glu": "GLU",
    "prelu": "PReLU",
    "hardswish": "Hardswish",
    "hardsigmoid": "Hardsigmoid",
    "logsigmoid": "LogSigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "tanhshrink": "Tanhshrink",
    "softshrink": "Softshrink",
    "hardshrink": "Hardshrink",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "softmin": "Softmin",
    "dropout": "Dropout",
    "dropout1d": "Dropout1d",
    "dropout2d": "Dropout2d",
    "dropout3d": "Dropout3d",
    "alpha_dropout": "AlphaDropout",
    "feature_alpha_dropout": "FeatureAlphaDropout",
    **{f"{kind}_pool{n}d": f"{kind.title()}Pool{n}d" for kind in ("max", "avg", "lp") for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": f"Adaptive{kind.title()}Pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)},
    "linear": "Linear",
    "bilinear": "Bilinear",
    **{f"conv{n}d": f"Conv{n}d" for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": f"ConvTranspose{n}d" for n in (1, 2, 3)},
    "embedding": "Embedding",
    "embedding_bag": "EmbeddingBag",
    "batch_norm": "BatchNorm1d/2d/3d",
    "instance_norm": "InstanceNorm1d/2d/3d",
    "layer_norm": "LayerNorm",
    "group_norm": "GroupNorm",
    "rms_norm": "RMSNorm",
    "local_response_norm": "LocalResponseNorm",
    "interpolate": "Upsample",
    "upsample": "Upsample",
    "pixel_shuffle": "PixelShuffle",
    "pixel_unshuffle": "PixelUnshuffle",
    "channel_shuffle": "ChannelShuffle",
    "flatten": "Flatten",
    "unflatten": "Unflatten",
    "cosine_similarity": "CosineSimilarity",
    "pairwise_distance": "PairwiseDistance",
    "cross_entropy": "CrossEntropyLoss",
    "nll_loss": "NLLLoss",
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss",
    "huber_loss": "HuberLoss",
    "kl_div": "KLDivLoss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "ctc_loss": "CTCLoss",
}
_ONLY_FUNCTIONAL = {"unfold": "Unfold", "fold": "Fold", "pad": "ConstantPad1d/2d/3d", "threshold": "Threshold"}
"""Names that mean something else as a method of tensors."""


class FunctionalHasModule(Rule):
    """A function is called that has a module equivalent in `torch.nn`.

    ## What it does
    Checks for calls such as `F.relu(x)`, `x.sigmoid()` or `torch.flatten(x, 1)` in a `forward` of yours where
    `torch.nn` has an equivalent module.

    ## Why it is bad
    This is not a bug: the model computes the same. But `print(model)`, `torchinfo.summary` and module hooks don't see
    the call, tools that work on modules (quantization, feature extraction) skip it, and a function doesn't follow
    `model.eval()` by itself (see MI201).

    ## Example
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)

        def forward(self, x):
            return F.relu(self.fc(x))
    ```

    ## Use instead
    ```python
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(8, 4)
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.fc(x))
    ```

    ## How it is found
    In the eval run, by the name of each op outside a layer. Calls made by torch's own modules, and functions without an
    equivalent module (`torch.cat`, `x + y`, views), are not reported.

    ## When to ignore it
    Whenever you prefer functions. The rule is for projects that want `print(model)` to show everything.

    ## References
    - [torchsummary does not summarise functional layers](https://github.com/sksq96/pytorch-summary/issues/120)
    - [torch.add() does not show up in the output of summary](https://github.com/sksq96/pytorch-summary/issues/198)
    """

    id = "MI101"
    name = "functional-has-module"
    severity = "info"

    def check(self, runs: Runs) -> Iterator[PendingFinding]:
        """Hidden calls with an equivalent in ``torch.nn``."""
        graph = ReportGraph(runs.report)
        layers = {module.path for module in runs.report.modules if module.layer}
        for op in runs.report.ops:
            equivalent = _equivalent(op)
            if equivalent is None or not op.hidden or op.module in layers or graph.by_torch(op):
                continue
            yield PendingFinding(
                f"{describe_op(runs.report, op)} has a module equivalent. Register nn.{equivalent} in __init__ and call it, so "
                "that print(model) shows it",
                op.module,
                op.source,
                about=op.name,
            )


def _equivalent(op: Op) -> str | None:
    name = base_name(op.name)
    if op.name.startswith("torch.nn.functional."):
        return _EQUIVALENTS.get(name) or _ONLY_FUNCTIONAL.get(name)
    return _EQUIVALENTS.get(name) if op.name in (f"torch.{name}", f"torch.Tensor.{name}") else None
