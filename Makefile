# `make demo` and `make test` do all the set-up; each line below is a command you can type yourself.
PYTHON ?= python3
VENV ?= .venv
# Where to get a particular build of torch, such as a CPU-only one; empty: wherever pip looks.
TORCH_INDEX ?=
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
READY = $(VENV)/.ready
DEMO = build/demo
# The recipes of the bundled models; DIGITS_DATA must name the folder with mnist/ and unipen/.
DIGITS_RECIPE = --data mnist,unipen,synth --epochs 30 --seed 0
ALNUM_RECIPE = --data mnist,unipen,synth --classes alnum --epochs 16 --seed 0
MODELS = runtime/digits_runtime/models
BUNDLED = train/digits_train/bundled

.PHONY: demo test check bench models seeds compare figures wheel-check picture clip own-hand fuzz kill clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		--constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY)  ## train a little on synthetic handwriting, export int8, read a clip
	rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/digits-train --data synth --epochs 4 --output $(DEMO)/run
	$(BIN)/digits-export $(DEMO)/run --int8 --max-drop 0.5 --output $(DEMO)/digits.onnx
	$(BIN)/digits-cam --source tests/data/clip.mp4 --json --model $(DEMO)/digits.onnx > $(DEMO)/own.jsonl
	$(BIN)/python tests/score_clip.py $(DEMO)/own.jsonl
	$(BIN)/digits-cam --source tests/data/clip.mp4 --json > $(DEMO)/bundled.jsonl
	$(BIN)/python tests/score_clip.py $(DEMO)/bundled.jsonl --exact
	$(BIN)/digits-cam --source tests/data/clip.mp4

test: $(READY)  ## every test; with DIGITS_DATA set also those on real handwriting
	$(BIN)/python -m pytest

check: $(READY)  ## style, types and layering
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## speed, as ratios in one run; REFERENCE=model.onnx adds a yardstick
	$(BIN)/digits-bench $(if $(REFERENCE),--reference $(REFERENCE))

models: $(READY)  ## the bundled models, from data to file
	rm -rf build/models
	$(BIN)/digits-train $(DIGITS_RECIPE) --output build/models/digits
	$(BIN)/digits-train $(ALNUM_RECIPE) --output build/models/alnum
	for name in digits alnum; do \
		$(BIN)/digits-export build/models/$$name --output $(MODELS)/$$name-float.onnx && \
		$(BIN)/digits-export build/models/$$name --int8 --output $(MODELS)/$$name-int8.onnx && \
		rm -rf $(BUNDLED)/$$name && mkdir -p $(BUNDLED)/$$name && \
		cp build/models/$$name/checkpoint* $(BUNDLED)/$$name || exit 1; \
	done

seeds: $(READY)  ## the digits' recipe with five seeds, mean and spread; hours
	$(BIN)/digits-train $(DIGITS_RECIPE) --seeds 5 --output build/seeds

compare: $(READY)  ## classical features and all networks on the same digits, table and plot
	$(BIN)/digits-train compare --output build/compare

figures: $(READY)  ## the README's tables; needs DIGITS_DATA
	$(BIN)/python tests/field/figures.py

wheel-check: $(READY)  ## the wheel in an empty environment, base dependencies only
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m build --wheel --outdir build/wheel .
	$(PYTHON) -m venv build/wheel/env
	build/wheel/env/bin/python -m pip --disable-pip-version-check install --quiet \
		--constraint constraints.txt build/wheel/*.whl
	$(BIN)/python tests/field/wheel.py build/wheel/env

picture: $(READY)  ## the README's picture, anew
	$(BIN)/python tests/field/picture.py

clip: $(READY)  ## the demo's clip and its truth, anew
	$(BIN)/python -m digits_train.clip tests/data/clip.mp4

# A loader after the other; what is found new is kept in build/fuzz.
RUNS ?= 1000000
fuzz: $(READY)  ## hostile files against every loader, memory capped; RUNS=1000 for a short one
	$(PIP) install --quiet atheris
	for name in model session picture contract signature idx npz unipen checkpoint; do \
		mkdir -p build/fuzz/$$name && $(BIN)/python tests/field/fuzz.py $$name -runs=$(RUNS) \
			-rss_limit_mb=512 -timeout=10 -max_len=16384 -print_final_stats=1 \
			-artifact_prefix=build/fuzz/$$name- build/fuzz/$$name tests/corpus/$$name || exit 1; \
	done

own-hand: $(READY)  ## what digits-train adapt gains on held-out writers; needs DIGITS_DATA
	$(BIN)/python tests/field/own_hand.py

kill: $(READY)  ## kill -9 amid saving, 200 times, and no room: every file found is whole
	$(BIN)/python tests/field/kill.py 200

clean:
	rm -rf build dist .venv
