# `make` lists what there is. ARGS passes arguments on: make test ARGS=refresh, make run ARGS="config show"

.DEFAULT_GOAL := help
.PHONY: help run lint test test-faults client-js browser examples bench timing

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run the hub in development mode on http://127.0.0.1:8080
	cargo run $(if $(ARGS),-- $(ARGS))

lint: ## check formatting, lints, docs and scripts
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' cargo doc --no-deps --locked --document-private-items
	@for script in $$(grep -lIE '^#!.*bash' .ci/run scripts/* deploy/make-secrets deploy/roll-out deploy/systemd/portcullis-run); do bash -n $$script || exit 1; done

test: ## install what is missing, run every test on both databases
	scripts/test $(ARGS)

test-faults: ## break everything, at real lengths, against a release binary
	scripts/test-faults $(ARGS)

client-js: ## check the JavaScript client, then run the browser (ARGS=socket: those of its tests)
	scripts/client-js $(ARGS)

browser: ## run the hub and its pages in a browser (ARGS=tabs: those of the scenarios)
	scripts/browser $(ARGS)

examples: ## run the examples with the real hub (ARGS=backends: those of its tests)
	scripts/examples $(ARGS)

bench: ## build for release and measure beside the machine itself (ARGS=quick: one small round)
	scripts/bench $(ARGS)

timing: ## report whether the time of an answer tells that an address is known (ARGS=quick: fewer answers)
	scripts/timing-report $(ARGS)
