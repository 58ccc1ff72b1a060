# `make demo`, `make test` and `make lint` set themselves up in .venv, again
# only if the requirements change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
REQUIREMENTS := setup.py pyproject.toml requirements.txt \
	$(wildcard requirements/*.txt)
TESTS ?= tests

.PHONY: demo test lint install clean
.DELETE_ON_ERROR:

demo: $(STAMP)
	$(BIN)/python tools/misc/quick_start.py

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(TESTS)

lint: $(STAMP)
	$(BIN)/ruff check .

install: $(STAMP)

# Without libGL, as on a server, opencv-python cannot be imported; its
# headless twin of the same version can.
$(STAMP): $(REQUIREMENTS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and \
		"Python 3.10 or later is needed: make PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade pip
	$(BIN)/python -m pip install -r requirements.txt \
		-r requirements/optional.txt -r requirements/tests.txt
	$(BIN)/python -c 'import cv2' || $(BIN)/python -m pip install \
		--force-reinstall --no-deps \
		$$(sed -n 's/^opencv-python==/opencv-python-headless==/p' \
		requirements/runtime.txt)
	$(BIN)/python -m pip install --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info mmseg_anomaly/.mim
