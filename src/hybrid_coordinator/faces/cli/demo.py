"""The demo: a real repository is indexed, and a real local model answers, is judged, scored and taught, and learns.

An answer is judged by whether it says what the repository says: a word of the demo's own table. Nothing is staged: a
small model gets some of them wrong, then it is taught, and asked again; then it learns, and is asked in other words.
"""

import os
import tomllib
from contextlib import aclosing
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
from rich.rule import Rule

from hybrid_coordinator.faces.cli.asking import show_event
from hybrid_coordinator.faces.cli.indexing import show_index
from hybrid_coordinator.faces.cli.learning import follow_learning, show_learned
from hybrid_coordinator.faces.cli.session import json_option, print_json, unwrap
from hybrid_coordinator.faces.cli.showing import err, one_line, out, safe, show_report, show_value
from hybrid_coordinator.faces.client import Client
from hybrid_coordinator.quick_imports import quick_imports
from hybrid_coordinator.settings import Settings, load_settings

PACKAGE = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question about this project, a word a right answer holds, the answer a person would teach, the question in
    other words, and wordings that it is taught in at last."""

    text: str
    holds: str
    lesson: str
    rephrased: str
    wordings: tuple[str, ...]


def read_questions() -> list[DemoQuestion]:
    """The table, which lies where the index does not look."""
    table = files("hybrid_coordinator").joinpath("data/demo-questions.toml").read_text(encoding="utf-8")
    return [DemoQuestion(**row | {"wordings": tuple(row["wordings"])}) for row in tomllib.loads(table)["question"]]


@click.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("--fresh", is_flag=True, help="Forget what earlier demos recorded.")
@json_option
def demo(path: Path | None, fresh: bool, as_json: bool) -> None:
    """Index PATH (this project, when left out), ask about it, judge, score, teach, learn, and ask in other words.

    Everything is kept in `.demo` of the current folder, unless HYBRID_DATA_DIR says otherwise.
    """
    settings = _demo_settings()
    if fresh:
        _forget(settings.data_dir)
    figures = unwrap(lambda: _play(settings, (path or _this_project()).resolve(), silent=as_json))
    if as_json:
        print_json(figures)


def _demo_settings() -> Settings:
    settings = load_settings()
    if not os.environ.get("HYBRID_DATA_DIR"):
        settings = replace(settings, storage=replace(settings.storage, data_dir=Path.cwd() / ".demo"))
    if not os.environ.get("FINETUNE_DATA_PATH"):
        dataset = settings.data_dir / "fine-tuning" / "dataset.jsonl"
        settings = replace(settings, learning=replace(settings.learning, finetune_data_path=dataset))
    return replace(settings, pace=replace(settings.pace, enabled=False))  # it learns when the demo comes to it


def _forget(folder: Path) -> None:
    import shutil

    if (folder / "lock").exists():
        shutil.rmtree(folder)


def _this_project() -> Path:
    """The checkout we run from, or the installed package itself."""
    checkout = PACKAGE.parents[1]
    return checkout if (checkout / "pyproject.toml").exists() else PACKAGE


async def _play(settings: Settings, path: Path, *, silent: bool) -> dict[str, Any]:
    with quick_imports():
        from hybrid_coordinator.app import default_model_path, open_house, pull_model  # takes a second
        from hybrid_coordinator.faces.house_client import HouseClient

    out.quiet = err.quiet = silent
    if default_model_path(settings) is None:
        out.print("The small local model is not here yet; fetching it once.")
        await pull_model(settings, lambda line: err.print(f"[dim]{safe(line)}[/]"))
    questions = read_questions()
    async with open_house(settings, keep_up=True) as house:
        client = HouseClient(house)
        out.print(Rule(f"1. Index {path.name}", align="left"))
        indexed = await show_index(client, [str(path)], silent=silent)
        await house.knowledge.tidy()
        out.print(Rule(f"2. Ask {len(questions)} questions", align="left"))
        results = [await _ask_and_settle(client, question, silent=silent) for question in questions]
        out.print(Rule("3. Teach what went wrong, and ask again", align="left"))
        again = [
            await _teach_and_ask(client, question, result, silent=silent)
            for question, result in zip(questions, results, strict=True)
            if result["outcome"] != "success"
        ]
        if not again:
            out.print("[dim]nothing went wrong[/]")
        out.print(Rule("4. Learn from it: hybrid-coordinator learn --once", align="left"))
        learned = await follow_learning(client.learn({"batches": None}))
        show_learned({"steps": learned} | await _stages(client))
        out.print(Rule("5. Ask the same in other words", align="left"))
        reworded = [
            await _ask_and_settle(client, replace(question, text=question.rephrased), silent=silent)
            for question in questions
        ]
        out.print(Rule("6. What it came to", align="left"))
        await house.history.catch_up()
        report = await client.call("report", {})
        show_report(report)
        await _teach_wordings(client, questions)
        await _show_learned(client)
        out.print(f"\n[dim]Kept in {safe(str(settings.data_dir))}. Look around with:[/]")
        out.print(f"HYBRID_DATA_DIR={safe(str(settings.data_dir))} hybrid-coordinator browse skills-patterns")
    return {
        "indexed": indexed,
        "first": results,
        "again": again,
        "learned": learned,
        "reworded": reworded,
        "report": report,
    }


async def _stages(client: Client) -> dict[str, Any]:
    return {"stages": (await client.call("learning_status", {}))["stages"]}


async def _ask_and_settle(client: Client, question: DemoQuestion, *, silent: bool) -> dict[str, Any]:
    out.print(f"\n[bold]? {safe(question.text)}[/]")
    answer: dict[str, Any] = {}
    passages: list[dict[str, Any]] = []
    async with aclosing(client.ask({"query": question.text, "max_tokens": 120, "temperature": 0.0})) as events:
        async for event in events:
            if not silent:
                show_event(event)
            if event["event"] == "routed":
                passages = event["passages"]
            if event["event"] == "answered":
                answer = event["interaction"]
    right = question.holds.lower() in answer["response"].lower()
    settled = await client.call(
        "update_outcome",
        {
            "interaction_id": answer["interaction_id"],
            "outcome": "success" if right else "failure",
            "user_feedback": 1 if right else -1,
        },
    )
    verdict = "[green]right[/]" if right else "[red]wrong[/]"
    out.print(f"judged {verdict}: it {'says' if right else 'does not say'} {question.holds!r}")
    show_value(settled)
    return {
        "question": question.text,
        "answer": answer["response"],
        "route": answer["route"],
        "outcome": settled["outcome"],
        "value_score": settled["value_score"],
        "value_parts": settled["value_parts"],
        "interaction_id": answer["interaction_id"],
        "learned_context": _learned_among(passages, answer["context_provided"]),
        "success_rates": settled["success_rates"],
    }


def _learned_among(passages: list[dict[str, Any]], provided: list[str]) -> list[str]:
    """The passages of an answer's context that were learned."""
    return [passage["id"] for passage in passages if passage["id"] in provided and "stage" in passage["payload"]]


async def _teach_and_ask(
    client: Client, question: DemoQuestion, result: dict[str, Any], *, silent: bool
) -> dict[str, Any]:
    out.print(f"\n[bold]Taught:[/] {safe(question.lesson)}")
    await client.call(
        "learning_feedback",
        {
            "query": question.text,
            "correction": question.lesson,
            "rating": 1,
            "interaction_id": result["interaction_id"],
        },
    )
    return await _ask_and_settle(client, question, silent=silent)


async def _teach_wordings(client: Client, questions: list[DemoQuestion]) -> None:
    """What is taught in several wordings is enough to train the model on; nobody is asked any of them here."""
    for question in questions:
        for wording in question.wordings:
            await client.call("learning_feedback", {"query": wording, "correction": question.lesson, "rating": 1})


async def _show_learned(client: Client) -> None:
    page = await client.call("browse", {"collection": "skills-patterns", "limit": 3})
    out.print("\nSome of skills-patterns:")
    for passage in page["passages"]:
        out.print(f"  [cyan]{safe(passage['payload']['skill_name'])}[/] {safe(one_line(passage['text']))}")
    exported = await client.call("generate_training_data", {})
    out.print(f"\n{exported['examples']} fine-tuning examples in {safe(exported['dataset_path'])}")
