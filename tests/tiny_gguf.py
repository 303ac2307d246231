"""Weights for llama.cpp so small that training, loading and examining them takes seconds.

The packaged model's tokenizer and chat template over a llama of two layers that knows nothing, drawn from one seed.
"""

from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter

from hybrid_coordinator.training.gguf_adapter import finish
from hybrid_coordinator.training.gguf_merged import copy_keys
from servers import smollm2

WIDTH, INNER, LAYERS, HEADS, KV_HEADS, CONTEXT = 64, 128, 2, 4, 2, 2048


def make(file: Path) -> Path:
    """Write them; the file."""
    reader, writer = GGUFReader(smollm2()), GGUFWriter(file, "llama")
    copy_keys(reader, writer, but=("llama.",))
    words = len(reader.fields["tokenizer.ggml.tokens"].data)
    writer.add_name("Tiny")
    writer.add_vocab_size(words)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10_000.0)
    dice = np.random.default_rng(0)
    for name, shape in _shapes(words).items():
        drawn = np.ones(shape) if len(shape) == 1 else dice.normal(scale=shape[-1] ** -0.5, size=shape)
        writer.add_tensor(name, drawn.astype(np.float32))
    finish(writer)
    return file


def _shapes(words: int) -> dict[str, tuple[int, ...]]:
    """Rows and columns of each tensor, as numpy has them."""
    keys = WIDTH // HEADS * KV_HEADS
    layer = {
        "attn_norm": (WIDTH,),
        "attn_q": (WIDTH, WIDTH),
        "attn_k": (keys, WIDTH),
        "attn_v": (keys, WIDTH),
        "attn_output": (WIDTH, WIDTH),
        "ffn_norm": (WIDTH,),
        "ffn_gate": (INNER, WIDTH),
        "ffn_up": (INNER, WIDTH),
        "ffn_down": (WIDTH, INNER),
    }
    layers = {f"blk.{at}.{name}.weight": shape for at in range(LAYERS) for name, shape in layer.items()}
    return {"token_embd.weight": (words, WIDTH), "output_norm.weight": (WIDTH,), **layers}
