"""How an adapter is trained: a recipe as TOML, what may stand in one, and what a zero in it stands for.

The rank, rate and epochs of small models are those that learned 40 invented facts in docs/lab.md; larger ones take
smaller steps in fewer directions, as is usual for LoRA. None of them was tried here on a model above 270 million.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from hybrid_coordinator.domain.training import Recipe
from hybrid_coordinator.errors import BadInput

DEVICES = ("", "cpu", "cuda", "mps")

_SMALL, _MIDDLE = 500_000_000, 3_000_000_000
_BY_SIZE = ((_SMALL, 32, 1e-3), (_MIDDLE, 16, 3e-4))
"""Up to so many parameters: the rank and the learning rate."""

_LARGE = (8, 1e-4)

_BY_ROWS = ((40, 10.0), (160, 7.0), (400, 4.0), (2_000, 2.5))
"""Up to so many rows: the epochs. Few rows must be seen often, many say the same in many words (docs/lab.md: of 280
rows 36 of 40 facts are known after three epochs, 35 after four; with a tenth replayed four are better)."""

_LEAST: Mapping[str, float] = {"patience": 1, "rank": 0, "batch": 0, "length": 0, "seed": 0}
_MOST: Mapping[str, float] = {
    "rank": 512,
    "alpha": 4096,
    "dropout": 0.9,
    "epochs": 1000,
    "learning_rate": 1,
    "batch": 4096,
    "length": 131_072,
    "replay_share": 10,
    "stay_weight": 100,
    "preference_epochs": 100,
    "preference_beta": 10,
    "minutes": 100_000,
    "memory_gb": 100_000,
}


def resolve(recipe: Recipe, *, parameters: int, rows: int, device: str) -> Recipe:
    """The recipe without a zero that stands for something, for a model of so many parameters; no `targets` go on
    meaning all linear layers."""
    rank, rate = next(((rank, rate) for most, rank, rate in _BY_SIZE if parameters <= most), _LARGE)
    rank = recipe.rank or rank
    on_cpu = device == "cpu"
    return replace(
        recipe,
        rank=rank,
        alpha=recipe.alpha or 2.0 * rank,
        epochs=recipe.epochs or next((epochs for most, epochs in _BY_ROWS if rows <= most), 2.0),
        learning_rate=recipe.learning_rate or rate,
        batch=recipe.batch or (8 if on_cpu else 16),
        length=recipe.length or (512 if on_cpu else 1024),
        device=device,
    )


def read_recipe(text: str) -> Recipe:
    """A recipe from TOML: fields of `Recipe` at the top. Raises BadInput that names the field."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"the recipe is not TOML: {error}; mend that line") from error
    known = {field.name for field in fields(Recipe)}
    if unknown := sorted(set(table) - known):
        raise BadInput(f"the recipe has no field {unknown[0]!r}; choose from {', '.join(sorted(known))}")
    return recipe_of(table)


def recipe_of(table: Mapping[str, Any]) -> Recipe:
    """A recipe from its fields; others are passed over, and what is missing has its default. Raises BadInput."""
    named = {field.name: field for field in fields(Recipe)}
    values: dict[str, Any] = {
        name: _read(name, table[name], field.default) for name, field in named.items() if name in table
    }
    recipe = Recipe(**values)
    _check(recipe)
    return recipe


def _read(name: str, value: object, default: object) -> object:
    match default, value:
        case (bool(), bool()) | (str(), str()):
            return value
        case int(), int() if not isinstance(default, bool) and not isinstance(value, bool):
            return value
        case float(), float() | int() if not isinstance(value, bool):
            return float(value)
        case tuple(), list() | tuple() if all(isinstance(one, str) and one for one in value):
            return tuple(value)
    kind = "a list of names" if isinstance(default, tuple) else f"of the type {type(default).__name__}"
    raise BadInput(f"{name!r} of the recipe must be {kind}, and {value!r} is not; change it")


def _check(recipe: Recipe) -> None:
    for name, most in _MOST.items():
        value = getattr(recipe, name)
        if not 0 <= value <= most:  # not a number is in no range either
            raise BadInput(f"{name!r} of the recipe must be between 0 and {most:g}, and {value!r} is not; change it")
    for name, least in _LEAST.items():
        if getattr(recipe, name) < least:
            raise BadInput(f"{name!r} of the recipe must be {least:g} or more; change it")
    if recipe.minutes <= 0:
        raise BadInput("'minutes' of the recipe must be more than 0; change it")
    if recipe.device not in DEVICES:
        raise BadInput(f"'device' of the recipe must be cpu, cuda, mps or empty, and not {recipe.device!r}; change it")
