# One word per job. Each flavour builds in its own folder below build/.
PROMPT ?= a lighthouse by the sea at sunset, watercolor
JOBS   ?= $(shell nproc)
export V
CTEST   = ctest --output-on-failure --no-tests=error -j $(JOBS)

.PHONY: gpu-check run test app build build-tests help test-full asan tsan hard fuzz torture lint format bench install deb clean deps

run: build ## make a first picture (PROMPT="..." changes it) and print where it is
	@tools/first_picture.sh "$(PROMPT)"

app: build ## serve the web page on this machine and open it in the browser
	build/release/fooocus serve --open

test: build-tests ## run every test
	cd build/release && $(CTEST) -LE full

build: deps ## build the program, build/release/fooocus (V=1 shows every command)
	@tools/build.sh release $(JOBS) fooocus synth_ckpt

deps:
	@tools/deps.sh build

build-tests:
	@tools/deps.sh build test
	@tools/build.sh release $(JOBS)

test-full: build-tests ## also the full-size tests: makes a 6.9 GB synthetic model in build/cache, needs 16 GB of memory
	cd build/release && $(CTEST) -j 1 -L full

# The thread checks look at what shares data between threads. They cannot see libgomp's barriers, so the engine's parallel
# loops are left to the tests that compare 1 thread with many.
TESTS_tsan = -R '^(jobs|library|fetch|http_)'
asan tsan hard: ## all tests with address+undefined checks / of server and jobs with thread checks / with tiny limits
	@tools/deps.sh build test
	@tools/build.sh $@ $(JOBS)
	cd build/$@ && $(CTEST) -LE full $(TESTS_$@)

bench: build ## measure speed and memory with a synthetic model of full size, 6.9 GB in build/cache (BENCH="step ..." for a part)
	@tools/bench.sh $(BENCH)

torture: build-tests ## the server on hard days: kill -9 at 50 moments, 1,000 jobs, 200 streams and 500 requests/s
	@node tests/http/torture.mjs

gpu-check: build-tests ## the graphics backend on newer drivers, in a Debian of its own below build/ (as root; docs/GPU.md)
	@tools/gpu_check.sh $(PARTS)

fuzz: ## fuzz every parser for FUZZ_SECONDS (60) each, with clang
	@tools/fuzz.sh

# what eslint and prettier look at: the page, its tests and its tools; prettier alone: sheets and tables of cases
SCRIPTS = "web/**/*.js" "tests/**/*.mjs" "tools/**/*.mjs" "*.mjs"
SHEETS  = "web/**/*.css" "tests/data/*.json"
lint: ## layers, error dialect, size budget, line lengths, data files, formatting, the page's scripts
	@tools/deps.sh build lint
	@python3 tools/check_layers.py
	@python3 tools/check_errors.py
	@python3 tools/budget.py
	@python3 tools/check_lines.py
	@if [ -f tools/check_data.py ]; then python3 tools/check_data.py; fi
	@git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror && echo "format: ok"
	@npx --no-install eslint $(SCRIPTS) && npx --no-install prettier --check --log-level warn $(SCRIPTS) $(SHEETS) && \
	  echo "scripts: ok"

format: ## let clang-format and prettier write the sources
	git ls-files '*.c' '*.h' | xargs clang-format -i
	@npx --no-install prettier --write --log-level warn $(SCRIPTS) $(SHEETS)

install: build ## install program, library and header under PREFIX (/usr/local), DESTDIR is respected
	@tools/build.sh release $(JOBS) fooocus_shared
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(or $(PREFIX),/usr/local)"
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(or $(PREFIX),/usr/local)" --component library

deb: ## make the Debian package, in build/
	@tools/deps.sh build deb
	@tools/build.sh release $(JOBS) fooocus
	@cd build/release && cpack -G DEB -B .. >/dev/null
	@ls build/fooocus_*.deb

clean: ## remove everything that was built
	rm -rf build

help: ## this list
	@grep -hE '^[a-z][a-z -]*:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z -]+):.*## (.*)/\1\t\2/' | awk -F'\t' '{printf "make %-16s %s\n", $$1, $$2}'
