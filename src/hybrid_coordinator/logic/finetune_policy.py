"""When training begins by itself, and how far the data is from that."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FinetunePolicy:
    """The `auto_finetune` of the users' documents.

    A run begins at a time of `schedule` (five fields of cron, on the clock on the wall), or at the first chance after
    it when the machine was asleep or busy then: with at least `min_examples` rows, of which `trigger_every` are newer
    than the last finished run. `model_backend` says who trains. It may take `minutes`. The load average for each core
    must be `most_load` at most, and nobody may have asked anything for `quiet_s` seconds.

    A run that broke off goes on by itself until it has broken off `attempts` times without getting any further. The
    folders of the newest `keep_runs` stay, and those of versions that answer, or may yet.
    """

    enabled: bool = False
    min_examples: int = 1_000
    trigger_every: int = 500
    schedule: str = "0 2 * * 0"
    model_backend: str = "llama-cpp"
    minutes: float = 120.0
    most_load: float = 0.5
    quiet_s: float = 300.0
    attempts: int = 3
    keep_runs: int = 3


@dataclass(frozen=True, slots=True)
class Supply:
    """How many rows the dataset has, and how many of them are new since the last finished run (None: there is none)."""

    rows: int = 0
    new: int | None = None


def lacks(supply: Supply, policy: FinetunePolicy) -> bool:
    """Whether there is too little for a run."""
    return bool(_short_of_rows(supply, policy) or _short_of_news(supply, policy))


def tell_supply(supply: Supply, policy: FinetunePolicy) -> str:
    """How far the data is from a run, for people."""
    if supply.new is None:
        missing = _short_of_rows(supply, policy)
        told = f"{missing:,} short of a first training" if missing else "enough for a first training"
        return f"{supply.rows:,} rows, {told}"
    missing = max(_short_of_rows(supply, policy), _short_of_news(supply, policy))
    told = f"{missing:,} short of the next training" if missing else "enough for the next training"
    return f"{supply.rows:,} rows, {supply.new:,} of them new: {told}"


def why_not_idle(load: float, quiet_s: float, policy: FinetunePolicy) -> str:
    """Why nothing begins now although it is time; "" when it may."""
    if quiet_s < policy.quiet_s:
        return f"a training waits until nobody has asked anything for {policy.quiet_s:.0f} s"
    if load > policy.most_load:
        return f"a training waits for an idle machine: load {load:.2f} for each core, {policy.most_load:.2f} at most"
    return ""


def _short_of_rows(supply: Supply, policy: FinetunePolicy) -> int:
    return max(0, policy.min_examples - supply.rows)


def _short_of_news(supply: Supply, policy: FinetunePolicy) -> int:
    return 0 if supply.new is None else max(0, policy.trigger_every - supply.new)
