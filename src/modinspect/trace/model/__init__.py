"""What a model registers and holds, looked at without running it."""

from modinspect.registered import join, walk
from modinspect.trace._torch import storage_of, unwrapped
from modinspect.trace.model.module_summary import (
    ModuleRun,
    ModuleSummary,
    own_parameters,
    size_below,
    summarize,
    unregistered_info,
)
from modinspect.trace.model.non_tensors import other_values
from modinspect.trace.model.object_graph import (
    DEEPEST,
    MOST,
    TORCHS_OWN,
    attributes,
    in_slots,
    is_plain,
    reachable,
    slots_of,
)
from modinspect.trace.model.registry import (
    Layers,
    Registry,
    check_modules,
    class_path,
    mode_of,
    register,
    saved_modes,
)
from modinspect.trace.model.tensors import (
    PLAIN,
    TensorMetaTable,
    dtype_name,
    flatten,
    flatten_all,
    map_tensors,
    shape_of,
)

__all__ = [
    "DEEPEST",
    "MOST",
    "PLAIN",
    "TORCHS_OWN",
    "Layers",
    "ModuleRun",
    "ModuleSummary",
    "Registry",
    "TensorMetaTable",
    "attributes",
    "check_modules",
    "class_path",
    "dtype_name",
    "flatten",
    "flatten_all",
    "in_slots",
    "is_plain",
    "join",
    "map_tensors",
    "mode_of",
    "other_values",
    "own_parameters",
    "reachable",
    "register",
    "saved_modes",
    "shape_of",
    "size_below",
    "slots_of",
    "storage_of",
    "summarize",
    "unregistered_info",
    "unwrapped",
    "walk",
]
