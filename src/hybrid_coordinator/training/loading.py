"""Base weights from a GGUF file or a Hugging Face folder, ready to be trained on."""

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from hybrid_coordinator.errors import BadInput


def load_base(path: Path, device: str = "cpu") -> tuple[Any, Any]:
    """The model, in evaluation mode on that device, and its tokenizer, with a chat template and a padding token.

    Quantised weights are unpacked: to 32 bits a weight, or to 16 where the hardware multiplies those (what is trained
    beside them has 32). Nothing is ever downloaded. Raises BadInput for what cannot be loaded, and MemoryError.
    """
    with _translated(path):
        tokenizer = _load_tokenizer(path)
        model = _load_model(path, torch.bfloat16 if multiplies_halves(device) else torch.float32)
    if not tokenizer.chat_template:
        raise BadInput(f"the base model {str(path)!r} has no chat template: choose one that was tuned for conversation")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model.to(device).eval(), tokenizer


def multiplies_halves(device: str) -> bool:
    """Whether numbers of 16 bits (bfloat16) are multiplied there at all, and faster than those of 32."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    tells = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device == "cpu" and tells is not None and bool(tells())


def is_gguf(path: Path) -> bool:
    """Whether these are the weights of a GGUF file; otherwise they are those of a folder."""
    return not path.is_dir()


def _load_tokenizer(path: Path) -> Any:
    if is_gguf(path):  # asked through AutoTokenizer, it would read the whole header once more, for seconds
        return PreTrainedTokenizerFast.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    return AutoTokenizer.from_pretrained(path, local_files_only=True)


def _load_model(path: Path, dtype: torch.dtype) -> Any:
    if not is_gguf(path):
        return AutoModelForCausalLM.from_pretrained(path, dtype=dtype, local_files_only=True)
    with _one_table_of_names():
        model = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=dtype, local_files_only=True
        )
    model.hf_quantizer = None  # the weights are unpacked: what is saved of it, and trained, is no longer quantised
    model.is_quantized = False
    del model.config.quantization_config
    return model


@contextlib.contextmanager
def _one_table_of_names() -> Iterator[None]:
    """transformers asks for the table of a model's names anew for each of its parts: hundreds of times, and a third of
    the time that loading takes."""
    made = gguf.get_tensor_name_map
    gguf.get_tensor_name_map = cache(made)
    try:
        yield
    finally:
        gguf.get_tensor_name_map = made


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise BadInput(
            f"the base model {str(path)!r} cannot be loaded for training ({error}): "
            "choose a GGUF file or a Hugging Face folder of a decoder that transformers knows"
        ) from error
