SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
unexport KUBECONFIG
# hundreds of processes start from the same sources: each is compiled once
export NODE_COMPILE_CACHE := $(CURDIR)/node_modules/.cache/v8

.PHONY: help setup build image verify unit-tests lint types format generated dead-code test test-remote
.PHONY: demo demo-network demo-helm down clean
help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: ## packages, control plane, containerd, images; kept in ~/.cache/farlet
	@scripts/setup.sh

build: setup ## dist/main.js
	@node scripts/build.ts

image: setup ## the image, of bases made of this machine's files, in farlet.tar (OCI)
	@scripts/setup-image.sh packages
	@e2e/image/with-store.sh e2e/image/build.sh farlet.tar

verify: setup ## format, lint, types, generated files, dead code, unit tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target unit-tests lint types format generated dead-code

unit-tests:
	@echo '── unit tests';      node --test --test-concurrency=2 --test-timeout=300000 'src/**/*.test.ts' 'e2e/parity/*.test.ts' 'bench/**/*.test.ts'

lint:
	@echo '── lint';            eslint .

types:
	@echo '── types';           tsc --noEmit

format:
	@echo '── format';          prettier --check --log-level warn .

generated:
	@echo '── generated files'; scripts/check-proto-types.sh && scripts/check-docs.sh

dead-code:
	@echo '── dead code';       knip

# files mostly wait, so some go beside each other; not with parity, whose statuses are compared as they come in time
SCENARIOS := node --test --test-timeout=900000 --test-concurrency=3 --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./scripts/file-times.ts --test-reporter-destination=stdout

# the slowest, which are tried over links as well: a change is judged without them, and on one containerd; the main job,
# parity and what farlet relies on in a runtime are always tried on both
SLOW := autoscaling hostile-files pool slow-readers store-restored streams
scenario = $(patsubst %,e2e/scenarios/%.test.ts,$(1))
JUDGING := $(filter-out $(call scenario,parity $(SLOW)),$(sort $(wildcard e2e/scenarios/*.test.ts)))

# whose hosts FARLET_E2E_CONTAINERD limits to one containerd
BOTH := admission containers farlet-killed faults kubectl kubelet-api lifecycle logs managers pressure probes resources \
  static-pods usage volumes

test: verify build ## all that judges a change, scenarios on real parts included
	@echo '── parity with a kubelet'; $(SCENARIOS) --test-concurrency=1 $(call scenario,parity)
	@echo '── scenarios: a real control plane, containerd 2'; FARLET_E2E_CONTAINERD=2 $(SCENARIOS) $(JUDGING)

# whose hosts FARLET_E2E_LINK puts behind a link
LINKED := main-job streams store-restored hostile-files lifecycle containers probes volumes resources managers admission kubelet-api slow-readers usage autoscaling

define over
echo '── over $(1)'; export FARLET_E2E_LINK=$(1); \
  $(SCENARIOS) --test-concurrency=1 $(call scenario,parity) && $(SCENARIOS) $(2) $(call scenario,$(LINKED))
endef

test-remote: build ## slow scenarios, containerd 1.6, and ssh and tcp: links, their faults, sandboxed runtimes, most of 'make test' again
	@scripts/setup-remote.sh && scripts/setup-agents.sh && scripts/setup-clients.sh && scripts/setup-image.sh
	@$(SCENARIOS) 'e2e/remote/*.test.ts'
	@echo '── the slow ones, on hosts of this machine'; $(SCENARIOS) $(call scenario,$(SLOW))
	@echo '── on containerd 1.6'; FARLET_E2E_CONTAINERD=1.6 $(SCENARIOS) $(call scenario,$(BOTH))
	@$(call over,ssh)
	@# what waits out ten minutes without a link begins first
	@$(call over,tcp,e2e/remote/link-faults.test.ts $(call scenario,pool))

demo: build ## a cluster, a host, farlet and a Deployment; KUBECONFIG=file uses that cluster
	@node e2e/demo.ts up $(if $(filter command line,$(origin KUBECONFIG)),$(KUBECONFIG))

demo-network: build ## two far hosts whose network kube-proxy, flannel and CoreDNS bring
	@scripts/setup-agents.sh
	@node e2e/demo-network.ts up

demo-helm: build ## farlet installed by its chart into a cluster, with a host behind ssh; gone when it ends
	@scripts/setup-image.sh
	@node e2e/demo-helm.ts

down: ## stops the demos and leaves nothing behind
	@node e2e/demo.ts down
	@node e2e/demo-network.ts down

clean: ## removes what was built here
	rm -rf dist
