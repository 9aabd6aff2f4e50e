"""Models that end, crash, hang or raise; each takes ``(1, 10)``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Clean(nn.Module):
    """Nothing is wrong with it, and it talks a lot."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        print("I am", "running")
        return self.fc(x)


class Loose(Clean):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.fc(x), torch.rand(3, 5))


class Accepted(Clean):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.fc(x), torch.rand(3, 5))  # modinspect: ignore[MI103]


class Cured(Clean):
    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)  # modinspect: ignore[MI103]


class Ends(Clean):
    def forward(self, x: Tensor) -> Tensor:
        print("goodbye", flush=True)
        os._exit(7)


_IMPORTED_BY = os.getpid()
_BUILT: list[int] = []


class Counts(Clean):
    """Writes down who imported this module, who builds the model, and how many were built there."""

    def __init__(self, notes: str) -> None:
        super().__init__()
        _BUILT.append(1)
        with open(notes, "a") as file:
            print(_IMPORTED_BY, os.getpid(), len(_BUILT), file=file)


class Crashes(Clean):
    def forward(self, x: Tensor) -> Tensor:
        os.kill(os.getpid(), signal.SIGSEGV)
        return x


class ForksAndGoesOn(Clean):
    """Both processes come back from forward."""

    def forward(self, x: Tensor) -> Tensor:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return self.fc(x)


class Raises(Clean):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("no")


class Quits(Clean):
    def __init__(self) -> None:
        sys.exit(4)


class Hangs(Clean):
    """Writes its process and that of a child into a file before it does."""

    def __init__(self, pids: str) -> None:
        super().__init__()
        self.pids = pids

    def forward(self, x: Tensor) -> Tensor:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        with open(self.pids, "a") as file:
            file.write(f"{os.getpid()} {child.pid}\n")
        while True:
            time.sleep(0.01)


class LeavesAThread(Clean):
    def forward(self, x: Tensor) -> Tensor:
        threading.Thread(target=time.sleep, args=(1000,)).start()
        return self.fc(x)
