"""What is written as GGUF, in real llama.cpp with the packaged weights: it says what transformers says."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader, GGUFWriter
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model

from hybrid_coordinator.training import gguf_check
from hybrid_coordinator.training.base_hash import base_sha256
from hybrid_coordinator.training.conversion import check
from hybrid_coordinator.training.encoding import encode, forms_of
from hybrid_coordinator.training.failures import Failure
from hybrid_coordinator.training.gguf_adapter import finish, write_adapter
from hybrid_coordinator.training.gguf_check import HEAD, ProbeFailed, check_adapter, probe
from hybrid_coordinator.training.gguf_merged import write_merged
from hybrid_coordinator.training.loading import load_base
from hybrid_coordinator.training.progress import Tracker
from hybrid_coordinator.training.room import Learner
from hybrid_coordinator.wire.gguf_metadata import BASE_SHA256, read_metadata
from servers import smollm2

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

STRENGTH = 0.15
"""Of the random numbers in the adapter: enough that it says other things, and not so much that it raves."""

QUESTIONS = ("Which port does Kestrel listen on?", "What is the capital of France?", "Write a haiku about the sea.")
PICKED = r".*layers\.(0|7|15|22|29)\..*proj"


@dataclass(frozen=True, slots=True)
class Bench:
    """The packaged model with a random adapter, and that adapter as a file."""

    model: Any
    base: Path
    file: Path
    prompts: list[list[int]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    base = smollm2()
    model, tokenizer = load_base(base)
    torch.manual_seed(5)
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=PICKED, task_type="CAUSAL_LM")).eval()
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=STRENGTH)
    file = tmp_path_factory.mktemp("adapter") / "adapter.gguf"
    write_adapter(model, base, file, name="random", base_sha256=base_sha256(base))
    prompts = [encode(tokenizer, forms_of(question)[at % 2], "")[0] for at, question in enumerate(QUESTIONS)]
    return Bench(model, base, file, prompts)


def rewrite(file: Path, copy: Path, change: Callable[[str, NDArray[np.float16]], NDArray[np.float16]]) -> None:
    """An adapter like another, but for what `change` makes of each tensor."""
    reader, writer = GGUFReader(file), GGUFWriter(copy, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", reader.fields["adapter.lora.alpha"].contents())
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, change(tensor.name, tensor.data))
    finish(writer)


def put_in_halves(name: str, data: NDArray[np.float16]) -> NDArray[np.float16]:
    """Rows of queries and keys in the order of transformers: heads of 64, the two of a pair half a head apart."""
    if not name.endswith(("attn_q.weight.lora_b", "attn_k.weight.lora_b")):
        return data
    return data.reshape(-1, 32, 2, data.shape[1]).swapaxes(1, 2).reshape(data.shape)


def test_the_adapter_does_in_llama_cpp_what_it_does_in_transformers(bench: Bench) -> None:
    check = check_adapter(bench.model, bench.base, bench.file, bench.prompts)

    assert check.complaint == ""
    assert check.effect > 0.5
    assert 0.9 < check.reproduced < 1.1
    assert check.error < 0.3


def test_the_file_names_the_base_it_was_made_for(bench: Bench) -> None:
    with bench.file.open("rb") as file:
        assert read_metadata(file)[BASE_SHA256] == base_sha256(bench.base)


@pytest.mark.parametrize(
    "spoil",
    [put_in_halves, lambda _, data: data * np.float16(0), lambda name, data: data * np.float16(1 + ("lora_b" in name))],
    ids=["rows in another order", "no effect", "twice the strength"],
)
def test_a_file_that_is_not_what_was_trained_is_complained_of(
    bench: Bench, tmp_path: Path, spoil: Callable[[str, NDArray[np.float16]], NDArray[np.float16]]
) -> None:
    rewrite(bench.file, tmp_path / "spoilt.gguf", spoil)

    assert check_adapter(bench.model, bench.base, tmp_path / "spoilt.gguf", bench.prompts).complaint


def test_a_file_that_is_cut_short_is_reported_with_what_llama_cpp_said(bench: Bench, tmp_path: Path) -> None:
    whole = bench.file.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ProbeFailed, match=r"it said: .*lora"):
        check_adapter(bench.model, bench.base, tmp_path / "cut.gguf", bench.prompts[:1])


def test_an_answer_that_takes_too_long_says_nothing_of_the_file_and_the_run_is_launched_again(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_check, "WAIT_S", 0.01)
    base = SimpleNamespace(path=str(bench.base))
    lessons = SimpleNamespace(train=[], validation=[], replay=[])
    room: Any = SimpleNamespace(
        order=SimpleNamespace(base=base), folder=tmp_path, curriculum=lessons, threads=1, tracker=Tracker(tmp_path)
    )

    with closing(room.tracker), pytest.raises(Failure, match="could not be tried out") as failure:
        check(room, Learner(bench.model, None, most_tokens=1))

    assert not failure.value.final


def test_the_merged_model_says_without_an_adapter_what_was_trained(bench: Bench, tmp_path: Path) -> None:
    merged = tmp_path / "merged.gguf"
    write_merged(bench.model, bench.base, merged, name="merged", base_sha256=base_sha256(bench.base))

    tables = probe(merged, None, bench.prompts)["without"]

    with torch.inference_mode():
        trained = [
            bench.model(input_ids=torch.tensor([prompt])).logits[0, -1].log_softmax(-1) for prompt in bench.prompts
        ]
    differences = [
        abs(value - values[token].item())
        for table, values in zip(tables, trained, strict=True)
        for token, value in sorted(table.items(), key=lambda pair: -pair[1])[:HEAD]
    ]
    assert sum(differences) / len(differences) < 0.3
    with merged.open("rb") as file, bench.base.open("rb") as base:
        kept, before = read_metadata(file), read_metadata(base)
    assert kept["tokenizer.chat_template"] == before["tokenizer.chat_template"]
    assert kept["general.name"] == "merged"
