"""All rules, in the order of their ids. A new rule is one new file and one line here; an id is never used again."""

from __future__ import annotations

from modinspect.lint.rule import Rule
from modinspect.lint.rules.batch_dimension_lost import BatchDimensionLost
from modinspect.lint.rules.batch_samples_mix import BatchSamplesMix
from modinspect.lint.rules.batch_size_fixed import BatchSizeFixed
from modinspect.lint.rules.batchnorm_reused import BatchnormReused
from modinspect.lint.rules.bias_before_batchnorm import BiasBeforeBatchnorm
from modinspect.lint.rules.data_dependent_branch import DataDependentBranch
from modinspect.lint.rules.device_pinned import DevicePinned
from modinspect.lint.rules.dropout_ignores_eval import DropoutIgnoresEval
from modinspect.lint.rules.dtype_pinned import DtypePinned
from modinspect.lint.rules.eval_not_deterministic import EvalNotDeterministic
from modinspect.lint.rules.frozen_batchnorm_updates import FrozenBatchnormUpdates
from modinspect.lint.rules.functional_has_module import FunctionalHasModule
from modinspect.lint.rules.gradient_cut import GradientCut
from modinspect.lint.rules.mode_not_propagated import ModeNotPropagated
from modinspect.lint.rules.module_made_in_forward import ModuleMadeInForward
from modinspect.lint.rules.repeated_softmax import RepeatedSoftmax
from modinspect.lint.rules.result_unused import ResultUnused
from modinspect.lint.rules.unregistered_constant import UnregisteredConstant
from modinspect.lint.rules.unregistered_module import UnregisteredModule
from modinspect.lint.rules.unregistered_weight import UnregisteredWeight
from modinspect.lint.rules.unused_parameter import UnusedParameter

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
