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
# A teacher too slow for a board teaches a tutor, that one of the digits' own size; those two and one
# that nobody taught, averaged, teach a fourth, which goes on learning from all four, thrice.
GLYPHS = --data mnist,unipen,synth,print
TEACHER_RECIPE = $(GLYPHS) --arch fusion-large --epochs 15 --seed 100
TUTOR_RECIPE = $(GLYPHS) --teacher build/models/teacher --epochs 30 --seed 0
UNTAUGHT_RECIPE = $(GLYPHS) --arch fusion-compact --epochs 16 --seed 0
FIRST_RECIPE = $(UNTAUGHT_RECIPE) --teacher build/models/tutor
TEACHERS = $(foreach name,tutor first untaught,--teacher build/models/$(name))
FOURTH_RECIPE = $(GLYPHS) --arch fusion-compact --epochs 16 --seed 1 $(TEACHERS)
FIFTH_RECIPE = $(GLYPHS) --arch fusion-compact --epochs 20 --seed 2 $(TEACHERS) \
	--teacher build/models/fourth --init build/models/fourth
SIXTH_RECIPE = $(GLYPHS) --arch fusion-compact --epochs 10 --seed 3 $(TEACHERS) \
	--teacher build/models/fifth --init build/models/fifth
SEVENTH_RECIPE = $(GLYPHS) --arch fusion-compact --epochs 16 --seed 4 $(TEACHERS) \
	--teacher build/models/sixth --init build/models/sixth
# Two that know MNIST alone, and that better than any that knows all, teach it to those that go on.
SPECIALIST_RECIPE = --data mnist --clean --arch fusion-compact
SPECIALISTS = --teacher build/models/mnist-0 --teacher build/models/mnist-1
EIGHTH_RECIPE = $(GLYPHS) --arch fusion-compact --epochs 20 --seed 5 --teacher build/models/tutor \
	--teacher build/models/first --teacher build/models/seventh $(SPECIALISTS) \
	--init build/models/seventh
# Five seeds of the last part, whose mean is bundled.
NINTH_RECIPE = $(GLYPHS) --arch fusion-compact --epochs 24 --seed 6 --teacher build/models/sixth \
	--teacher build/models/seventh $(SPECIALISTS) --init build/models/eighth --seeds 5
NINTHS = $(foreach seed,6 7 8 9 10,build/models/ninth/seed-$(seed))
# The characters go on once from their own weights; the mean of three seeds is bundled.
CHARACTERS = --data mnist,unipen,synth --classes alnum
ALNUM_FIRST_RECIPE = $(CHARACTERS) --epochs 16 --seed 0
ALNUM_RECIPE = $(CHARACTERS) --epochs 6 --seed 20 --teacher build/models/alnum-first \
	--init build/models/alnum-first --seeds 3
ALNUMS = $(foreach seed,20 21 22,build/models/alnum-second/seed-$(seed))
# What names two digits that touch goes on twice from its own weights, with other pairs.
PAIRS = --data pairs --classes pairs --arch fusion-compact --epochs 12
PAIRS_FIRST_RECIPE = $(PAIRS) --seed 1
PAIRS_SECOND_RECIPE = $(PAIRS) --seed 2 --init build/models/pairs-first
PAIRS_RECIPE = $(PAIRS) --seed 3 --init build/models/pairs-second
# The page network goes on twice from its own weights, on other pages.
PAGE_FIRST_RECIPE = --scenes 2000 --steps 6000 --seed 0
PAGE_SECOND_RECIPE = --scenes 2500 --steps 7000 --seed 1 --init build/models/page-first
PAGE_RECIPE = --scenes 3500 --steps 13000 --seed 2 --init build/models/page-second
MODELS = runtime/digits_runtime/models
BUNDLED = train/digits_train/bundled

.PHONY: demo test check bench bench-engines bench-pages models seeds compare figures wheel-check processors picture clip clean test-page test-mqtt steady own-hand fuzz kill audit release

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		--constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(READY)  ## train a little on synthetic handwriting, export int8, read a clip
	rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/digits-train --data synth --epochs 4 --output $(DEMO)/run
	$(BIN)/digits-export $(DEMO)/run --int8 --allow-drop 0.5 --output $(DEMO)/digits.onnx
	$(BIN)/digits-cam --source tests/data/clip.mp4 --json --model $(DEMO)/digits.onnx > $(DEMO)/own.jsonl
	$(BIN)/python tests/score_clip.py $(DEMO)/own.jsonl
	$(BIN)/digits-cam --source tests/data/clip.mp4 --json > $(DEMO)/bundled.jsonl
	$(BIN)/python tests/score_clip.py $(DEMO)/bundled.jsonl --exact
	$(BIN)/digits-cam --source tests/data/clip.mp4

test: $(READY)  ## every test; with DIGITS_DATA set also those on real handwriting
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

check: $(READY)  ## style, types and layering
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## speed, as ratios in one run; REFERENCE=model.onnx adds a yardstick
	$(BIN)/digits-bench $(if $(REFERENCE),--reference $(REFERENCE))

bench-pages: $(READY)  ## how well and how fast generated pages and grids are read
	$(BIN)/python tests/field/pages.py

models: $(READY)  ## the bundled models, from data to file
	rm -rf build/models
	$(BIN)/digits-train $(TEACHER_RECIPE) --output build/models/teacher
	$(BIN)/digits-train $(TUTOR_RECIPE) --output build/models/tutor
	$(BIN)/digits-train $(FIRST_RECIPE) --output build/models/first
	$(BIN)/digits-train $(UNTAUGHT_RECIPE) --output build/models/untaught
	$(BIN)/digits-train $(FOURTH_RECIPE) --output build/models/fourth
	$(BIN)/digits-train $(FIFTH_RECIPE) --output build/models/fifth
	$(BIN)/digits-train $(SIXTH_RECIPE) --output build/models/sixth
	$(BIN)/digits-train $(SEVENTH_RECIPE) --output build/models/seventh
	$(BIN)/digits-train $(SPECIALIST_RECIPE) --epochs 40 --seed 0 --output build/models/mnist-0
	$(BIN)/digits-train $(SPECIALIST_RECIPE) --epochs 36 --seed 1 --output build/models/mnist-1
	$(BIN)/digits-train $(EIGHTH_RECIPE) --output build/models/eighth
	$(BIN)/digits-train $(NINTH_RECIPE) --output build/models/ninth
	$(BIN)/digits-train soup $(NINTHS) --output build/models/digits
	$(BIN)/digits-train $(ALNUM_FIRST_RECIPE) --output build/models/alnum-first
	$(BIN)/digits-train $(ALNUM_RECIPE) --output build/models/alnum-second
	$(BIN)/digits-train soup $(ALNUMS) --output build/models/alnum
	$(BIN)/digits-train $(PAIRS_FIRST_RECIPE) --output build/models/pairs-first
	$(BIN)/digits-train $(PAIRS_SECOND_RECIPE) --output build/models/pairs-second
	$(BIN)/digits-train $(PAIRS_RECIPE) --output build/models/pairs
	$(BIN)/digits-train page $(PAGE_FIRST_RECIPE) --output build/models/page-first
	$(BIN)/digits-train page $(PAGE_SECOND_RECIPE) --output build/models/page-second
	$(BIN)/digits-train page $(PAGE_RECIPE) --output build/models/page
	for name in digits alnum; do \
		$(BIN)/digits-export build/models/$$name --output $(MODELS)/$$name-float.onnx || exit 1; \
	done
	for name in digits alnum pairs page; do \
		$(BIN)/digits-export build/models/$$name --int8 --output $(MODELS)/$$name-int8.onnx && \
		rm -rf $(BUNDLED)/$$name && mkdir -p $(BUNDLED)/$$name && \
		cp build/models/$$name/checkpoint* $(BUNDLED)/$$name || exit 1; \
	done

# Nothing is trained that `make models` has trained.
seeds: $(READY)  ## the five seeds whose mean the digits are, after `make models`: mean, spread, tests; needs DIGITS_DATA
	$(BIN)/digits-train $(NINTH_RECIPE) --output build/models/ninth
	for run in $(NINTHS); do for set in mnist mnist-corrupted usps photo_crops unipen unipen-noisy; do \
		echo $$run; $(BIN)/digits-train evaluate $$run --on $$set || exit 1; \
	done; done

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

bench-engines: $(READY)  ## the same weights on other engines; REFERENCE=folder adds its models
	$(BIN)/python tests/field/engines.py $(REFERENCE)

release: wheel-check  ## wheel and sdist in dist/, held to PyPI's rules; the wheel tried as wheel-check does
	rm -rf dist && mkdir dist && cp build/wheel/*.whl dist/
	$(BIN)/python -m build --sdist --outdir dist .
	$(PIP) install --quiet --constraint constraints.txt twine
	$(BIN)/python -m twine check --strict dist/*

audit:  ## known holes in the pinned versions; asks PyPI, so neither CI nor `make check` does it
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

processors: $(READY)  ## the int8 models' answers on AVX2 alone, under qemu
	$(BIN)/python tests/field/processors.py

test-page: $(READY)  ## the web page in Chromium; pictures of it in build/page
	$(BIN)/python -m pytest -s tests/field/page.py

test-mqtt: $(READY)  ## readings, discovery and the last will at a real mosquitto
	$(BIN)/python -m pytest -s tests/field/mqtt.py

steady: $(READY)  ## how soon and how steadily numbers are announced, on generated films
	$(BIN)/python tests/field/steady.py

.PHONY: arm-python test-arm test-arm-camera bench-photos bench-folders

ARM_PACKAGES = pytest hypothesis onnx

arm-python: $(READY)  ## an emulated 64-bit ARM Python in build/arm; needs Debian 12 or newer
	PYTHON=$(BIN)/python tests/field/arm_python.sh build/arm $(ARM_PACKAGES)

test-arm: arm-python  ## the runtime on emulated Raspberry Pi 3, 4 and 5; ARM_TESTS="..." for others
	$(BIN)/python tests/field/arm.py build/arm $(ARM_TESTS)

test-arm-camera: arm-python  ## digits-cam on those boards, its camera silent, killed and back
	$(BIN)/python tests/field/arm_camera.py build/arm

bench-photos: $(READY)  ## RapidOCR and Tesseract on the same pictures; needs DIGITS_DATA and tesseract
	@command -v tesseract >/dev/null || { echo "install Tesseract: apt-get install tesseract-ocr"; exit 1; }
	$(PYTHON) -m venv build/rapidocr
	build/rapidocr/bin/python -m pip --disable-pip-version-check install --quiet \
		rapidocr-onnxruntime==1.4.4
	$(BIN)/python tests/field/photos.py build/rapidocr/bin/python

bench-folders: $(READY)  ## digits-read in one process, in two and on Ray
	$(PIP) install --quiet --constraint constraints.txt --editable '.[ray]'
	$(BIN)/python tests/field/folders.py

.PHONY: test-camera bench-camera soak

# A folder for the kernel and qemu of `test-camera`, about 500 MB, made once.
CAMERA_VM ?= build/camera-vm
MINUTES ?= 20
SECONDS ?= 30

test-camera: $(READY)  ## cameras that freeze, vanish, lie: network ones here, a USB webcam in a VM
	$(BIN)/python tests/field/streams.py
	tests/field/camera_vm.sh $(CAMERA_VM) $(abspath $(BIN)/python) tests/field/camera_guest.py

bench-camera: $(READY)  ## digits-cam at 30 frames a second on one core: drops, latency, memory
	$(BIN)/python tests/field/end_to_end.py $(SECONDS)

soak: $(READY)  ## digits-cam with failing cameras for MINUTES: memory, threads, descriptors
	$(BIN)/python tests/field/soak.py $(MINUTES)

picture: $(READY)  ## the README's picture, anew
	$(BIN)/python tests/field/picture.py

clip: $(READY)  ## the demo's clip and its truth, anew
	$(BIN)/python -m digits_train.clip tests/data/clip.mp4

# A loader after the other; what is found new is kept in build/fuzz.
RUNS ?= 1000000
LOADERS ?= model session picture contract signature idx npz unipen checkpoint config stream requests
fuzz: $(READY)  ## hostile files against every loader, memory capped; RUNS=1000, LOADERS=idx for less
	$(PIP) install --quiet atheris
	for name in $(LOADERS); do \
		mkdir -p build/fuzz/$$name && $(BIN)/python tests/field/fuzz.py $$name -runs=$(RUNS) \
			-rss_limit_mb=512 -timeout=10 -max_len=16384 -print_final_stats=1 \
			-artifact_prefix=build/fuzz/$$name- build/fuzz/$$name tests/corpus/$$name || exit 1; \
	done

own-hand: $(READY)  ## what digits-train adapt gains on held-out writers; needs DIGITS_DATA
	$(BIN)/python tests/field/own_hand.py

kill: $(READY)  ## kill -9 while all that is saved is saved, no room, read-only: every file is whole
	$(BIN)/python tests/field/kill.py saving 200
	for part in train export cam; do $(BIN)/python tests/field/kill.py $$part 50 || exit 1; done
	$(BIN)/python tests/field/no_room.py full
	$(BIN)/python tests/field/no_room.py readonly

clean:
	rm -rf build dist .venv
