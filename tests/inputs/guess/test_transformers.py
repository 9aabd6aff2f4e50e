"""Inputs guessed from a transformers configuration."""

from modinspect.inputs import (
    guess_inputs,
)


def test_transformers_models_of_text_have_a_guess_that_runs():
    from transformers import BertConfig, BertModel

    small = {"num_hidden_layers": 1, "hidden_size": 12, "intermediate_size": 4, "num_attention_heads": 2}
    bert = BertModel(BertConfig(**small))
    inputs = guess_inputs(bert)
    assert inputs.kwargs["input_ids"].shape == (3, 5)
    assert bert(**inputs.kwargs).last_hidden_state.shape == (3, 5, 12)
