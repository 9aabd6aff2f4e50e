"""A decoder of billions of parameters, without memory: ``python decoder.py 39`` prints seconds and MiB above the imports."""

from __future__ import annotations

import sys
import time
from importlib import import_module

from measure import peak_mib

for name in ("api", "crosscheck", "inputs", "load", "trace"):
    import_module(f"modinspect.{name}")
import_module("torchinfo")
import_module("transformers.models.llama.modeling_llama")

SIZES = {
    "39": dict(vocab_size=75968, hidden_size=5120, intermediate_size=27648, num_hidden_layers=80, num_attention_heads=40),
    "405": dict(vocab_size=128256, hidden_size=16384, intermediate_size=53248, num_hidden_layers=126, num_attention_heads=128),
}
"""The sizes of IQuest-Coder 40B and of Llama 3.1 405B, both with 8 key-value heads."""

before = peak_mib()
start = time.perf_counter()
report = import_module("modinspect.api").inspect_target(
    "transformers.LlamaForCausalLM", ["1,16:int64"], init={**SIZES[sys.argv[1]], "num_key_value_heads": 8}
)
assert report.error is None, report.error
assert report.model.execution == "weightless", report.model.notes
print(f"{time.perf_counter() - start:.2f} {peak_mib() - before:.0f} {report.totals.params / 1e9:.1f} {len(report.ops)}")
