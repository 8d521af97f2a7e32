# The executable documentation: each target does its own set-up. Needs only Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: venv demo test test-all lint format bench eval a11y peers unattended crash lock clean

venv: $(VENV)/.done ## the command in .venv/bin/knowarchive, and everything that tests need

$(VENV)/.done: requirements-dev.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib || true # commands start twice as fast, also where Python may not write
	touch $@

demo: venv ## a small chat of invented people: an archive and transcripts to play with
	rm -rf demo/archive demo/state demo/transcripts
	mkdir -p demo/transcripts
	cd demo && ../$(BIN)/knowarchive import data
	cd demo && ../$(BIN)/python replay.py ../$(BIN)/knowarchive collect lanternkm --session 2026-03-11
	cd demo && ../$(BIN)/knowarchive sessions
	cd demo && for name in 2023-03-01.html 2023-03-08.html 2023-03-15.html 2026-03-11.html 2026-03-11.md; do \
	  ../$(BIN)/knowarchive transcript lanternkm $${name%.*} --output transcripts/$$name || exit; done
	@echo
	@echo "Open demo/transcripts/2026-03-11.html in a browser, or ask the archive:"
	@echo "  cd demo && ../.venv/bin/knowarchive transcript lanternkm 2026-03-11"

test: export PYTHONDONTWRITEBYTECODE := # where it is set, every command that a test starts compiles us anew
test: venv ## the default tests
	$(BIN)/pytest -q -n 2 --dist worksteal

test-all: venv ## also those that take minutes
	$(BIN)/pytest -q -n 2 -m "not browser"

lint: venv ## style, types, and that imports only go down
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: venv ## everything that is measured, as ratios within one run: an hour and a half on two cores
	$(BIN)/python benchmarks/bench.py
	$(BIN)/python -m benchmarks.collecting --archives 0 10000 1000000
	$(BIN)/python -m benchmarks.schedule
	$(BIN)/python -m benchmarks.search --posts 2000000
	$(BIN)/python -m benchmarks.readers --posts 2000000
	$(BIN)/python -m benchmarks.exports
	$(BIN)/python -m benchmarks.site

eval: venv ## how well posts are filed, against chats labelled by hand
	$(BIN)/python -m benchmarks.eval

a11y: demo ## the demo's transcripts in Chromium with axe-core: desktop and phone, light and dark
	npm install --silent --no-audit --no-fund --prefix tests/a11y
	node tests/a11y/run.mjs --out build/a11y demo/transcripts/*.html
	$(BIN)/pytest -q -m browser tests/web tests/site

peers: venv ## a chat held on real servers on loopback: AT Protocol network, Mastodon mock, the X API's description
	$(BIN)/pytest -q -m slow tests/peers tests/connectors --ignore tests/peers/test_workers.py --ignore tests/peers/test_live_kills.py

unattended: venv ## workers on a PostgreSQL server, a live chat on the peers while processes are killed, a year in compressed time
	$(BIN)/pytest -q -m slow tests/peers/test_workers.py tests/peers/test_live_kills.py tests/pipelines/test_a_year.py

crash: venv ## 50 kills at random moments, and power losses
	$(BIN)/pytest -q -n 2 -m "not browser" tests/storage/test_crashes.py tests/pipelines/test_collecting_kills.py \
	  tests/pipelines/test_collecting_faults.py

lock: ## resolve the hash-pinned requirements anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --annotation-style=line pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --annotation-style=line --group dev pyproject.toml --output-file requirements-dev.txt

clean:
	rm -rf $(VENV) build dist demo/archive demo/state demo/transcripts
