"""Where tensors come from: an op that ran, or an input of the graph (an argument, a parameter, an unregistered tensor)."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from modinspect.trace._torch import DisableTorchFunction
from modinspect.trace.capture.records import GraphInput, ModuleFrame, Origin, TensorRef, UnregisteredUse
from modinspect.trace.capture.sources import Sources
from modinspect.trace.capture.tensor_owners import TensorOwners
from modinspect.trace.model import PLAIN, Registry, TensorMetaTable, flatten, join, shape_of, storage_of, unwrapped
from modinspect.trace.restore import Preserved

_get_frame = sys._getframe
_ref = weakref.ref

UNRESOLVED: Any = object()
"""The origin of a tensor that has not been looked for yet."""

Entry: TypeAlias = "tuple[weakref.ref[Tensor], Origin, int | None]"
"""(the tensor, its origin, the number of its metadata). The number is ``None`` until somebody asks for it."""


class Provenance:
    """What is known of each tensor: its origin, and its metadata until something writes to it.

    Args:
        registry: what the model registers.
        preserved: saves unregistered tensors when they are found.
        metas: numbers the metadata of tensors.
        sources: finds lines of code.
        stack: the modules that are running, innermost last.
        plain: tensor types that are fully described by their metadata.
    """

    def __init__(
        self,
        registry: Registry,
        preserved: Preserved,
        metas: TensorMetaTable,
        sources: Sources,
        stack: list[ModuleFrame],
        plain: frozenset[type] = PLAIN,
    ) -> None:
        state = [*registry.parameters.values(), *registry.buffers.values()]
        names = [registry.tensor_names[id(tensor)] for tensor in state]
        self.graph_inputs = [GraphInput(name.partition(":")[0], name) for name in names]
        self.entries: dict[int, Entry] = {
            id(tensor): (_ref(tensor), -1 - index, registry.metas[id(tensor)]) for index, tensor in enumerate(state)
        }
        self.unregistered_uses: list[UnregisteredUse] = []
        self.model_changed = False
        self.has_marked = any(map(is_marked, state))
        """Whether some tensor is marked in a way that its metadata doesn't tell, so that no call can be recognised."""
        self.owners = TensorOwners(registry, sources)
        self._preserved = preserved
        self._sources = sources
        self._stack = stack
        self._plain = plain
        self._number_of, self._described_as = metas.number, metas.described
        self._made_inside: dict[int, tuple[StorageWeakRef, int]] = {}
        self._made_of: dict[int, tuple[weakref.ref[Tensor], int]] = {}

    # -- entries

    def origin(self, tensor: Tensor) -> Origin:
        """The tensor's origin if it is known, without looking further."""
        entry = self.entries.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def unwrapped_origin(self, tensor: Tensor) -> Origin:
        """The origin of the tensor inside the wrappers of transforms (``vmap``, ``grad``), if it is known."""
        origin = self.origin(tensor)
        return origin if origin is not None else self.origin(unwrapped(tensor))

    def set_origin(self, tensor: Tensor, origin: Origin) -> None:
        """Notes where ``tensor`` comes from; its metadata is read anew when it is next used."""
        self.entries[id(tensor)] = (_ref(tensor), origin, None)

    def add_graph_input(self, tensor: Tensor, source: GraphInput) -> int:
        """Makes ``tensor`` an input of the graph and returns its origin."""
        self.graph_inputs.append(source)
        self.has_marked = self.has_marked or is_marked(tensor)
        origin = -len(self.graph_inputs)
        self.set_origin(tensor, origin)
        return origin

    def refreshed_entry(self, tensor: Tensor) -> Entry:
        """The tensor's entry with its metadata read anew; the origin may be ``UNRESOLVED``."""
        entry = self.entries.get(id(tensor))
        if entry is None or entry[0]() is not tensor or entry[1] is None:
            return (_ref(tensor), UNRESOLVED, self._number_of(tensor))
        entry = self.entries[id(tensor)] = (entry[0], entry[1], self._number_of(tensor))
        return entry

    def forget_meta(self, tensor: Tensor) -> None:
        """The tensor's metadata may have changed."""
        entry = self.entries.get(id(tensor))
        if entry is not None and entry[0]() is tensor:
            self.entries[id(tensor)] = (entry[0], entry[1], None)

    def tensor_refs(self, value: Any, path: str) -> Sequence[TensorRef]:
        """The tensors in ``value``, with their paths below ``path``."""
        entry = self.entries.get(id(value))
        if entry is None or entry[0]() is not value:
            with DisableTorchFunction():
                return [(inside, shape_of(t), t.dtype, self.origin_or_made(t)) for inside, t in flatten(value, path)]
        shape, dtype, _ = self._described_as[entry[2]] if entry[2] is not None else self._described(value, entry)
        return [(path, shape, dtype, entry[1])]

    def _described(self, tensor: Any, entry: Entry) -> tuple[Any, torch.dtype, torch.device]:
        with DisableTorchFunction():
            if type(tensor) not in self._plain or tensor.layout is not torch.strided or tensor.is_nested:
                return shape_of(tensor), tensor.dtype, tensor.device
            number = self._number_of(tensor)
            self.entries[id(tensor)] = (entry[0], entry[1], number)
            return self._described_as[number]

    # -- what ops do to tensors

    def claim_outputs(self, out: Any, operands: list[Tensor], index: int) -> list[tuple[Any, torch.dtype, torch.device]]:
        """Makes op ``index`` the origin of the tensors in ``out``, except for operands that it merely passed on.

        Args:
            out: what the op returned
            operands: the tensors it was given
            index: of the op
        """
        outputs = []
        passed_on = {id(tensor) for tensor in operands}
        for _, tensor in flatten(out):
            outputs.append((shape_of(tensor), tensor.dtype, tensor.device))
            if id(tensor) not in passed_on or self.origin(tensor) is None:
                self.set_origin(tensor, index)
        return outputs

    def claim_mutated(self, tensors: list[Tensor], index: int) -> None:
        """Makes op ``index`` the origin of ``tensors``, which it wrote to, and of what they are views of."""
        for tensor in tensors:
            for changed in (tensor, tensor._base):
                if changed is None:
                    continue
                origin = self.origin(changed)
                if origin is None or origin >= 0 or self.graph_inputs[-1 - origin].kind == "input":
                    self.set_origin(changed, index)
                else:  # parameters and buffers keep their origin, but their metadata may have changed
                    self.set_origin(changed, origin)

    def claim_storage(self, out: Any, index: int) -> None:
        """An operator of op ``index`` made ``out`` inside a transform, which returns it later without another call."""
        for _, tensor in flatten(out):
            storage = storage_of(tensor)
            if storage is not None:
                self._made_inside[storage] = (StorageWeakRef(tensor.untyped_storage()), index)

    def note_parameter(self, parameter: Tensor, data: Tensor) -> None:
        """The parameter was made of ``data``."""
        with DisableTorchFunction():
            origin = self.origin(data)
            if origin is not None:
                self._made_of[id(parameter)] = (_ref(parameter), origin)

    # -- where an operand comes from

    def resolved_origin(self, tensor: Tensor) -> Origin:
        """The tensor's origin; looks for the owner of a tensor that no op made and nothing registered at the start."""
        origin = self.origin(tensor)
        return origin if origin is not None else self.resolve(tensor)

    def origin_or_made(self, tensor: Tensor) -> Origin:
        """The tensor's origin, also if it is another object for memory that an op has made."""
        origin = self.origin(tensor)
        if origin is not None:
            return origin
        storage = storage_of(tensor)
        made = self._made_inside.get(storage) if storage is not None else None
        if made is not None and not made[0].expired():
            return made[1]
        made_of = self._made_of.get(id(tensor))
        if made_of is not None and made_of[0]() is tensor:
            self.set_origin(tensor, made_of[1])
            return made_of[1]
        return None

    def resolve(self, tensor: Tensor) -> Origin:
        """Looks for the origin of a tensor that has none yet."""
        inner = unwrapped(tensor)
        if inner is not tensor:
            return self.resolved_origin(inner)
        origin = self._registered_meanwhile(tensor)
        if origin is None:
            origin = self.origin_or_made(tensor)
        return origin if origin is not None else self._unregistered(tensor)

    def _registered_meanwhile(self, tensor: Tensor) -> Origin:
        """Finds a tensor in the modules that are running: ``functional_call`` put it there, or it is a new buffer."""
        for frame in reversed(self._stack):
            for kind, registered in (("param", frame.module._parameters), ("buffer", frame.module._buffers)):
                for name, own in registered.items():
                    if own is tensor:
                        self.model_changed = True
                        index = frame.record.unregistered_index
                        text = f"{kind}:{join(frame.record.path, name)}"
                        return self.add_graph_input(tensor, GraphInput(kind if index is None else "unregistered", text, index))
        return None

    def _unregistered(self, tensor: Tensor) -> Origin:
        """Finds a tensor in an attribute, a global or a closure."""
        frame = _get_frame(2)
        owner = self.owners.find(tensor, frame)
        if owner is None:
            return None
        name, role = owner
        running = self._stack[-1]
        source = self._sources.find(frame, running.source)
        params = tensor.numel() if isinstance(tensor, nn.Parameter) else 0
        self.unregistered_uses.append(
            UnregisteredUse(
                "tensor",
                name,
                role,
                type(tensor).__name__,
                running.record.path,
                source,
                params,
                shape_of(tensor),
                tensor.dtype,
            )
        )
        self._preserved.add_tensor(tensor)
        return self.add_graph_input(tensor, GraphInput("unregistered", name, len(self.unregistered_uses) - 1))

    def living_ops(self) -> frozenset[int]:
        """The ops with a result that is still alive."""
        origins = [origin for tensor, origin, _ in self.entries.values() if origin is not None and tensor() is not None]
        return frozenset([origin for origin in origins if origin >= 0])


def is_marked(tensor: Tensor) -> bool:
    """Whether the tensor is conjugated lazily, so that its metadata doesn't decide what is computed."""
    return tensor.dtype.is_complex and tensor.is_conj()
