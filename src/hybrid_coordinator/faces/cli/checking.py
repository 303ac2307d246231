"""Commands that check: doctor, settings."""

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from hybrid_coordinator import __version__
from hybrid_coordinator.errors import CoordinatorError
from hybrid_coordinator.faces.cli.session import json_option, print_json, run
from hybrid_coordinator.faces.cli.showing import out, safe
from hybrid_coordinator.settings import TABLE, Settings, current_value, load_settings, settings_markdown, show

LOW_SPACE = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `serious` findings make doctor exit with 1 when they are not ok."""

    name: str
    ok: bool
    serious: bool
    detail: str


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look at everything the coordinator needs, and say what to do about what is missing."""
    findings = list(_examine())
    if as_json:
        print_json({"ok": all(item.ok for item in findings), "findings": [asdict(item) for item in findings]})
    else:
        for item in findings:
            mark = "[green]ok[/]  " if item.ok else "[red]FAIL[/]" if item.serious else "[yellow]note[/]"
            out.print(f"{mark} [bold]{safe(item.name)}[/]: {safe(item.detail)}")
    sys.exit(any(item.serious and not item.ok for item in findings))


def _examine() -> Iterator[Finding]:
    yield Finding("version", True, True, f"{__version__} on Python {platform.python_version()}, {platform.platform()}")
    try:
        settings = load_settings()
    except CoordinatorError as error:
        yield Finding("settings", False, True, str(error))
        return
    yield Finding("settings", True, True, f"all {len(TABLE)} read")
    yield _space(settings)
    yield from _privacy(settings)
    try:
        checked = run(lambda client: client.call("health", {}))
    except CoordinatorError as error:
        yield Finding("data folder", False, True, str(error))
        return
    for part in checked["parts"]:
        yield Finding(part["name"], part["ok"], part["needed"], part["detail"])


def _space(settings: Settings) -> Finding:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Finding("disk", free > LOW_SPACE, False, f"{free / 1024**3:.1f} GiB free for {str(settings.data_dir)!r}")


def _privacy(settings: Settings) -> Iterator[Finding]:
    if not settings.routing.hybrid_mode:
        yield Finding("remote", True, False, "local-only mode: nothing leaves this machine")
        return
    keys = [name for name in ("anthropic", "openai") if getattr(settings.remote, f"{name}_api_key")]
    detail = f"questions may go to {', '.join(keys)}" if keys else "no key is set, so every answer comes from here"
    yield Finding("remote", True, False, detail)


@click.command()
@click.option("--markdown", is_flag=True, help="Print docs/settings.md.")
@json_option
def settings(markdown: bool, as_json: bool) -> None:
    """Every setting: its value now, its default and its meaning."""
    if markdown:
        click.echo(settings_markdown(), nl=False)
        return
    tree = load_settings()
    rows = [
        {
            "variable": setting.env,
            "key": setting.key,
            "value": show(current_value(tree, setting)),
            "default": show(setting.default),
            "expected": setting.kind.expected,
            "meaning": setting.help,
        }
        for setting in TABLE
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        changed = "" if row["value"] == row["default"] else f" [dim](default {safe(row['default']) or 'nothing'})[/]"
        out.print(f"[bold]{row['variable']}[/]={safe(row['value'])}{changed}\n  [dim]{safe(row['meaning'])}[/]")
