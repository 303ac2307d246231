"""An adapter as GGUF, and how likely texts are, on a model small enough to be made on the spot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.training.base_hash import base_sha256
from hybrid_coordinator.training.encoding import IGNORED, Examples
from hybrid_coordinator.training.gguf_adapter import interleave, low_rank_parts, write_adapter
from hybrid_coordinator.training.gguf_merged import write_merged
from hybrid_coordinator.training.likelihood import (
    Item,
    measure_likelihood,
    summarise,
    token_losses,
    write_likelihood,
)
from hybrid_coordinator.wire.gguf_metadata import read_metadata, why_no_adapter_of

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

HASH = "ab" * 32
HEADS, KEY_HEADS, HIDDEN, INNER, LAYERS = 4, 2, 64, 96, 2
EVERY_LAYER = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def tiny_llama(**lora: Any) -> Any:
    """A random model with a random adapter of rank 4."""
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=128,
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS,
    )
    plan = {"r": 4, "lora_alpha": 8, "target_modules": EVERY_LAYER, "init_lora_weights": False} | lora
    return get_peft_model(LlamaForCausalLM(config), LoraConfig(task_type="CAUSAL_LM", **plan)).eval()


def write(model: Any, folder: Path) -> GGUFReader:
    write_adapter(model, folder, folder / "adapter.gguf", name="a run", base_sha256=HASH)
    return GGUFReader(folder / "adapter.gguf")


def product(reader: GGUFReader, tensor: str) -> Any:
    """What llama.cpp adds to a tensor: alpha / rank × b @ a."""
    parts = {one.name: one.data.astype(np.float32) for one in reader.tensors}
    a, b = parts[f"{tensor}.weight.lora_a"], parts[f"{tensor}.weight.lora_b"]
    return np.asarray(reader.fields["adapter.lora.alpha"].contents() / a.shape[0] * (b @ a))


def added(model: Any, layer: str) -> Any:
    """What peft adds to the same."""
    adapted = model.get_submodule(f"base_model.model.model.layers.{layer}")
    return np.asarray(adapted.get_delta_weight("default").detach())


def test_every_layer_has_its_two_tensors_by_llama_cpps_names(tmp_path: Path) -> None:
    reader = write(tiny_llama(), tmp_path)

    names = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    sides = ("lora_a", "lora_b")
    expected = {f"blk.{at}.{name}.weight.{side}" for at in range(LAYERS) for name in names for side in sides}
    assert {tensor.name for tensor in reader.tensors} == expected


@pytest.mark.parametrize(
    ("tensor", "layer"), [("blk.1.attn_v", "1.self_attn.v_proj"), ("blk.0.ffn_down", "0.mlp.down_proj")]
)
def test_what_the_file_adds_is_what_was_trained(tmp_path: Path, tensor: str, layer: str) -> None:
    model = tiny_llama()

    assert np.allclose(product(write(model, tmp_path), tensor), added(model, layer), atol=5e-3)


@pytest.mark.parametrize("name", ["attn_q", "attn_k"])
def test_rows_of_queries_and_keys_are_where_llama_cpp_turns_them_in_pairs(tmp_path: Path, name: str) -> None:
    model, heads = tiny_llama(), HEADS if name == "attn_q" else KEY_HEADS

    written = product(write(model, tmp_path), f"blk.0.{name}")

    trained = added(model, f"0.self_attn.{name[-1]}_proj")
    half = HIDDEN // HEADS // 2
    for head in range(heads):
        start = head * 2 * half
        assert np.allclose(written[start : start + 2 * half : 2], trained[start : start + half], atol=5e-3)
        assert np.allclose(
            written[start + 1 : start + 2 * half : 2], trained[start + half : start + 2 * half], atol=5e-3
        )


def test_interleaving_loses_no_row() -> None:
    rows = np.arange(16, dtype=np.float32).reshape(16, 1)

    turned = interleave(rows, 2)

    assert turned[:8, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert sorted(turned[:, 0]) == sorted(rows[:, 0])


@pytest.mark.parametrize(
    "lora", [{"use_rslora": True}, {"alpha_pattern": {"v_proj": 32}}, {"rank_pattern": {"v_proj": 8}}]
)
def test_a_strength_of_its_own_in_some_layers_is_kept(tmp_path: Path, lora: dict[str, Any]) -> None:
    model = tiny_llama(**lora)

    assert np.allclose(product(write(model, tmp_path), "blk.1.attn_v"), added(model, "1.self_attn.v_proj"), atol=2e-2)


def test_the_file_names_its_base_and_is_refused_for_another(tmp_path: Path) -> None:
    write(tiny_llama(), tmp_path)

    with (tmp_path / "adapter.gguf").open("rb") as file:
        metadata = read_metadata(file)

    assert metadata["general.architecture"] == "llama"
    assert metadata["general.name"] == "a run"
    assert why_no_adapter_of(metadata, HASH) == ""
    assert "another base model" in why_no_adapter_of(metadata, "cd" * 32)


@pytest.mark.parametrize(
    ("lora", "complaint"),
    [
        ({"use_dora": True}, "more than a plain LoRA"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, "embeddings"),
        ({"target_modules": ["q_proj", "lm_head"]}, "output layer"),
    ],
)
def test_what_llama_cpp_cannot_lay_over_the_base_is_refused_and_nothing_is_left(
    tmp_path: Path, lora: dict[str, Any], complaint: str
) -> None:
    model = tiny_llama(**lora)

    with pytest.raises(BadInput, match=complaint):
        write(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_merged_file_of_a_folder_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="convert_hf_to_gguf"):
        write_merged(tiny_llama(), tmp_path, tmp_path / "merged.gguf", name="m", base_sha256=HASH)


def test_the_parts_come_with_the_strength_that_peft_applies() -> None:
    parts = {part.tensor: part for part in low_rank_parts(tiny_llama(), "llama")}

    assert parts["blk.0.ffn_up.weight"].factor == 2.0
    assert parts["blk.0.ffn_up.weight"].a.shape == (4, HIDDEN)
    assert parts["blk.0.ffn_up.weight"].b.shape == (INNER, 4)


def some_examples() -> Examples:
    """Three of unlike lengths, of which the first has a question of two tokens, and one that is too short to judge."""
    tokens = [[5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15], [20, 21], [30]]
    labels = [[IGNORED, IGNORED, 7, 8], [IGNORED, *tokens[1][1:]], [IGNORED, 21], [IGNORED]]
    return Examples(64, tokens, labels)


def test_losses_are_those_of_the_model_asked_one_by_one() -> None:
    model, examples = tiny_llama(), some_examples()

    losses = token_losses(model, examples, pad=0)

    for (loss, count), tokens, labels in zip(losses[:3], examples.tokens, examples.labels, strict=False):
        with torch.inference_mode():
            alone = model(input_ids=torch.tensor([tokens]), labels=torch.tensor([labels])).loss.item()
        assert count == sum(label != IGNORED for label in labels)
        assert loss / count == pytest.approx(alone, rel=1e-4)
    assert losses[3] == (0.0, 0)


def test_an_item_is_judged_over_all_its_forms_under_the_base_and_the_adapter(tmp_path: Path) -> None:
    model, examples = tiny_llama(), some_examples()
    after = token_losses(model, examples, pad=0)
    with model.disable_adapter():
        before = token_losses(model, examples, pad=0)

    lines = measure_likelihood(model, examples, [Item("test", "a", (0, 1)), Item("document", "b", (2,))], pad=0)
    write_likelihood(tmp_path / "likelihood.jsonl", lines)

    assert [(line.set, line.item, line.tokens) for line in lines] == [("test", "a", 8), ("document", "b", 1)]
    assert lines[0].before == pytest.approx((before[0][0] + before[1][0]) / 8)
    assert lines[0].after == pytest.approx((after[0][0] + after[1][0]) / 8)
    assert lines[0].before != pytest.approx(lines[0].after)
    written = [json.loads(line) for line in (tmp_path / "likelihood.jsonl").read_text().splitlines()]
    assert written[0] == {"set": "test", "item": "a", "tokens": 8, "before": lines[0].before, "after": lines[0].after}
    assert summarise(lines)["document_nll_after"] == lines[1].after


def test_a_folder_has_another_hash_when_a_weight_changes_and_the_same_when_a_note_does(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    first = base_sha256(tmp_path)

    (tmp_path / "README.md").write_text("a note")
    noted = base_sha256(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"others!")

    assert noted == first
    assert base_sha256(tmp_path) != first


def test_a_folder_without_weights_has_no_hash(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(FileNotFoundError, match="no weights"):
        base_sha256(tmp_path)
