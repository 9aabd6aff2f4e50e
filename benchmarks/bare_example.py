"""What ``modinspect show`` on the example is measured against: imports torch and runs the model once."""

import torch

from modinspect.examples import MyModel

with torch.no_grad():
    MyModel()(torch.rand(1, 10))
