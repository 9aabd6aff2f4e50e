"""Classes that are built from a configuration."""

import torch

from modinspect.target import load
from tests.target.target_helpers import error, write

CONFIGURED = """
from torch import nn

class Config:
    attribute_map = {"depth": "num_layers"}
    def __init__(self, width=8, num_layers=4, **rest):
        if width == 13:
            raise ValueError("unlucky")
        self.width, self.num_layers = width, num_layers
        self.later = None
        self.__dict__.update(rest)

class Net(nn.Module):
    config_class = Config
    def __init__(self, config, pooling=True):
        super().__init__()
        self.config, self.pooling = config, pooling
"""


def test_a_configuration_is_made_when_the_class_names_its_own(project):
    write(project, configured=CONFIGURED)
    factory = load("configured:Net")
    assert factory.build().config.width == 8
    assert factory.notes == ("built from Config()",)


def test_arguments_that_the_constructor_does_not_name_go_to_the_configuration(project):
    write(project, configured=CONFIGURED)
    factory = load("configured:Net(later=1)", {"width": 2, "pooling": False, "depth": 3})
    model = factory.build()
    assert (model.config.width, model.config.later, model.config.depth, model.pooling) == (2, 1, 3, False)
    assert factory.notes == ("built from Config(later=1, width=2, depth=3)",)


def test_a_misspelt_setting_is_refused_even_if_the_configuration_takes_any(project):
    write(project, configured=CONFIGURED)
    wrong = error("configured:Net", widht=3)
    assert "neither 'configured:Net' nor its Config has an argument 'widht'" in wrong.message
    assert "Did you mean 'width'?" in wrong.hint
    assert "ValueError: unlucky (at configured.py:8)" in error("configured:Net", width=13).message


def test_a_transformers_class_needs_no_config():
    factory = load(
        "transformers.BertModel", {"num_hidden_layers": 1, "hidden_size": 24, "vocab_size": 5, "add_pooling_layer": False}
    )
    model = factory.build()
    assert model.embeddings.word_embeddings.weight.shape == (5, 24)
    assert len(model.encoder.layer) == 1
    assert model.pooler is None
    assert isinstance(model, torch.nn.Module)
    assert "Did you mean 'num_hidden_layers'?" in error("transformers.BertModel", num_hiden_layers=1).hint
