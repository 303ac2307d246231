"""What llama.cpp would say next, with an adapter and without: `python -P -m hybrid_coordinator.training.logit_probe`.

One line of JSON comes in on stdin: `{"model", "adapter", "prompts": [[token, …], …], "top", "threads", "parent_pid"}`.
One goes out on stdout: `{"with": [{token: logarithm of its probability, …}, …], "without": […]}`, a table a prompt with
its `top` likeliest tokens; only `without` where `adapter` is null. It is a process of its own because a file that is
not right may crash llama.cpp.
"""

import json
import os
import sys
from typing import Any

from hybrid_coordinator.training.limits import die_with_parent

ERRORS_ONLY = 1
"""A verbosity of llama.cpp."""


def open_server(order: dict[str, Any]) -> Any:
    """llama.cpp with the base and the adapter beside it."""
    import xllamacpp  # loading it takes a while, and dying with the parent must be settled first

    params = xllamacpp.CommonParams()
    params.model.path = order["model"]
    if order["adapter"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(order["adapter"], 1.0)]
    params.port = 0
    params.n_parallel = 1
    params.n_ctx = max(map(len, order["prompts"])) + 8
    params.cpuparams.n_threads = order["threads"] or os.cpu_count() or 1
    params.cache_ram_mib = 0
    params.warmup = False
    params.ui = False
    params.verbosity = ERRORS_ONLY
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:  # llama.cpp has written the cause to stderr
        sys.exit(str(error))


def likeliest(server: Any, prompt: list[int], top: int, scale: float) -> dict[int, float]:
    """The next token's likeliest values after a prompt, with the adapter, if there is one, at that scale."""
    request = {"prompt": prompt, "max_tokens": 1, "logprobs": top, "temperature": 0.0, "cache_prompt": False}
    said = server.handle_completions({**request, "lora": [{"id": 0, "scale": scale}]})
    if "choices" not in said:
        sys.exit(f"llama.cpp answered {said!r:.300}")
    return {one["id"]: one["logprob"] for one in said["choices"][0]["logprobs"]["content"][0]["top_logprobs"]}


def main() -> None:
    order = json.loads(sys.stdin.readline())
    die_with_parent(order["parent_pid"])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else llama.cpp prints is no answer
    server = open_server(order)
    scales = {"with": 1.0, "without": 0.0} if order["adapter"] else {"without": 0.0}
    tables = {
        side: [likeliest(server, prompt, order["top"], scale) for prompt in order["prompts"]]
        for side, scale in scales.items()
    }
    print(json.dumps(tables), file=answers, flush=True)
    os._exit(0)  # llama.cpp keeps nothing worth an orderly end


if __name__ == "__main__":
    main()
