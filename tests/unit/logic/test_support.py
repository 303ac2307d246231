"""A step counts as supported only when the answer says just that."""

import pytest

from hybrid_coordinator.logic.support import Source, commands_in

ANSWER = """To fix it:
1. Enable the keyring in configuration.nix. Then restart the display manager.
2. Copy the file from db-1.example.com to db-2.example.com.
3. Wait 30 seconds before restarting nginx.
- To free the disk, run `journalctl --vacuum-size=100M` on the node.
- If the pod is pending, delete the claim.
Do not delete the volume. Restarting the pod fails.
You can check the logs with kubectl logs -f web-0.
It is safe to
remove the lock, but never
touch the index.

Never do this:
```sh
rm -rf /var/lib
```
Then reload:
```sh
$ systemctl daemon-reload
systemctl restart nginx --no-block
docker run \\
  --rm image:1.2
```

## What not to do
- Reboot the node
"""
SOURCE = Source(ANSWER)


@pytest.mark.parametrize(
    "step",
    (
        "Enable the keyring in configuration.nix",
        "Enable keyring in `configuration.nix`.",
        "Restart the display manager",
        "Copy file from db-1.example.com to db-2.example.com",
        "Run `journalctl --vacuum-size=100M` on the node.",
        "If the pod is pending, delete the claim",
        "Don't delete the volume.",
        "Check the logs with `kubectl logs -f web-0`",
        "Run systemctl daemon-reload",
        "Reload: systemctl daemon-reload",
        "systemctl restart nginx --no-block",
    ),
)
def test_what_the_answer_says_is_supported(step: str) -> None:
    assert SOURCE.supports(step)


@pytest.mark.parametrize(
    "step",
    (
        "Wait 60 seconds before restarting nginx",
        "Wait before restarting nginx",
        "Restart nginx",
        "Delete the volume",
        "Delete the claim",
        "Do not enable the keyring in configuration.nix",
        "Disable the keyring in configuration.nix",
        "Copy the file from db-2.example.com to db-1.example.com",
        "Copy the file from db-1.example.com to db-3.example.com",
        "Run `journalctl --vacuum-size=10M` on the node",
        "Run `journalctl` on the node",
        "systemctl restart nginx",
        "systemctl restart nginx --no-block --force",
        "Check the logs with kubectl logs",
        "Restart the pod",
        "Touch the index",
        "rm -rf /var/lib",
        "Reboot the node",
        "Enable the keyring in configuration.nix. Then reboot.",
        "Enable the keyring",
        "",
    ),
)
def test_what_it_does_not_say_is_not(step: str) -> None:
    assert not SOURCE.supports(step)


def test_code_is_supported_by_whole_lines_that_are_not_cut_off() -> None:
    assert SOURCE.supports_code("$ systemctl daemon-reload\nsystemctl restart nginx --no-block")
    assert SOURCE.supports_code("journalctl --vacuum-size=100M")
    assert SOURCE.supports_code("docker run \\\n  --rm image:1.2")
    assert not SOURCE.supports_code("systemctl restart nginx")
    assert not SOURCE.supports_code("systemctl restart nginx --no-block\nsystemctl daemon-reload")
    assert not SOURCE.supports_code("docker run \\")
    assert not SOURCE.supports_code("--rm image:1.2")
    assert not SOURCE.supports_code("rm -rf /var/lib")
    assert not SOURCE.supports_code("")


def test_an_empty_answer_supports_nothing() -> None:
    assert not Source("").supports("Restart nginx")


def test_commands_are_the_lines_of_code_and_what_is_quoted() -> None:
    assert commands_in("Run `make test` in `src`:\n```\n$ make  lint\n```") == {"make test", "make lint"}
