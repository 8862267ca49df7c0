# Every target says what it does after ##; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GOLANGCI_VERSION := v2.15.0
GO ?= go

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: tools
tools: # What run and test need: Go and Postgres
	@command -v $(GO) >/dev/null || { echo "Go is not installed: see https://go.dev/dl/"; exit 1; }
	@if [ -z "$$PLOTWISE_DATABASE_URL" ] && ! ls /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
		/opt/homebrew/opt/postgresql@*/bin/initdb /usr/local/opt/postgresql@*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Postgres …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; \
		else echo "Postgres is not installed: run  sudo apt-get install postgresql  or  brew install postgresql@17"; exit 1; fi; fi

.PHONY: test-tools
test-tools: # What the tests need besides: jq, Redis
	@command -v jq >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing jq …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq jq >/dev/null; \
		else echo "jq is not installed: run  sudo apt-get install jq  or  brew install jq"; exit 1; fi; }
	@command -v redis-server >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Redis …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null; \
		else echo "Redis is not installed: run  sudo apt-get install redis-server  or  brew install redis"; exit 1; fi; }

.PHONY: run
run: tools ## Serve the API on :8080, with an embedded Postgres and demo data
	@$(GO) build -o bin/plotwise ./cmd/plotwise
	@exec bin/plotwise serve

.PHONY: test
test: tools test-tools ## Run every test, with the race detector, a real Postgres and a real Redis
	@trap '$(GO) run ./internal/postgres/pgtest/stop' EXIT; \
	$(GO) test -race -shuffle=on -timeout 15m ./...

AXE := axe-core@4.14.1

.PHONY: e2e-tools
e2e-tools: # What the tests in a browser need besides: Chromium, and axe, which looks for what keeps people out
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		ls "/Applications/Google Chrome.app" "/Applications/Chromium.app" >/dev/null 2>&1 || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Chromium …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
		else echo "Chromium is not installed: run  sudo apt-get install chromium  or  brew install --cask chromium"; exit 1; fi; }
	@test -f bin/axe.min.js || { mkdir -p bin/axe && cd bin/axe && npm pack --silent $(AXE) >/dev/null && tar -xzf *.tgz && cp package/axe.min.js .. && rm -r ../axe; } || \
		echo "axe is not there: run  npm pack $(AXE)  and put its axe.min.js into bin; until then the tests of accessibility fail"

.PHONY: e2e
e2e: tools e2e-tools ## Look at every page in a browser; pictures go to .plotwise/screenshots
	@$(GO) test -tags e2e -count=1 -timeout 10m ./internal/e2e

.PHONY: gen
gen: ## Bundle openapi/, and generate the server's and the client's code and the code samples
	@$(GO) run ./cmd/bundle openapi gen
	@$(GO) tool oapi-codegen --config openapi/codegen/server.yaml gen/openapi.yaml
	@$(GO) tool oapi-codegen --config openapi/codegen/client.yaml gen/openapi.yaml
	@$(GO) run ./cmd/samples gen

.PHONY: sdks
sdks: gen node-tools python-tools ## Generate what the SDKs have from the specification
	@$(GO) run ./cmd/sdks sdk
	@cd sdk/typescript && npm run --silent generate
	@$(PYTHON)/ruff format --quiet sdk/python

# The environment of the Python SDK's tools, made anew when their versions change.
PYTHON := bin/python/bin
# What the TypeScript SDK's tools need at least.
NODE := node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null

.PHONY: test-typescript
test-typescript: node-tools ## Check and test the TypeScript SDK
	@cd sdk/typescript && npm run --silent typecheck && npm test --silent

.PHONY: node-tools
node-tools: sdk/typescript/node_modules/.package-lock.json # What the TypeScript SDK is made and tested with

sdk/typescript/node_modules/.package-lock.json: sdk/typescript/package-lock.json
	@{ $(NODE); } || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
		echo "Installing Node …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm >/dev/null; }
	@{ $(NODE); } || { echo "Node 20 or newer is not installed: see https://nodejs.org/en/download, or run  brew install node"; exit 1; }
	@cd sdk/typescript && npm ci --silent && touch node_modules/.package-lock.json

.PHONY: python-tools
python-tools: bin/python/requirements.txt # What the Python SDK is laid out and tested with

bin/python/requirements.txt: sdk/python/requirements.txt
	@python3 -c 'import ensurepip' 2>/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
		echo "Installing Python …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null; }
	@python3 -c 'import ensurepip' 2>/dev/null || { echo "Python is not installed: run  sudo apt-get install python3-venv  or  brew install python"; exit 1; }
	@rm -rf bin/python && python3 -m venv bin/python && $(PYTHON)/pip install --quiet --disable-pip-version-check -r $< && cp $< $@

.PHONY: test-python
test-python: python-tools ## Check and test the Python SDK, and install its wheel
	@cd sdk/python && ../../$(PYTHON)/ruff check --quiet && ../../$(PYTHON)/ruff format --quiet --check . && ../../$(PYTHON)/mypy && ../../$(PYTHON)/pyright
	@cd sdk/python && ../../$(PYTHON)/pytest
	@cd sdk/python && rm -rf dist && ../../$(PYTHON)/python -m build --quiet --no-isolation --wheel && ../../$(PYTHON)/python tests/install.py dist/*.whl

.PHONY: test-samples
test-samples: tools node-tools python-tools ## Check and run the code samples that need the SDKs for TypeScript and Python, as make test does the others
	@cd sdk/typescript && npm run --silent build
	@$(GO) test -count=1 ./contracttests/samples -languages typescript,python

.PHONY: test-sdks
test-sdks: tools test-typescript test-python ## Check and test the SDKs, and run their scenarios and faults against a server
	@$(GO) test -tags sdks -count=1 -timeout 10m ./contracttests/sdks

OPENAPI_GENERATOR := 7.25.0
GENERATOR_JAR := bin/openapi-generator-cli-$(OPENAPI_GENERATOR).jar

.PHONY: sdk-interop
sdk-interop: tools node-tools $(GENERATOR_JAR) ## Make clients with openapi-generator, for Java, TypeScript and Python, and use them
	@OPENAPI_GENERATOR=$(OPENAPI_GENERATOR) $(GO) test -tags interop -count=1 -timeout 15m ./contracttests/interop

$(GENERATOR_JAR):
	@{ command -v javac && command -v mvn; } >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
		echo "Installing Java and Maven …"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq default-jdk-headless maven >/dev/null; }
	@{ command -v javac && command -v mvn; } >/dev/null || { echo "Java or Maven is not installed: run  sudo apt-get install default-jdk-headless maven  or  brew install maven"; exit 1; }
	@mvn -q -B dependency:copy -Dartifact=org.openapitools:openapi-generator-cli:$(OPENAPI_GENERATOR) -DoutputDirectory=$(CURDIR)/bin

.PHONY: lint
lint: ## Check style and layers
	@command -v golangci-lint >/dev/null && golangci-lint version 2>/dev/null | grep -q "$(GOLANGCI_VERSION:v%=%)" || \
		$(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@PATH="$$PATH:$$($(GO) env GOPATH)/bin" golangci-lint run ./...

GENERATED := gen 'sdk/go/*.gen.go' 'sdk/typescript/*/generated/*' sdk/python/src/plotwise/models.py 'sdk/python/src/plotwise/_*sync*.py'

.PHONY: generated
generated: sdks # Fails when the generated code is not up to date
	@git diff --exit-code -- $(GENERATED) || { echo "the generated code is not up to date: run make sdks and commit"; exit 1; }
	@new="$$(git ls-files --others --exclude-standard -- $(GENERATED))" && test -z "$$new" || { echo "generated and not committed: $$new"; exit 1; }

OASDIFF := github.com/oasdiff/oasdiff@v1.35.0
BASE ?= HEAD~1

.PHONY: contract-diff
contract-diff: ## List in Markdown what changed in the specification since BASE, a commit (the one before by default)
	@mkdir -p bin/diff && git show $(BASE):gen/openapi.json > bin/diff/base.json
	@for f in bin/diff/base gen/openapi; do $(GO) run ./cmd/contract project $$f.json > bin/diff/$$(basename $$f)-webhooks.json || exit 1; done
	@echo "## Operations"; $(GO) run $(OASDIFF) changelog bin/diff/base.json gen/openapi.json --format markdown
	@echo "## Webhooks"; $(GO) run $(OASDIFF) changelog bin/diff/base-webhooks.json bin/diff/openapi-webhooks.json --format markdown

.PHONY: check
check: generated lint test test-sdks test-samples e2e ## All that has to pass before a change goes in

.PHONY: bench
bench: tools ## Measure how fast it is, in ratios, in about ten minutes (ONLY=imports or another part: that alone)
	@$(GO) build -o bin/bench ./internal/bench && bin/bench $(ONLY)

.PHONY: profile
profile: tools ## Show where the server spends its time and memory while it answers lists; profiles go to bin/profile
	@$(GO) build -o bin/bench ./internal/bench && bin/bench profile

.PHONY: endure
endure: tools ## Send it mixed requests for ten minutes (MINUTES=…), and fail when memory or the slowest answers grow
	@$(GO) build -o bin/bench ./internal/bench && MINUTES=$(MINUTES) bin/bench endure

SOAK ?= 100000

.PHONY: soak
soak: tools ## Deliver 100,000 events (SOAK=…) while receivers fail, workers are killed and Postgres crashes: up to five minutes
	@PLOTWISE_SOAK=$(SOAK) $(GO) test -v -count=1 -timeout 15m -run '^TestSoak$$' ./internal/drills
