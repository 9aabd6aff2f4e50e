"""Models that behave badly in one way each; each takes ``(1, 10)``."""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as nn_module

import modinspect


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Any:
        return self.fc(x)


class RaisesInInit(Model):
    def __init__(self) -> None:
        raise ValueError("init says no")


class RaisesInForward(Model):
    def forward(self, x: Tensor) -> Any:
        raise ValueError("forward says no")


class RaisesWhatCannotBePrinted(Model):
    def forward(self, x: Tensor) -> Any:
        class Mute(Exception):
            def __str__(self) -> str:
                raise ValueError("no")

        raise Mute


class RaisesInRepr(Model):
    def __repr__(self) -> str:
        raise ValueError("repr says no")


class RaisesInExtraRepr(Model):
    def extra_repr(self) -> str:
        raise ValueError("extra_repr says no")


class ExtraReprIsNoText(Model):
    def extra_repr(self) -> Any:
        return 5


class RepeatsItselfInRepr(Model):
    def extra_repr(self) -> str:
        return repr(self)


class ExitsInRepr(Model):
    def extra_repr(self) -> str:
        sys.exit(5)


class RaisesInGetattr(Model):
    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            raise ValueError(f"there is no {name}, says __getattr__") from None


class RepeatsItselfInGetattr(Model):
    def __getattr__(self, name: str) -> Any:
        if name in ("_modules", "_parameters", "_buffers", "fc"):
            return super().__getattr__(name)
        return getattr(self, name + "_")


class RaisesInProperties(Model):
    @property
    def config(self) -> Any:
        raise RuntimeError("config says no")

    @property
    def dummy_inputs(self) -> Any:
        raise RuntimeError("dummy_inputs says no")


class Exits(Model):
    def forward(self, x: Tensor) -> Any:
        sys.exit(0)


class ExitsInInit(Model):
    def __init__(self) -> None:
        sys.exit(0)


class EndsTheProcess(Model):
    def forward(self, x: Tensor) -> Any:
        os._exit(0)


class Recurses(Model):
    def forward(self, x: Tensor) -> Any:
        return self(x)


class RecursesInInit(Model):
    def __init__(self) -> None:
        self.__init__()  # type: ignore[misc]


class Prints(Model):
    def forward(self, x: Tensor) -> Any:
        for number in range(5000):
            print('{"schema_version": 1}', number)
        os.write(1, b"{" * 100_000)
        return self.fc(x)


class StartsThreads(Model):
    def forward(self, x: Tensor) -> Any:
        threads = [threading.Thread(target=lambda: torch.ones(3).add(1)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.fc(x)


class ChangesSettings(Model):
    def __init__(self) -> None:
        super().__init__()
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(True)

    def forward(self, x: Tensor) -> Any:
        torch.set_default_dtype(torch.float16)
        torch.set_default_device("meta")
        torch.set_grad_enabled(True)
        return self.fc(x)


class Forks(Model):
    def forward(self, x: Tensor) -> Any:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return self.fc(x)


class ForksAndGoesOn(Model):
    """Both processes come back from forward."""

    def forward(self, x: Tensor) -> Any:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return self.fc(x)


class Allocates(Model):
    def forward(self, x: Tensor) -> Any:
        return [0] * 10**15


class RemovesHooks(Model):
    def forward(self, x: Tensor) -> Any:
        for module in self.modules():
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
        nn_module._global_forward_hooks.clear()
        nn_module._global_forward_pre_hooks.clear()
        return self.fc(x)


class DeletesModules(Model):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Sequential(nn.ReLU(), nn.ReLU())

    def forward(self, x: Tensor) -> Any:
        x = self.parts(self.fc(x))
        del self.fc.weight, self.fc, self.parts[0]
        self._modules.clear()
        return x


KEPT: list[Any] = []


class KeepsTheInspector(Model):
    def forward(self, x: Tensor) -> Any:
        frame = sys._getframe()
        while frame.f_back is not None:
            KEPT.append(dict(frame.f_locals))
            frame = frame.f_back
        return self.fc(x)


class InspectsInside(Model):
    def forward(self, x: Tensor) -> Any:
        modinspect.inspect(nn.ReLU(), x)
        return x


class Loops(Model):
    """In Python, with a process of its own beside it."""

    def forward(self, x: Tensor) -> Any:
        child = subprocess.Popen(["sleep", "1000"])
        with open("child", "w") as file:
            file.write(str(child.pid))
        while True:
            time.sleep(0)


class WaitsForever(Model):
    def forward(self, x: Tensor) -> Any:
        with open("child", "w") as file:
            file.write(str(os.getpid()))
        time.sleep(1000)


class LoopsInC(Model):
    """Never comes back to the interpreter, whose lock it holds."""

    def forward(self, x: Tensor) -> Any:
        return sum(itertools.repeat(1))


class OwnKind(BaseException):
    """No Exception."""


class RaisesNoException(Model):
    def forward(self, x: Tensor) -> Any:
        raise OwnKind("not caught by except Exception")


class RaisesWhatEndsInItsText(Model):
    def forward(self, x: Tensor) -> Any:
        class Ends(Exception):
            def __str__(self) -> str:  # noqa: PLE0307
                sys.exit(3)

        raise Ends


class RaisesMuteInInit(Model):
    def __init__(self) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise ValueError("no")

        raise Mute


class IsItsOwnCause(Model):
    def __init__(self) -> None:
        error = ValueError("round and round")
        error.__cause__ = error
        raise error


class RaisesInTrain(Model):
    def train(self, mode: bool = True) -> Any:
        raise ValueError("train says no")


class RaisesInProperty(Model):
    @property
    def forward(self) -> Any:  # type: ignore[override]
        raise ValueError("forward is no method")


class HasNoHash(Model):
    __hash__ = None  # type: ignore[assignment]


class CallsNoInit(nn.Module):
    def __init__(self) -> None:
        pass

    def forward(self, x: Tensor) -> Any:
        return x


class HoldsNoModule(Model):
    def __init__(self) -> None:
        super().__init__()
        self._modules["odd"] = 5  # type: ignore[assignment]


class HasANumberForAName(Model):
    def __init__(self) -> None:
        super().__init__()
        self._modules[5] = nn.ReLU()  # type: ignore[index]


class IsItsOwnChild(Model):
    def __init__(self) -> None:
        super().__init__()
        self.fc.above = self


class HidesItsModules(Model):
    def modules(self) -> Any:  # type: ignore[override]
        return [1, 2]

    def parameters(self, recurse: bool = True) -> Any:
        return iter(())


class SavesItself(Model):
    def forward(self, x: Tensor) -> Any:
        torch.save(self, io.BytesIO())
        return self.fc(x)


class RunsAsynchronously(Model):
    """asyncio.run() prints its task, with the tensor in it, and leaves a handler for Ctrl-C where that raises."""

    def forward(self, x: Tensor) -> Any:
        async def run() -> Any:
            await asyncio.sleep(0)
            return self.fc(x)

        return asyncio.run(run())


class Aborts(Model):
    def forward(self, x: Tensor) -> Any:
        os.abort()


class KillsItself(Model):
    def forward(self, x: Tensor) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


class TerminatesItself(Model):
    def forward(self, x: Tensor) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)


class LeavesAThread(Model):
    """That prints for ever."""

    def forward(self, x: Tensor) -> Any:
        def talk() -> None:
            while True:
                print("{")
                os.write(1, b"{")

        threading.Thread(target=talk).start()
        return self.fc(x)
