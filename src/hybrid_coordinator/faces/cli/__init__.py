"""The command line: a command uses the running server when there is one, and opens the data folder itself otherwise."""

import json
import sys

import click

from hybrid_coordinator import __version__
from hybrid_coordinator.errors import CoordinatorError
from hybrid_coordinator.faces.cli.asking import ask, browse, correct, outcome, search
from hybrid_coordinator.faces.cli.caching import cache
from hybrid_coordinator.faces.cli.checking import doctor, settings
from hybrid_coordinator.faces.cli.demo import demo
from hybrid_coordinator.faces.cli.gaps import compare, gaps
from hybrid_coordinator.faces.cli.indexing import import_, index, reindex
from hybrid_coordinator.faces.cli.learned import (
    approve,
    changes,
    exclude,
    fix,
    learned,
    reject,
    restore,
    review,
    rollback,
    skills,
    trace,
    unmerge,
)
from hybrid_coordinator.faces.cli.learning import learn
from hybrid_coordinator.faces.cli.reporting import export, models, report
from hybrid_coordinator.faces.cli.serving import mcp, serve
from hybrid_coordinator.faces.cli.training import deploy, measure, train
from hybrid_coordinator.faces.failures import error_body, failure_of


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hybrid-coordinator")
def cli() -> None:
    """Answer questions at home when home is good enough, and learn from every one.

    Settings are environment variables or a TOML file; `hybrid-coordinator settings` lists them all.
    """


for command in (
    approve, ask, browse, cache, changes, compare, correct, demo, deploy, doctor, exclude, export, fix, gaps,
    import_, index, learn, learned, mcp, measure, models, outcome, reindex, reject, report, restore, review,
    rollback, search, serve, settings, skills, trace, train, unmerge,
):  # fmt: skip
    cli.add_command(command)


def main() -> None:
    """Run a command. Errors go to stderr as one line (as JSON with --json), and each kind has its exit code."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except CoordinatorError as error:
        _tell(error)
        sys.exit(failure_of(error).exit_code)
    except BrokenPipeError:  # the reader, `head` for instance, has seen enough
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.filename is not None:
            raise
        click.secho(f"error: cannot write the output ({error.strerror})", fg="red", err=True)
        sys.stdout = None  # what is still buffered cannot be written either
        sys.exit(1)


def _tell(error: CoordinatorError) -> None:
    if "--json" in sys.argv:
        click.echo(json.dumps(error_body(error)), err=True)
    else:
        click.secho(f"error: {error}", fg="red", err=True)
