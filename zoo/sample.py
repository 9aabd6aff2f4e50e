"""Small models of many kinds, made small by arguments of their configuration: what the tests hold the laws on."""

from __future__ import annotations

_TEXT = "num_hidden_layers=2, hidden_size=32, num_attention_heads=4, intermediate_size=64, vocab_size=128"
_SEES = "num_hidden_layers=2, hidden_size=32, num_attention_heads=4, intermediate_size=64, image_size=32"

SAMPLE: dict[str, str] = {
    # text: an encoder, decoders with plain, with expert and with recurrent layers, an encoder and a decoder
    "bert": f"transformers.BertModel({_TEXT})",
    "llama": f"transformers.LlamaForCausalLM({_TEXT}, num_key_value_heads=2)",
    "mixtral": f"transformers.MixtralModel({_TEXT}, num_key_value_heads=2)",
    "mamba": "transformers.MambaModel(num_hidden_layers=2, hidden_size=32, vocab_size=128)",
    "t5": "transformers.T5ForConditionalGeneration(num_layers=2, d_model=32, num_heads=4, d_kv=8, d_ff=64, vocab_size=128)",
    # images
    "vit": f"transformers.ViTForImageClassification({_SEES})",
    "convnext": "transformers.ConvNextModel(depths=[1, 1, 2, 1], hidden_sizes=[8, 16, 24, 32], image_size=64)",
    "resnet": "transformers.ResNetModel(embedding_size=8, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])",
    "swin": "transformers.SwinModel(embed_dim=16, depths=[2, 2], num_heads=[2, 4], image_size=56)",
    # sound
    "wav2vec2": "transformers.Wav2Vec2Model(num_hidden_layers=1, hidden_size=32, num_attention_heads=4, intermediate_size=64,"
    " conv_dim=[8, 8, 8, 8, 8, 8, 8])",
    "whisper": "transformers.WhisperModel(encoder_layers=1, decoder_layers=1, d_model=32, encoder_attention_heads=4,"
    " decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_source_positions=50, vocab_size=128,"
    " pad_token_id=0, decoder_start_token_id=1, bos_token_id=1, eos_token_id=2)",
    # videos
    "videomae": f"transformers.VideoMAEModel({_SEES}, num_frames=4)",
    # time series
    "patchtst": "transformers.PatchTSTModel(num_hidden_layers=2, d_model=16, ffn_dim=32, num_attention_heads=4)",
    "autoformer": "transformers.AutoformerModel(prediction_length=8, label_length=4, d_model=16, encoder_ffn_dim=32,"
    " decoder_ffn_dim=32, encoder_layers=1, decoder_layers=1)",
    # several at once
    "clip": "transformers.CLIPModel(text_config={'num_hidden_layers': 1, 'hidden_size': 32, 'num_attention_heads': 4,"
    " 'intermediate_size': 64, 'vocab_size': 128, 'bos_token_id': 1, 'eos_token_id': 2}, vision_config={'num_hidden_layers': 1,"
    " 'hidden_size': 32, 'num_attention_heads': 4, 'intermediate_size': 64, 'image_size': 64}, projection_dim=16)",
    "qwen2_5_vl": "transformers.Qwen2_5_VLModel(text_config={'num_hidden_layers': 1, 'hidden_size': 32,"
    " 'num_attention_heads': 4, 'num_key_value_heads': 2, 'intermediate_size': 64, 'vocab_size': 512, 'bos_token_id': 1,"
    " 'eos_token_id': 2, 'rope_parameters': {'rope_type': 'default', 'rope_theta': 10000.0, 'mrope_section': [1, 1, 2]}},"
    " vision_config={'depth': 2, 'hidden_size': 32, 'num_heads': 4, 'intermediate_size': 64, 'out_hidden_size': 32,"
    " 'fullatt_block_indexes': [1]}, image_token_id=500, video_token_id=501, vision_start_token_id=502,"
    " vision_end_token_id=503)",
}
"""By the name of the type; the values are targets."""
