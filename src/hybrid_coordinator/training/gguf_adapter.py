"""A LoRA adapter as a GGUF file, in the names and the order of rows that llama.cpp expects."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import MODEL_ARCH_NAMES, GGUFWriter, Keys, get_tensor_name_map
from numpy.typing import NDArray
from peft.tuners.lora import LoraLayer

from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.training.loading import is_gguf
from hybrid_coordinator.training.writing import publish
from hybrid_coordinator.wire.gguf_metadata import BASE_SHA256, read_metadata

ADAPTER = "default"
"""What peft calls the adapter of a model that has one."""

ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3", "gemma4_text": "gemma4", "qwen2_moe": "qwen2moe"}
"""The names of GGUF for those models that transformers calls otherwise."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LowRank:
    """What an adapter adds to one tensor of the base, by its name in GGUF: `factor` × `b` @ `a`.

    `a` is rank × inputs and `b` outputs × rank, with the rows of `b` where llama.cpp has those of the tensor.
    """

    tensor: str
    a: Matrix
    b: Matrix
    factor: float

    @property
    def rank(self) -> int:
        return int(self.a.shape[0])


def write_adapter(peft_model: Any, base_path: Path, file: Path, *, name: str, base_sha256: str) -> None:
    """Write the adapter of a model that was loaded from `base_path`, in 16 bits a weight; all of the file or nothing.

    It names the base by its hash, so that it is refused for another. Raises BadInput for an adapter that llama.cpp
    cannot lay over the base, and OSError.
    """
    architecture = read_architecture(peft_model, base_path)
    parts = list(low_rank_parts(peft_model, architecture))
    alpha = float(peft_model.peft_config[ADAPTER].lora_alpha)
    with whole_file(file) as part:
        writer = GGUFWriter(part, architecture)
        writer.add_type("adapter")
        writer.add_string(Keys.Adapter.TYPE, "lora")
        writer.add_float32(Keys.Adapter.LORA_ALPHA, alpha)
        writer.add_name(name)
        writer.add_string(BASE_SHA256, base_sha256)
        for low_rank in parts:
            b = low_rank.b * (low_rank.factor * low_rank.rank / alpha)  # llama.cpp's own factor is alpha / rank
            writer.add_tensor(f"{low_rank.tensor}.lora_a", low_rank.a.astype(np.float16))
            writer.add_tensor(f"{low_rank.tensor}.lora_b", b.astype(np.float16))
        finish(writer)


def read_architecture(model: Any, base_path: Path) -> str:
    """What llama.cpp calls the architecture of a model. Raises BadInput for one that it does not know."""
    if is_gguf(base_path):
        with base_path.open("rb") as file:
            return str(read_metadata(file).get("general.architecture", ""))
    model_type = str(model.config.model_type)
    architecture = ARCHITECTURES.get(model_type, model_type)
    if architecture not in MODEL_ARCH_NAMES.values():
        raise BadInput(f"llama.cpp knows no architecture {model_type!r}: choose another base model")
    return architecture


def low_rank_parts(peft_model: Any, architecture: str) -> Iterator[LowRank]:
    """All that the adapter adds, in the order of the model's layers. Raises BadInput for what GGUF cannot say."""
    layers = [(name, module) for name, module in peft_model.named_modules() if isinstance(module, LoraLayer)]
    names = _tensor_names(architecture, peft_model.config.get_text_config().num_hidden_layers)
    for name, layer in layers:
        tensor = names.get_name(name.removeprefix("base_model.model."))
        _check_layer(name, layer, tensor)
        a = layer.lora_A[ADAPTER].weight.detach().float().cpu().numpy()
        b = layer.lora_B[ADAPTER].weight.detach().float().cpu().numpy()
        heads = _rotated_heads(tensor, architecture, peft_model.config)
        yield LowRank(f"{tensor}.weight", a, interleave(b, heads) if heads else b, float(layer.scaling[ADAPTER]))


def interleave(rows: Matrix, heads: int) -> Matrix:
    """The rows of a query or key projection in llama.cpp's order for the llama architecture.

    Rotary positions turn pairs of rows: transformers keeps the two of a pair half a head apart, llama.cpp side by side.
    """
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to; what is written there becomes `file` at the end, on the disk, or is gone."""
    part = file.with_name(f"{file.name}.part")
    try:
        yield part
        publish(part, file)
    finally:
        part.unlink(missing_ok=True)


def finish(writer: GGUFWriter) -> None:
    """Write all of it and close."""
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _tensor_names(architecture: str, layers: int) -> Any:
    number = next(number for number, name in MODEL_ARCH_NAMES.items() if name == architecture)
    return get_tensor_name_map(number, layers)


def _check_layer(name: str, layer: LoraLayer, tensor: str | None) -> None:
    if tensor is None:
        raise BadInput(f"llama.cpp has no tensor for the layer {name!r}: leave it out of the recipe's targets")
    if ADAPTER not in layer.lora_A:
        raise BadInput(f"llama.cpp takes no adapter of the embeddings {name!r} here: leave them out of the targets")
    if tensor == "output":
        raise BadInput(f"the output layer {name!r} cannot be adapted here: leave it out of the recipe's targets")
    if layer.lora_variant.get(ADAPTER) or layer.lora_bias.get(ADAPTER):
        raise BadInput(
            f"the layer {name!r} has more than a plain LoRA, which GGUF cannot say: train without DoRA or bias"
        )


def _rotated_heads(tensor: str, architecture: str, config: Any) -> int:
    """How many heads the rows of this tensor are interleaved in; 0 where rows stay as they are."""
    if architecture != "llama":
        return 0
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    return int(heads.get(tensor.rsplit(".", 1)[-1], 0))
