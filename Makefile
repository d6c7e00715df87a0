# Everything a fresh machine needs, in two words: `make demo` runs the main job, `make test` the tests.
# Works as root and as a user with sudo; what runs sandboxes is always an ordinary user.

PREFIX ?= /usr/local
DESTDIR ?=
CONFIGURATION := release
BUILD := .build/$(CONFIGURATION)

BUILD_PACKAGES := libcap-dev libseccomp-dev libarchive-dev libisal-dev libssl-dev libtomlplusplus-dev \
  libzstd-dev zlib1g-dev libcurl4-openssl-dev
RUN_PACKAGES := uidmap passt
TEST_PACKAGES := bubblewrap gcc libc6-dev python3 openssl strace zstd busybox-static docker-registry apache2-utils skopeo umoci \
  podman adduser libcap2-bin dnf rpm createrepo-c crun golang-github-containers-common
VM_PACKAGES := qemu-system-x86 linux-image-cloud-amd64 mmdebstrap e2fsprogs
BENCH_PACKAGES := hyperfine bubblewrap crun podman jq docker-registry skopeo umoci mmdebstrap python3 time \
  busybox-static golang-github-containers-common
SETUP_PACKAGES ?= $(BUILD_PACKAGES) $(RUN_PACKAGES)

SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: build demo test test-vm fuzz install bench format lint setup clean

build: setup
	swift build -c $(CONFIGURATION)

# Installs the Debian packages that are missing, and asks for nothing where none is. What Debian would start as a service
# of this machine is for tests only, and not started (policy-rc.d of invoke-rc.d(8)).
setup:
	@missing=; for package in $(SETUP_PACKAGES); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  $(SUDO) apt-get update -qq && \
	  policy=/usr/sbin/policy-rc.d; \
	  if [ -e $$policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' | $(SUDO) install -m 755 /dev/stdin $$policy; fi; \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  status=$$?; if [ -n "$$policy" ]; then $(SUDO) rm -f $$policy; fi; exit $$status; \
	fi

demo: SETUP_PACKAGES += gcc libc6-dev
demo: build
	@.ci/as-user sandbox run --profile build host gcc -v

test: SETUP_PACKAGES += $(TEST_PACKAGES)
test: build
	@.ci/as-user swift test
	@if [ "$$(id -u)" = 0 ]; then Tests/AdversarialTests/started-by-root ~sandbox-test/prefix/bin/sandbox; \
	else echo 'not run, for they need root: Tests/AdversarialTests/started-by-root'; fi

# What only a machine of its own shows, as root: an older kernel, all of /proc, podman. Minutes of emulation.
test-vm: SETUP_PACKAGES += $(VM_PACKAGES)
test-vm: build
	SANDBOX_TEST_VM=1 Tests/VM/started-by-root
	SANDBOX_TEST_VM=1 Tests/podman-in-vm

# Half an hour for each reader, or until it finds a crash.
fuzz: SETUP_PACKAGES += $(TEST_PACKAGES)
fuzz: setup
	@Tests/Fuzz/run Unpack -max_total_time=1800
	@Tests/Fuzz/run Document -max_total_time=1800

bench: SETUP_PACKAGES += gcc libc6-dev $(BENCH_PACKAGES)
bench: build
	@status=0; \
	.ci/as-user benchmarks/startup || status=1; \
	.ci/as-user benchmarks/denials || status=1; \
	.ci/as-user benchmarks/pull || status=1; \
	.ci/as-user benchmarks/exposure || status=1; \
	benchmarks/memory || status=1; \
	exit $$status

install: build
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/libexec/sandbox' \
	  '$(DESTDIR)$(PREFIX)/share/sandbox/profiles/seccomp' '$(DESTDIR)$(PREFIX)/share/bash-completion/completions' \
	  '$(DESTDIR)$(PREFIX)/share/zsh/site-functions' '$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d' \
	  '$(DESTDIR)$(PREFIX)/share/man/man1'
	install -s -m 755 $(BUILD)/sandbox '$(DESTDIR)$(PREFIX)/bin/sandbox'
	install -m 755 $(BUILD)/sandbox-manage '$(DESTDIR)$(PREFIX)/libexec/sandbox/sandbox-manage'
	install -m 644 profiles/*.toml '$(DESTDIR)$(PREFIX)/share/sandbox/profiles'
	install -m 644 profiles/seccomp/*.json '$(DESTDIR)$(PREFIX)/share/sandbox/profiles/seccomp'
	$(BUILD)/sandbox completion bash >'$(DESTDIR)$(PREFIX)/share/bash-completion/completions/sandbox'
	$(BUILD)/sandbox completion zsh >'$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sandbox'
	$(BUILD)/sandbox completion fish >'$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sandbox.fish'
	$(BUILD)/sandbox __man >'$(DESTDIR)$(PREFIX)/share/man/man1/sandbox.1'

format:
	swift format format --in-place --recursive --parallel Package.swift Sources Tests

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests

clean:
	rm -rf .build
