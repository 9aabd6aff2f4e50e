"""MI302."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from modinspect.lint.reading import listed, short, where
from modinspect.lint.rule import Draft, Gradients, Rule, Runs, Spot, Undecided
from modinspect.report import Report


class GradientCut(Rule):
    """A trainable parameter is used and no gradient of the output reaches it."""

    id = "MI302"
    name = "gradient-cut"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Trainable parameters that were used and that no gradient reaches, by the call that cuts it."""
        if not any(state.trainable for state in runs.report.parameters):
            return
        gradients = runs.gradients()
        used = _used(runs)
        lost = [state.name for state in runs.report.parameters if state.trainable and state.name in used - gradients.reached]
        groups: dict[Spot | None, list[str]] = {}
        for name in lost:
            groups.setdefault(_spot(runs.report, gradients, name), []).append(name)
        if groups and not gradients.reached:
            groups = {next(iter(groups)): lost}
        for spot, names in groups.items():
            yield _draft(runs.report, gradients, spot, names)


def _used(runs: Runs) -> set[str]:
    """The parameters that an op used, in eval mode or in train mode."""
    reports = [runs.report]
    with suppress(Undecided):
        reports.append(runs.train())
    return {state.name for report in reports for state in report.parameters if state.used}


def _spot(report: Report, gradients: Gradients, name: str) -> Spot | None:
    """Where the gradient of a parameter is cut; where it was used, if its result goes nowhere."""
    if name in gradients.cuts:
        return gradients.cuts[name]
    for op in report.ops:
        if any(operand.origin == f"param:{name}" for operand in op.inputs):
            return Spot(op.source, op.name, op.module)
    return None


def _draft(report: Report, gradients: Gradients, spot: Spot | None, names: list[str]) -> Draft:
    path = spot.module if spot is not None else names[0].rpartition(".")[0]
    subject = f"no gradient of the output reaches {listed(names)}"
    if spot is None or names[0] not in gradients.cuts:
        why = "their results do not go into the output" if len(names) > 1 else "its result does not go into the output"
    elif short(spot.function) in _CUTTERS:
        why = f"{short(spot.function)} in {where(report, path)} cuts it off"
    else:
        why = f"{short(spot.function)} in {where(report, path)} runs without gradients, or its result has none"
    way_out = "Let gradients through, or freeze what is not to be trained: requires_grad_(False)"
    return Draft(f"{subject}: {why}. {way_out}", path, spot.source if spot is not None else None, about=names[0])


_CUTTERS = frozenset(
    {"Tensor.detach", "Tensor.detach_", "torch.detach", "Tensor.data", "Tensor.item", "Tensor.tolist", "Tensor.numpy"}
)
