"""The llama.cpp server as a process of its own: `python -m hybrid_coordinator.backends.models.llamacpp_child`.

The first line of stdin is a JSON object with the fields of `Weights` (its adapter as one of `adapters`, each a path and
a scale) and the access key; the first and only line of stdout is `{"address": "http://127.0.0.1:PORT"}`, written once
the weights are loaded. Complaints go to stderr. The process ends when stdin does. Nothing but the standard library and
xllamacpp is imported.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>."""

CACHE_MIB = 256
"""Memory for prompts seen before; llama.cpp's own default is 8 GiB."""

ERRORS_ONLY = 1
"""A verbosity of llama.cpp."""


def die_with_parent(parent_pid: int) -> None:
    """On Linux the kernel kills this process with the thread that started it; elsewhere the end of stdin must do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:  # it died before the line above took effect
            os._exit(1)


def serve(order: dict[str, Any]) -> Any:
    """Load the weights and listen on a free port; the server lives as long as what is returned."""
    import xllamacpp  # loading it takes a while, and dying with the parent must be settled first

    params = xllamacpp.CommonParams()
    params.model.path = order["path"]
    params.model_alias = {order["alias"]}
    params.api_keys = [order["key"]]
    params.port = 0
    params.n_parallel = order["slots"]
    params.n_ctx = order["context_tokens"] * order["slots"]  # llama.cpp divides it among the slots
    if order["threads"]:
        params.cpuparams.n_threads = order["threads"]
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(path, scale) for path, scale in order.get("adapters", ())]
    params.cache_ram_mib = CACHE_MIB
    params.warmup = False
    params.ui = False
    params.verbosity = ERRORS_ONLY
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:  # llama.cpp has written the cause to stderr
        sys.exit(str(error))


def main() -> None:
    order = json.loads(sys.stdin.readline())
    die_with_parent(order["parent_pid"])
    announcements = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else llama.cpp prints is no announcement
    server = serve(order)
    print(json.dumps({"address": server.listening_address}), file=announcements, flush=True)
    sys.stdin.read()
    os._exit(0)  # llama.cpp keeps nothing worth an orderly end, and one could wait for answers under way


if __name__ == "__main__":
    main()
