SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help setup build test verify clean
help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: ## npm packages
	@test -x node_modules/.bin/node -a node_modules/.package-lock.json -nt package-lock.json || npm ci --no-audit --no-fund

verify: setup ## format, lint, types, generated files, unit tests
	@echo '── format';          prettier --check --log-level warn .
	@echo '── lint';            eslint .
	@echo '── types';           tsc --noEmit
	@echo '── generated files'; scripts/check-proto-types.sh
	@echo '── unit tests';      node --test 'src/**/*.test.ts'

test: verify ## everything
