"""The only room that touches private parts of torch, with the versions they differ by.

Each file lists them in ``USES`` and what it replaces in ``PATCHES``; ``docs/torch-internals.md`` is made of these lists.
"""

from modinspect.trace._torch.autograd_functions import function_calls_through, is_inside_function
from modinspect.trace._torch.autograd_nodes import current_autograd_node
from modinspect.trace._torch.code_objects import PRINTS_TENSOR, READ_META_THEMSELVES, SETS_UP_LAZY_MODULE
from modinspect.trace._torch.compiler import eagerly
from modinspect.trace._torch.cuda_availability import cuda_looks_available
from modinspect.trace._torch.default_device import default_device_mode, restore_default_device
from modinspect.trace._torch.dispatch_keys import (
    PYTHON_KEY,
    PYTHON_SNAPSHOT_KEY,
    exclude_key,
    is_composite,
    is_key_excluded,
)
from modinspect.trace._torch.gpu_free_methods import UNGUARDED
from modinspect.trace._torch.higher_order import see_higher_order_operators
from modinspect.trace._torch.memory_formats import convolution_memory_format, suggest_memory_format
from modinspect.trace._torch.modes import (
    DisableTorchDispatch,
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
    TorchDispatchMode,
    dispatch_mode_count,
    function_mode_count,
    is_function_enabled,
    pop_dispatch_mode,
    pop_dispatch_mode_safely,
    pop_function_mode,
    push_dispatch_mode,
    without_dispatch_modes,
)
from modinspect.trace._torch.modules import is_persistent, packed_tensors, packed_weight
from modinspect.trace._torch.operators import (
    AS_WRITTEN,
    HigherOrderOperator,
    OpOverload,
    OpOverloadPacket,
    arguments_of,
    overload_name,
    packet_of,
    qualified_name,
    schema_of,
    unlisted_name,
)
from modinspect.trace._torch.patches import (
    dispatch_functionals_to,
    module_calls_through,
    on_new_parameter,
    registered_parameters_through,
    scripted_arguments_through,
)
from modinspect.trace._torch.storages import SPARSE_PARTS, storage_of
from modinspect.trace._torch.tensors_without_memory import (
    DISABLED_TORCH_FUNCTION,
    FAKE_MODE_KEY,
    as_subclass_on,
    can_guard_cuda,
    meta_kernels,
)
from modinspect.trace._torch.transforms import (
    MAKE_DUAL,
    are_transforms_active,
    is_autocasting,
    is_tracing,
    untraced,
    unwrapped,
    without_transforms,
)

__all__ = [
    "AS_WRITTEN",
    "DISABLED_TORCH_FUNCTION",
    "FAKE_MODE_KEY",
    "MAKE_DUAL",
    "PRINTS_TENSOR",
    "PYTHON_KEY",
    "PYTHON_SNAPSHOT_KEY",
    "READ_META_THEMSELVES",
    "SETS_UP_LAZY_MODULE",
    "SPARSE_PARTS",
    "UNGUARDED",
    "DisableTorchDispatch",
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "HigherOrderOperator",
    "OpOverload",
    "OpOverloadPacket",
    "TorchDispatchMode",
    "are_transforms_active",
    "arguments_of",
    "as_subclass_on",
    "can_guard_cuda",
    "convolution_memory_format",
    "cuda_looks_available",
    "current_autograd_node",
    "default_device_mode",
    "dispatch_functionals_to",
    "dispatch_mode_count",
    "eagerly",
    "exclude_key",
    "function_calls_through",
    "function_mode_count",
    "is_autocasting",
    "is_composite",
    "is_function_enabled",
    "is_inside_function",
    "is_key_excluded",
    "is_persistent",
    "is_tracing",
    "meta_kernels",
    "module_calls_through",
    "on_new_parameter",
    "overload_name",
    "packed_tensors",
    "packed_weight",
    "packet_of",
    "pop_dispatch_mode",
    "pop_dispatch_mode_safely",
    "pop_function_mode",
    "push_dispatch_mode",
    "qualified_name",
    "registered_parameters_through",
    "restore_default_device",
    "schema_of",
    "scripted_arguments_through",
    "see_higher_order_operators",
    "storage_of",
    "suggest_memory_format",
    "unlisted_name",
    "untraced",
    "unwrapped",
    "without_dispatch_modes",
    "without_transforms",
]
