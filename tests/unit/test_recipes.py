"""Recipes: defaults by size, rows and device, and TOML."""

import pytest

from hybrid_coordinator.domain.training import Recipe
from hybrid_coordinator.errors import BadInput
from hybrid_coordinator.logic.recipes import read_recipe, recipe_of, resolve

SMALL, LARGE = 135_000_000, 8_000_000_000


def test_every_zero_that_stands_for_something_is_resolved() -> None:
    resolved = resolve(Recipe(), parameters=SMALL, rows=160, device="cpu")

    assert resolved.device == "cpu"
    assert all((resolved.rank, resolved.alpha, resolved.epochs, resolved.learning_rate, resolved.batch))
    assert resolved.length > 0
    assert resolve(resolved, parameters=LARGE, rows=9, device="cpu") == resolved


def test_what_a_person_chose_stays() -> None:
    chosen = Recipe(rank=4, alpha=4.0, epochs=1.5, learning_rate=0.1, batch=3, length=77)

    resolved = resolve(chosen, parameters=SMALL, rows=160, device="cuda")

    assert (resolved.rank, resolved.alpha, resolved.epochs) == (4, 4.0, 1.5)
    assert (resolved.learning_rate, resolved.batch, resolved.length) == (0.1, 3, 77)


def test_a_large_model_takes_smaller_steps_in_fewer_directions() -> None:
    small, large = (resolve(Recipe(), parameters=size, rows=160, device="cpu") for size in (SMALL, LARGE))

    assert large.rank < small.rank
    assert large.learning_rate < small.learning_rate


def test_many_rows_are_seen_less_often() -> None:
    epochs = [
        resolve(Recipe(), parameters=SMALL, rows=rows, device="cpu").epochs for rows in (10, 1_000, 5_000, 50_000)
    ]

    assert epochs == sorted(epochs, reverse=True)
    assert len(set(epochs)) == 3


def test_alpha_follows_the_rank_that_was_chosen() -> None:
    assert resolve(Recipe(rank=6), parameters=SMALL, rows=160, device="cpu").alpha == 12.0


def test_a_recipe_is_read_from_its_toml() -> None:
    text = 'rank = 8\ntargets = ["q_proj", "v_proj"]\nepochs = 2.5\nmerged = true\ndevice = "cpu"\nmemory_gb = 3.5\n'

    assert read_recipe(text) == Recipe(
        rank=8, targets=("q_proj", "v_proj"), epochs=2.5, merged=True, device="cpu", memory_gb=3.5
    )
    assert read_recipe("") == Recipe()


def test_whole_numbers_may_stand_for_fractions() -> None:
    assert read_recipe("epochs = 3\nminutes = 20").epochs == 3.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rank = ", "not TOML"),
        ("ranks = 3", "no field 'ranks'"),
        ("rank = 1.5", "'rank'.*type int"),
        ("rank = true", "'rank'.*type int"),
        ('epochs = "many"', "'epochs'.*type float"),
        ("epochs = nan", "'epochs'.*between"),
        ("learning_rate = -1", "'learning_rate'.*between"),
        ("targets = [1]", "'targets'.*list of names"),
        ('targets = "q_proj"', "'targets'.*list of names"),
        ("dropout = 1.0", "'dropout'.*between"),
        ("patience = 0", "'patience'"),
        ("minutes = 0", "'minutes'"),
        ('device = "tpu"', "'device'"),
        ("merged = 1", "'merged'"),
    ],
)
def test_what_makes_no_sense_is_named(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_recipe(text)


def test_a_stored_recipe_of_another_release_loads() -> None:
    assert recipe_of({"rank": 4, "unheard_of": 1, "targets": ["q_proj"]}) == Recipe(rank=4, targets=("q_proj",))
