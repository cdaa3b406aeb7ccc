# What a reader of the README runs. Everything lives in .venv, made anew when pyproject.toml changes.

PYTHON ?= python3
BIN := .venv/bin
COMMA := ,
SHIPPED := pyproject.toml LICENSE README.md py.typed $(wildcard *.py */*.py */*/*.py */*/*/*.py \
	compiler/*/*.j2 compiler/*/*.toml models/*.*)

.PHONY: demo test site synth retention zoo fuzz interrupts bless format clean
.DELETE_ON_ERROR:

demo: .venv/snc ## Compile the shipped digits network, check the image, classify held-out digits; then a stream of them in three forms
	$(BIN)/snc compile models/digits.onnx -o out/digits.snc
	$(BIN)/snc verify models/digits.onnx out/digits.snc -i models/digits_test.npz
	$(BIN)/snc simulate out/digits.snc -i models/digits_test.npz --labels label -o out/digits.npz
	$(BIN)/snc inspect out/digits.snc
	$(BIN)/snc models stream -o out/moving.npz
	$(BIN)/snc compile models/digits.onnx --neurons sigma-delta -o out/changes.snc --json > out/changes.json
	$(BIN)/snc compile models/digits.onnx --neurons if --steps 16 --data models/digits_test.npz -o out/rates.snc --json > out/rates.json
	$(BIN)/snc simulate out/rates.snc -i out/moving.npz --labels label --beside out/digits.snc --beside out/changes.snc

test: .venv/test ## Every check of the project, on the built wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p snc
	$(BIN)/mypy --explicit-package-bases tests examples
	$(BIN)/mypy --explicit-package-bases benchmarks
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -n 2 --dist worksteal

site: .venv/site ## The documentation with the reference of the Python interface, in build/site; no link is dead
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

synth: ## Cells and flip-flops of a core and of the encodings' controllers, in build/*.txt (needs yosys)
	@command -v yosys >/dev/null || { echo "yosys is not installed: on Debian and Ubuntu it is the package yosys"; exit 1; }
	mkdir -p build
	yosys -q -s rtl/synth.ys
	@cat build/synth.txt
	sh rtl/encodings/synth.sh

retention: .venv/snc ## Train the networks of the retention task anew, and their table and plot: takes a while
	$(BIN)/python tools/train_retention.py .

zoo: .venv/test ## The slow tests, and the real networks of ../shared/models where that folder stands
	$(BIN)/pytest -m "zoo or slow"

N ?= 1000
SEED ?= 0

fuzz: .venv/test ## N damaged models, N damaged images and N well-formed graphs, in watched processes
	cd tests && ../$(BIN)/python -m fuzz.harness --count $(N) --seed $(SEED)

interrupts: .venv/test ## N interrupts of compile, simulate and verify at random moments
	cd tests && ../$(BIN)/python -m cli.interrupting --count $(N) --seed $(SEED)

bless: .venv/test ## Rewrite the golden files: review the diff
	SNC_BLESS=1 $(BIN)/pytest -n 2 --dist worksteal

format: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist out *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/made: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "snc needs Python 3.11 or later: make PYTHON=python3.11 (or later)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv is missing: on Debian and Ubuntu it is the package python3-venv"; exit 1; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade setuptools
	touch $@

# A stale build/lib would ship deleted modules; pip would keep an installed wheel of the same version.
.venv/snc: .venv/made $(SHIPPED)
	rm -rf build dist *.egg-info
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	$(BIN)/pip uninstall --quiet --yes snc 2>/dev/null
	$(BIN)/pip install --quiet dist/*.whl
	touch $@

.venv/test: .venv/snc
	$(BIN)/pip install --quiet "$$(echo dist/*.whl)[test$(if $(CI),$(COMMA)cluster$(COMMA)mnist$(COMMA)tune)]"
	touch $@

.venv/site: .venv/snc mkdocs.yml
	$(BIN)/pip install --quiet "$$(echo dist/*.whl)[docs]"
	touch $@
