"""What a face does not import before it is needed: a second of each command."""

import subprocess
import sys

import pytest

HEAVY = ("hybrid_coordinator.app", "sqlalchemy", "pydantic", "mcp", "torch")


@pytest.mark.parametrize(("module", "allowed"), [("cli", ()), ("server", HEAVY[:3])])
def test_what_takes_long_is_imported_when_it_is_needed(module: str, allowed: tuple[str, ...]) -> None:
    code = f"import sys, hybrid_coordinator.faces.{module}\nprint([name for name in {HEAVY} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str(list(allowed))


@pytest.mark.parametrize("before", [True, False])
def test_the_collector_is_left_as_it_was(before: bool) -> None:
    code = (
        "import gc\nfrom hybrid_coordinator.quick_imports import quick_imports\n"
        f"gc.enable() if {before} else gc.disable()\n"
        "with quick_imports():\n    during = gc.isenabled()\n"
        "print(during, gc.isenabled(), gc.get_freeze_count() > 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", str(before), "True"]
