"""Sequences read as a tree: what is shared goes through the model once, and nothing else changes."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import kl_div
from transformers import LlamaConfig, LlamaForCausalLM

from hybrid_coordinator.training import logits
from hybrid_coordinator.training.encoding import IGNORED
from hybrid_coordinator.training.prefix_tree import PrefixTree, grow, grow_within, reads_trees, tree_logits
from hybrid_coordinator.training.staying import Passing, tree_losses
from hybrid_coordinator.training.straying import base_logits, divergence

SEQUENCES = ([5, 6, 7, 8], [5, 6, 9], [5, 6, 7, 8, 10], [11, 6, 7], [5, 6, 9])
NEAR = 1e-4


def tiny_llama(attention: str = "sdpa") -> Any:
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        attn_implementation=attention,
    )
    return LlamaForCausalLM(config).eval()


class Careless:
    """A model that reads whatever it gets from left to right, as one that knows nothing of such masks."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.device, self.config, self.dtype = model.device, model.config, model.dtype

    def __call__(self, **inputs: Any) -> Any:
        return self._model(**{**inputs, "attention_mask": None, "position_ids": None})


class Refusing(Careless):
    def __init__(self, model: Any, why: Exception) -> None:
        super().__init__(model)
        self._why = why

    def __call__(self, **inputs: Any) -> Any:
        if inputs["attention_mask"] is not None:
            raise self._why
        return self._model(**inputs)


class Talkative(Careless):
    """A model that tells of all places, whatever it is asked."""

    def __call__(self, **inputs: Any) -> Any:
        return self._model(**{**inputs, "logits_to_keep": 0})


def test_what_sequences_share_is_one_place() -> None:
    tree = grow(SEQUENCES)

    assert len(tree) == 9
    assert [[tree.tokens[place] for place in path] for path in tree.paths] == [*SEQUENCES]
    assert tree.paths[1] == tree.paths[4]
    assert tree.paths[0] == tree.paths[2][:4]
    assert tree.depths() == [0, 1, 2, 3, 2, 4, 0, 1, 2]


def test_a_place_sees_its_own_beginning_and_nothing_else() -> None:
    tree = grow(SEQUENCES)
    sight = tree.sight()

    for path in tree.paths:
        for at, place in enumerate(path):
            assert sight[place].nonzero().flatten().tolist() == sorted(path[: at + 1])


@pytest.mark.parametrize("most", [1, 4, 5, 6, 100])
def test_trees_hold_every_sequence_once_and_no_more_than_fits(most: int) -> None:
    grown = list(grow_within(SEQUENCES, most, shared=True))

    assert [number for numbers, _ in grown for number in numbers] == list(range(len(SEQUENCES)))
    for numbers, tree in grown:
        assert tree == grow([SEQUENCES[number] for number in numbers])
        assert len(tree) <= most or len(numbers) == 1


def test_without_sharing_each_sequence_stands_alone_and_nothing_has_no_tree() -> None:
    assert [list(numbers) for numbers, _ in grow_within(SEQUENCES, 100, shared=False)] == [[0], [1], [2], [3], [4]]
    assert list(grow_within([], 100, shared=True)) == []


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_logits_in_a_tree_are_those_of_the_sequences_alone(attention: str) -> None:
    model, tree = tiny_llama(attention), grow(SEQUENCES)

    with torch.inference_mode():
        together = tree_logits(model, tree, range(len(tree)))
        for sequence, path in zip(SEQUENCES, tree.paths, strict=True):
            alone = model(input_ids=torch.tensor([sequence])).logits[0]
            torch.testing.assert_close(together[list(path)], alone, atol=NEAR, rtol=NEAR)
            last = tree_logits(model, tree, path[-1:])
            torch.testing.assert_close(last, alone[-1:], atol=NEAR, rtol=NEAR)


def test_gradients_in_a_tree_are_those_of_the_sequences_alone() -> None:
    model, tree = tiny_llama(), grow(SEQUENCES[:2])
    weight = model.model.layers[0].self_attn.k_proj.weight

    tree_logits(model, tree, [tree.paths[0][-1], tree.paths[1][-1]]).logsumexp(-1).sum().backward()
    together = weight.grad.clone()
    weight.grad = None
    for sequence in SEQUENCES[:2]:
        model(input_ids=torch.tensor([sequence])).logits[0, -1].logsumexp(-1).backward()

    assert together.abs().max() > NEAR
    torch.testing.assert_close(together, weight.grad, atol=NEAR, rtol=NEAR)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_model_that_reads_trees_is_told_from_one_that_does_not(attention: str) -> None:
    model, tokens = tiny_llama(attention), list(range(2, 34))

    assert reads_trees(model, tokens)
    assert not reads_trees(Careless(model), tokens)
    assert not reads_trees(Refusing(model, ValueError("a mask of four dimensions is not supported")), tokens)


def test_memory_that_runs_out_is_not_taken_for_an_answer() -> None:
    model = Refusing(tiny_llama(), RuntimeError("DefaultCPUAllocator: can't allocate memory"))

    with pytest.raises(RuntimeError, match="allocate"):
        reads_trees(model, list(range(2, 34)))


@pytest.mark.parametrize("places", [[3, 1], [4, 4, 0], list(range(9))])
def test_places_may_be_named_in_any_order_and_again_to_any_model(places: list[int]) -> None:
    model, tree = tiny_llama(), grow(SEQUENCES)

    with torch.inference_mode():
        every = tree_logits(model, tree, range(len(tree)))
        torch.testing.assert_close(tree_logits(model, tree, places), every[places], atol=NEAR, rtol=NEAR)
        torch.testing.assert_close(tree_logits(Talkative(model), tree, places), every[places], atol=NEAR, rtol=NEAR)


def test_one_sequence_asks_for_nothing_special() -> None:
    asked: dict[str, Any] = {}

    def model(**inputs: Any) -> Any:
        asked.update(inputs)
        return SimpleNamespace(logits=torch.zeros(1, 1, 8))

    model.device = torch.device("cpu")  # type: ignore[attr-defined]
    tree_logits(model, PrefixTree((1, 2), (-1, 0), ((0, 1),)), [1])

    assert asked["attention_mask"] is None
    assert asked["position_ids"] is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_divergence_and_its_gradient_are_those_of_torch(dtype: torch.dtype) -> None:
    torch.manual_seed(5)
    base = torch.randn(7, 50).to(dtype)
    own = torch.randn(7, 50).to(dtype).requires_grad_()
    theirs = own.detach().clone().requires_grad_()

    strayed = divergence(own, base)
    (3 * strayed).backward()
    wanted = kl_div(theirs.float().log_softmax(-1), base.float().log_softmax(-1), log_target=True, reduction="sum")
    (3 * wanted).backward()

    torch.testing.assert_close(strayed, wanted)
    assert own.grad is not None and theirs.grad is not None
    assert own.grad.dtype == dtype
    torch.testing.assert_close(own.grad, theirs.grad, atol=1e-2 if dtype == torch.bfloat16 else 1e-6, rtol=1e-2)
    assert divergence(base, base).abs() < NEAR


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_the_base_is_heard_beneath_an_adapter_and_a_model_that_has_learned_strays_from_it() -> None:
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model, sequence = get_peft_model(tiny_llama(), config).eval(), [5, 6, 7, 8]
    tree = grow([sequence])
    before = base_logits(model, sequence, 4)
    assert divergence(tree_logits(model, tree, range(4)), before).abs() < NEAR
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=3.0)

    divergence(tree_logits(model, tree, range(4)), base_logits(model, sequence, 4)).backward()

    torch.testing.assert_close(base_logits(model, sequence, 4), before, atol=NEAR, rtol=NEAR)
    torch.testing.assert_close(base_logits(model, sequence, 2), before[-2:], atol=NEAR, rtol=NEAR)
    assert divergence(tree_logits(model, tree, range(4)), before) > 100 * NEAR
    moved = {name.split(".")[-3] for name, weights in model.named_parameters() if weights.grad is not None}
    assert moved == {"lora_A", "lora_B"}


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
def test_losses_and_gradients_are_the_same_however_many_trees_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logits, "multiplies_halves", lambda _device: False)  # halves differ by their rounding
    config = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    torch.manual_seed(4)
    model = get_peft_model(tiny_llama(), config).eval()
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.5)
    rows, kept = [list(one) for one in SEQUENCES], [5, 6, 7, 12, 13]
    labels = [[IGNORED, IGNORED, *row[2:]] for row in rows]
    found = []
    for most, shared in ((100, True), (9, True), (5, True), (1, True), (100, False)):
        model.zero_grad()
        losses = list(tree_losses(model, Passing(most, shared, 0.5, 3), rows, labels, 7, kept))
        for loss in losses:
            loss.backward()
        found.append(
            (len(losses), sum(losses).detach(), {n: p.grad for n, p in model.named_parameters() if p.requires_grad})
        )

    assert [trees for trees, *_ in found] == [1, 2, 5, 6, 6]
    for _, loss, gradients in found[1:]:
        torch.testing.assert_close(loss, found[0][1], atol=NEAR, rtol=NEAR)
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, found[0][2][name], atol=NEAR, rtol=1e-3)
