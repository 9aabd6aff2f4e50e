"""A dozen architectures of transformers with tiny configurations: what the laws say holds on models as people use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from modinspect.report import Report
from modinspect.trace import trace
from tests.trace.trace_helpers import AtenSeen, attributed

pytestmark = pytest.mark.slow

IDS = {"input_ids": torch.tensor([[3, 4, 5, 6, 7]])}
IMAGE = {"pixel_values": torch.rand(1, 3, 32, 32)}
SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
ROPE = {**SMALL, "num_key_value_heads": 1, "max_position_embeddings": 32, "pad_token_id": 0}
VISION = {**{key: value for key, value in SMALL.items() if key != "vocab_size"}, "image_size": 32, "patch_size": 8}

Made = tuple[nn.Module, dict[str, Any]]


def bert() -> Made:
    return transformers.BertForMaskedLM(transformers.BertConfig(**SMALL)), {**IDS, "attention_mask": torch.ones(1, 5)}


def gpt2() -> Made:
    config = transformers.GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_positions=32)
    return transformers.GPT2LMHeadModel(config), IDS


def llama() -> Made:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**ROPE)), IDS


def t5() -> Made:
    config = transformers.T5Config(
        vocab_size=40, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    return transformers.T5ForConditionalGeneration(config), {**IDS, "decoder_input_ids": torch.tensor([[0, 3]])}


def vit() -> Made:
    return transformers.ViTForImageClassification(transformers.ViTConfig(**VISION)), IMAGE


def whisper() -> Made:
    config = transformers.WhisperConfig(
        vocab_size=40,
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        num_mel_bins=8,
        max_source_positions=10,
        max_target_positions=12,
        decoder_start_token_id=1,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    inputs = {"input_features": torch.rand(1, 8, 20), "decoder_input_ids": torch.tensor([[1, 5]])}
    return transformers.WhisperForConditionalGeneration(config), inputs


def clip() -> Made:
    text = {**SMALL, "max_position_embeddings": 16, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 0}
    config = transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=8)
    return transformers.CLIPModel(config), {**IDS, **IMAGE}


def mamba() -> Made:
    return transformers.MambaForCausalLM(
        transformers.MambaConfig(vocab_size=40, hidden_size=16, num_hidden_layers=2, state_size=4)
    ), IDS


def mixtral() -> Made:
    return transformers.MixtralForCausalLM(transformers.MixtralConfig(**ROPE, num_local_experts=3, num_experts_per_tok=2)), IDS


def qwen_moe() -> Made:
    config = transformers.Qwen2MoeConfig(
        **ROPE, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=8, shared_expert_intermediate_size=8
    )
    return transformers.Qwen2MoeForCausalLM(config), IDS


def wav2vec2() -> Made:
    config = transformers.Wav2Vec2Config(
        **SMALL, conv_dim=(8, 8), conv_stride=(5, 2), conv_kernel=(10, 3), num_feat_extract_layers=2, num_conv_pos_embeddings=4
    )
    return transformers.Wav2Vec2Model(config), {"input_values": torch.rand(1, 400)}


def swin() -> Made:
    config = transformers.SwinConfig(image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=4)
    return transformers.SwinModel(config), IMAGE


def yolos() -> Made:
    return transformers.YolosForObjectDetection(
        transformers.YolosConfig(**{**VISION, "image_size": [32, 32]}, num_detection_tokens=3)
    ), IMAGE


def longformer() -> Made:
    config = transformers.LongformerConfig(**SMALL, attention_window=4, max_position_embeddings=40)
    return transformers.LongformerModel(config), IDS


def detr() -> Made:
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], layer_type="basic", out_features=["stage4"]
    )
    config = transformers.DetrConfig(
        use_timm_backbone=False,
        backbone=None,
        use_pretrained_backbone=False,
        backbone_config=backbone,
        d_model=16,
        num_queries=3,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
    )
    return transformers.DetrForObjectDetection(config), {"pixel_values": torch.rand(1, 3, 64, 64)}


ARCHITECTURES: list[Callable[[], Made]] = [
    bert, gpt2, llama, t5, vit, whisper, clip, mamba, mixtral, qwen_moe, wav2vec2, swin, yolos, longformer, detr,
]  # fmt: skip


@pytest.fixture(scope="module", params=ARCHITECTURES, ids=lambda build: build.__name__)
def run(request: pytest.FixtureRequest) -> tuple[nn.Module, Report, list[str], int, dict[str, bytes], dict[str, bytes]]:
    torch.manual_seed(0)
    model, inputs = request.param()
    model.eval()
    before = values(model)
    watcher, counter = AtenSeen(), FlopCounterMode(display=False)
    with counter:
        report = trace(model, (), inputs, observer=lambda _: watcher)
    return model, report, watcher.seen, counter.get_total_flops(), before, values(model)


def values(model: nn.Module) -> dict[str, bytes]:
    return {name: tensor.detach().numpy().tobytes() for name, tensor in model.state_dict().items()}


def test_its_forward_runs_and_every_operator_stands_in_an_op(run: Any) -> None:
    _, report, seen, _, _, _ = run
    assert report.error is None, report.error
    assert len(seen) > 20
    assert attributed(report) == seen


def test_its_flops_are_those_that_torch_counts(run: Any) -> None:
    _, report, _, flops, _, _ = run
    assert report.totals.flops == flops > 0


def test_its_parameters_count_once(run: Any) -> None:
    model, report, _, _, _, _ = run
    assert report.totals.params == sum(parameter.numel() for parameter in model.parameters())


def test_it_is_as_it_was(run: Any) -> None:
    _, _, _, _, before, after = run
    assert before == after


def test_what_ran_has_owners_origins_and_places(run: Any) -> None:
    model, report, _, _, _, _ = run
    modules = dict(model.named_modules())
    made_in_forward = {info.path for info in report.modules if not info.registered}  # mamba makes its activations there
    assert {op.module for op in report.ops} <= modules.keys() | made_in_forward
    assert all(op.source is not None for op in report.ops)
    assert [operand for op in report.ops for operand in op.inputs if operand.origin is None] == []
    assert all(report.calls[0].start <= op.index < report.calls[0].stop for op in report.ops)
    assert {call.module for call in report.calls} >= {
        path for path, module in modules.items() if isinstance(module, nn.LayerNorm)
    }
