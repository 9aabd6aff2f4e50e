"""MI203."""

from __future__ import annotations

from collections.abc import Iterator

from modinspect.lint.reading import listed, where
from modinspect.lint.rule import Draft, Rule, Runs, Stray
from modinspect.report import ModuleInfo, Source


class ModeNotPropagated(Rule):
    """After model.eval() or model.train() a submodule is in the other mode."""

    id = "MI203"
    name = "mode-not-propagated"
    severity = "warning"

    def check(self, runs: Runs) -> Iterator[Draft]:
        """Modules left in the other mode, and modules that ran in it."""
        modules = {module.path: module for module in runs.report.modules}
        strays = runs.modes()
        groups: dict[object, list[Stray]] = {}
        for stray in strays:
            if stray.asked == "eval" or _matters_in_train(stray, modules.get(stray.module)):
                groups.setdefault((stray.asked, stray.set_on_purpose, stray.method), []).append(stray)
        for group in groups.values():
            yield _draft(runs, group)
        told = {stray.module for stray in strays}
        for call in runs.report.calls:
            info = modules.get(call.module)
            if call.training and info is not None and info.registered and call.module not in told:
                told.add(call.module)
                yield Draft(
                    f"{where(runs.report, call.module)} runs in train mode after model.eval(): forward switches it. Leave the "
                    "mode to "
                    "train() and eval(), and look at self.training",
                    call.module,
                    call.source,
                )


def _matters_in_train(stray: Stray, info: ModuleInfo | None) -> bool:
    """Frozen modules may stay in eval mode, which many keep them in on purpose."""
    if not stray.set_on_purpose:
        return True
    return info is not None and info.trainable_params > 0


def _draft(runs: Runs, strays: list[Stray]) -> Draft:
    first = strays[0]
    names = listed(where(runs.report, stray.module) for stray in strays)
    other = "train" if first.asked == "eval" else "eval"
    source: Source | None = first.method or (runs.declared(first.module) if first.module else None)
    if first.asked == "train" and first.set_on_purpose:
        message = f"{names} stays in eval mode after model.train(). If that is meant, freeze its parameters, too"
        return Draft(message, first.module, source, about="train", severity="info")
    verb = "are" if len(strays) > 1 else "is"
    way_out = (
        "call super().train(mode) in the override of train(), and return self" if first.method else "switch modes with train()"
    )
    message = f"after model.{first.asked}(), {names} {verb} still in {other} mode: {way_out}"
    return Draft(message, first.module, source, about=first.asked)
