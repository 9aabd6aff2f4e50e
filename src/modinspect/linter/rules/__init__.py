"""All rules, in the order of their ids. A new rule is one new file and one line here; an id is never used again."""

from __future__ import annotations

from modinspect.linter.rule import Rule
from modinspect.linter.rules.batch_dimension_lost import BatchDimensionLost
from modinspect.linter.rules.batch_samples_mix import BatchSamplesMix
from modinspect.linter.rules.batch_size_fixed import BatchSizeFixed
from modinspect.linter.rules.batchnorm_reused import BatchnormReused
from modinspect.linter.rules.bias_before_batchnorm import BiasBeforeBatchnorm
from modinspect.linter.rules.data_dependent_branch import DataDependentBranch
from modinspect.linter.rules.device_pinned import DevicePinned
from modinspect.linter.rules.dropout_ignores_eval import DropoutIgnoresEval
from modinspect.linter.rules.dtype_pinned import DtypePinned
from modinspect.linter.rules.eval_not_deterministic import EvalNotDeterministic
from modinspect.linter.rules.frozen_batchnorm_updates import FrozenBatchnormUpdates
from modinspect.linter.rules.functional_has_module import FunctionalHasModule
from modinspect.linter.rules.gradient_cut import GradientCut
from modinspect.linter.rules.mode_not_propagated import ModeNotPropagated
from modinspect.linter.rules.module_made_in_forward import ModuleMadeInForward
from modinspect.linter.rules.repeated_softmax import RepeatedSoftmax
from modinspect.linter.rules.result_unused import ResultUnused
from modinspect.linter.rules.unregistered_constant import UnregisteredConstant
from modinspect.linter.rules.unregistered_module import UnregisteredModule
from modinspect.linter.rules.unregistered_weight import UnregisteredWeight
from modinspect.linter.rules.unused_parameter import UnusedParameter
from modinspect.linter.rules.unused_suppression import UnusedSuppression

__all__ = ["UnusedSuppression"]

RULES: tuple[Rule, ...] = (
    FunctionalHasModule(),
    UnregisteredModule(),
    UnregisteredWeight(),
    UnregisteredConstant(),
    ModuleMadeInForward(),
    DropoutIgnoresEval(),
    EvalNotDeterministic(),
    ModeNotPropagated(),
    UnusedParameter(),
    GradientCut(),
    BatchnormReused(),
    FrozenBatchnormUpdates(),
    BatchDimensionLost(),
    BatchSamplesMix(),
    BatchSizeFixed(),
    DataDependentBranch(),
    DevicePinned(),
    DtypePinned(),
    RepeatedSoftmax(),
    BiasBeforeBatchnorm(),
    ResultUnused(),
)
