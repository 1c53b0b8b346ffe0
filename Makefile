# SPDX-License-Identifier: MIT
#
# Builds everything under build/. Missing Debian packages are installed first, with root's rights
# (build-aux/packages.sh); without missing packages make needs no root.
#
#   CC=clang, CXX=      other compilers              CFLAGS='-O0 -g'   other flags
#   V=1                 show the commands            TESTS='unit/% ipc/attach'   only these tests
#   BUILD=elsewhere     another build folder         PREFIX=, DESTDIR=   where install puts things

VERSION := $(shell sed -n 's/^\#define STELE_VERSION  *"\(.*\)"/\1/p' include/stele/version.h)
# Changes only when a release is incompatible: see COMPATIBILITY in <stele/version.h>.
SOVERSION := 0

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
# A cross compiler brings its own ar and objcopy; those of this machine can't read its objects.
ifeq ($(origin AR),default)
AR = $(shell $(CC) -print-prog-name=ar)
endif
OBJCOPY ?= $(shell $(CC) -print-prog-name=objcopy)
CFLAGS ?= -O2 -g
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib
TESTS ?= %
JOBS ?= 2# test programs run at a time
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$@';)

comma := ,

# 32-bit processes use 64-bit times and file sizes as well.
flags := -std=c17 -D_GNU_SOURCE -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64 -Iinclude -I. \
	-Wall -Wextra -Wshadow -Wconversion -Werror \
	-fPIC -fvisibility=hidden -pthread $(SANITIZE) $(CFLAGS) $(CPPFLAGS)
link := -pthread $(SANITIZE) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed

lib_sources := $(sort $(foreach part,lib notifier publisher subscriber,$(wildcard $(part)/*.c $(part)/*/*.c)))
tool_sources := $(sort $(wildcard tools/*.c tools/*/*.c))
kernel_sources := $(filter tools/netlink/% tools/fib/% tools/kernel/%,$(tool_sources))
kinds := unit text layout ipc alter notices hostile crash cli input output habits waiting record manual etcd kernel stress
test_sources := $(sort $(foreach kind,$(kinds),$(wildcard tests/$(kind)/*.c)))
bench_sources := $(sort $(wildcard tests/bench/*.c))
# Objects that tests share. Benchmarks link tests/support/bench alone, which needs no Criterion. The code for one peer is
# linked by the benchmarks of that peer.
support_for_benches := $(filter-out %/peer_dpdk.c %/peer_lmdb.c,$(sort $(wildcard tests/support/bench/*.c)))
support_sources := $(support_for_benches) $(sort $(filter-out %/tsan_criterion.c tests/support/bench/%,\
	$(wildcard tests/support/*.c tests/support/*/*.c)))

# tests/bench/peer_PEER_NAME.c compares with another library. It is built if pkg-config knows that library.
peer_dpdk := libdpdk
peer_json := json-c
peer_lmdb := lmdb
peer_redis := hiredis
peer_of = $(peer_$(word 2,$(subst _, ,$(basename $(notdir $(1))))))
peer_config = $(shell pkg-config $(1) $(call peer_of,$(2)) 2>/dev/null)
ifneq ($(filter bench%,$(MAKECMDGOALS)),)
left_out := $(foreach source,$(wildcard tests/bench/peer_*.c),\
	$(if $(shell pkg-config --exists $(call peer_of,$(source)) 2>/dev/null && echo yes),,$(source)))
bench_sources := $(filter-out $(left_out),$(bench_sources))
endif
example_sources := $(sort $(wildcard docs/examples/*.c))
headers := $(sort $(wildcard include/stele/*.h))
manuals := $(sort $(wildcard docs/man/*.[1-8]))
# Pages with two names: the second one is installed as a link, so that `man stele schema-diff` finds the page.
manual_links := stele-schema-diff.1 stele-bench-notify.1
stele-schema-diff.1 := stele-schema.1
stele-bench-notify.1 := stele-bench.1

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
tests := $(filter $(addprefix $(BUILD)/tests/,$(TESTS)),$(test_sources:tests/%.c=$(BUILD)/tests/%))
benches := $(bench_sources:tests/%.c=$(BUILD)/%)
examples := $(example_sources:docs/examples/%.c=$(BUILD)/examples/%)

# The packages of all goals are installed before anything is compiled: the packages for checks bring
# <sys/sdt.h>, which changes the objects.
needed := $(addprefix $(BUILD)/packages-,build $(if $(filter-out check-routers,$(filter check% stress $(BUILD)/tests/%,$(MAKECMDGOALS))),check) \
	$(filter routers,$(patsubst check-%,%,$(MAKECMDGOALS))))

.PHONY: all check check-static check-includes check-paths check-sources check-circles check-symbols check-abi check-probes check-headers check-examples check-build check-32bit check-instructions check-compatible check-sanitizers check-litmus check-models check-tests \
	$(addprefix check-,$(kinds)) check-asan check-tsan check-fresh check-routers abi-dump fuzz check-fuzz fuzzers stress bench bench-deps bench-plots run demo picture install uninstall clean format check-format lint help objects FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/stele $(BUILD)/libstele.so $(BUILD)/libstele.a ## build the command and the library (the default)

# ---- the library ----

# On i386 each object brings helper functions in section groups, of which the linker keeps one. Once the
# symbols are local, a dropped copy would be an undefined reference: resolve the groups here.
no_groups = $(if $(shell echo __i386__ | $(CC) -E -P -x c - | grep 1),-Wl$(comma)--force-group-allocation)

# The archive hides internal functions, as the shared library does, so that they can't clash with a
# program's own. Tests link the objects instead and can call internal functions.
$(BUILD)/libstele.a: $(BUILD)/obj/libstele.o
	$(call say,AR)rm -f $@ && $(AR) rcs $@ $<

$(BUILD)/obj/libstele.o: $(call objects,$(lib_sources))
	$(Q)$(CC) -r -nostdlib $(no_groups) -o $@ $^ && $(OBJCOPY) --localize-hidden $@

$(BUILD)/libstele.so: $(BUILD)/libstele.so.$(SOVERSION)
	$(Q)ln -sf $(<F) $@

$(BUILD)/libstele.so.$(SOVERSION): $(call objects,$(lib_sources)) lib/libstele.map
	$(call say,LD)$(CC) $(link) -shared -Wl,-soname,$(@F) -Wl,--version-script,lib/libstele.map \
		$(if $(SANITIZE),,-Wl,-z,defs) -o $@ $(filter %.o,$^) -luuid

$(BUILD)/obj/all.a: $(call objects,$(lib_sources) $(kernel_sources))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# ---- the command, tests, benchmarks, examples ----

$(BUILD)/stele: $(call objects,$(tool_sources)) $(BUILD)/libstele.a
	$(call say,LD)$(CC) $(link) -o $@ $(filter %.o %.a,$^) $(etcd_libs) -lmnl -lncursesw -ltinfo -luuid

# Criterion runs under ThreadSanitizer only with this object; the source explains why.
helper := $(if $(findstring thread,$(SANITIZE)),$(BUILD)/obj/tests/support/tsan_criterion.o)

# The library and the command as an older release: they know no feature of the layout. Only one object differs.
# Tests run them beside the others, on the same regions.
before_objects := $(patsubst %/lib/region/features.o,%/before/features.o,$(call objects,$(lib_sources)))

$(BUILD)/obj/before/features.o: lib/region/features.c $(BUILD)/flags | $(needed)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(flags) -DLAYOUT_INCOMPATIBLE_KNOWN=0u -DLAYOUT_READ_ONLY_KNOWN=0u -MMD -MP -c -o $@ $<

-include $(BUILD)/obj/before/features.d

$(BUILD)/libstele-before.so: $(before_objects)
	$(call say,LD)$(CC) $(link) -shared -Wl,-soname,$(@F) -Wl,--version-script,lib/libstele.map -o $@ $^ -luuid

$(BUILD)/stele-before: $(call objects,$(tool_sources)) $(before_objects)
	$(call say,LD)$(CC) $(link) -o $@ $(filter %.o %.a,$^) $(etcd_libs) -lmnl -lncursesw -ltinfo -luuid

$(addprefix $(BUILD)/tests/layout/,releases upgrade pages): | $(BUILD)/stele-before $(BUILD)/libstele-before.so

$(BUILD)/obj/support.a: $(call objects,$(support_sources))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/obj/support_for_benches.a: $(call objects,$(support_for_benches))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(helper) $(BUILD)/obj/support.a $(BUILD)/obj/all.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(link) -o $@ $(filter %.o %.a,$^) $(etcd_libs) -lcriterion -ljansson -lmnl -luuid -lm

# These tests load the shared library.
$(addprefix $(BUILD)/tests/,ipc/sigbus cli/generate): | $(BUILD)/libstele.so

# Two libraries that have different schemas at the same place.
$(BUILD)/unloaded_u32.so: private type := STELE_U32
$(BUILD)/unloaded_i32.so: private type := STELE_I32
$(BUILD)/unloaded_%.so: tests/scripts/unloaded.c include/stele/schema.h $(BUILD)/flags
	$(call say,CC)$(CC) $(flags) $(link) -shared -DNUMBER_TYPE=$(type) -o $@ $<

$(BUILD)/tests/ipc/by_name: | $(BUILD)/unloaded_u32.so $(BUILD)/unloaded_i32.so

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/obj/support_for_benches.a $(BUILD)/obj/all.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(link) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(call peer_config,--libs,$@) -luuid -lm

$(addprefix $(BUILD)/bench/peer_,dpdk_ipv4 dpdk_ipv6): $(BUILD)/obj/tests/support/bench/peer_dpdk.o
$(addprefix $(BUILD)/bench/peer_,lmdb lmdb_names lmdb_sizes): $(BUILD)/obj/tests/support/bench/peer_lmdb.o

$(BUILD)/instructions: $(BUILD)/obj/tests/scripts/instructions.o $(BUILD)/obj/support_for_benches.a $(BUILD)/obj/all.a
	$(call say,LD)$(CC) $(link) -o $@ $^ -luuid -lm

$(BUILD)/demo_publisher: $(BUILD)/obj/tests/scripts/demo_publisher.o $(BUILD)/libstele.a
	$(call say,LD)$(CC) $(link) -o $@ $^ -luuid -lm

$(BUILD)/obj/tests/bench/peer_%.o $(BUILD)/obj/tests/support/bench/peer_%.o: private peer_flags = \
	$(subst -I,-isystem ,$(call peer_config,--cflags,$@))

$(BUILD)/examples/%: docs/examples/%.c $(BUILD)/libstele.a $(headers) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(flags) $(LDFLAGS) -o $@ $< $(BUILD)/libstele.a -luuid

# ---- objects: rebuilt when a header, the compiler or its flags changed ----

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(needed)
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(flags) $(peer_flags) -MMD -MP -c -o $@ $<

$(call objects,$(test_sources) $(filter-out $(support_for_benches),$(support_sources))): | $(BUILD)/packages-check

# lib/base/probe.h includes <sys/sdt.h> if the header exists. Objects with probes are rebuilt when the header
# is installed or removed. It is looked up after packages are installed, so that the next make finds the same.
$(call objects,$(shell grep -lF '"lib/base/probe.h"' $(lib_sources))): $(BUILD)/probes

quoted = '$(subst ','\'',$(1))'
changed = $(1) | cmp -s - $@ || $(1) >$@

$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@$(call changed,printf '%s\n' $(call quoted,$(CC) $(CXX) $(flags) $(link)))

has_header = echo '\#include <$(1)>' | $(CC) $(flags) -E -x c - >/dev/null 2>&1

$(BUILD)/probes: FORCE $(BUILD)/flags | $(needed)
	@$(call changed,{ $(call has_header,sys/sdt.h) && echo yes || echo no; })

# The libraries of `stele mirror`, as far as they are there. Without one of them the command says so. The objects are
# rebuilt, and the command is linked again, when a library is installed or removed.
$(call objects,tools/etcd/etcd_http.c tools/etcd/etcd_json.c tests/etcd/json.c) $(BUILD)/stele $(BUILD)/stele-before \
	$(test_sources:tests/%.c=$(BUILD)/tests/%): $(BUILD)/etcd_libs
etcd_libs = $(file <$(BUILD)/etcd_libs)
# No file uses the macro. A compiler cache would take an object of a time when a library was missing.
$(call objects,tools/etcd/etcd_http.c tools/etcd/etcd_json.c tests/etcd/json.c): private peer_flags = \
	-DSTELE_ETCD_LIBS='"$(etcd_libs)"'

$(BUILD)/etcd_libs: FORCE $(BUILD)/flags | $(needed)
	@$(call changed,{ $(call has_header,curl/curl.h) && printf ' -lcurl'; $(call has_header,yajl/yajl_parse.h) && printf ' -lyajl'; :; })

# ---- fuzzing: one program for each tests/fuzz/fuzz_NAME.c ----

fuzz_sources := $(sort $(wildcard tests/fuzz/*.c))
fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(filter tests/fuzz/fuzz_%,$(fuzz_sources)))
# Set to -fsanitize=fuzzer (with CC=clang) to use libFuzzer in place of tests/fuzz/driver.c.
FUZZ_ENGINE ?=
DURATION ?= 60# seconds for each harness
# These harnesses link the library as the command does; the others call internal functions.
fuzz_of_command := csv ndjson apply arguments recording fpm
# The harness replaces these functions (ld --wrap).
fuzz_wraps_apply := writer_open writer_commit writer_close
fuzz_wraps_arguments := argp_parse options_parse exit lines_open lines_keep_input kernel_run stele_publisher_open stele_subscriber_open \
	$(addprefix stele_region_,describe describe_lock subscribers verify next save load remove clean)

$(BUILD)/obj/fuzz.a: $(call objects,$(filter-out tests/fuzz/fuzz_% $(if $(FUZZ_ENGINE),%/driver.c),$(fuzz_sources)) \
		$(filter-out tools/main.c,$(tool_sources)))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/fuzz.a $(BUILD)/obj/all.a $(BUILD)/libstele.a
	$(call say,LD)$(CC) $(link) $(FUZZ_ENGINE) $(addprefix -Wl$(comma)--wrap=,$(fuzz_wraps_$*)) -o $@ \
		$(filter %.o,$^) $(if $(filter $*,$(fuzz_of_command)),$(BUILD)/obj/fuzz.a $(BUILD)/libstele.a,\
		$(BUILD)/obj/all.a $(BUILD)/obj/fuzz.a) $(BUILD)/obj/all.a \
		$(etcd_libs) -lmnl -lncursesw -ltinfo -luuid

# Built apart, with sanitizers and with the coverage calls that guide the driver.
check-fuzz: | $(BUILD)/packages-build ## run each fuzz harness for DURATION seconds (60), with sanitizers
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/fuzz CFLAGS='-O2 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fsanitize-coverage=trace-pc' \
		$(addprefix run-fuzz-,$(fuzz_names))

fuzz: check-fuzz ## the same, for long: make fuzz DURATION=3600

# Inputs that reach new code are kept in the build folder and extend the next run's corpus.
run-fuzz-%: $(BUILD)/fuzz_%
	@mkdir -p $(BUILD)/corpus/$*
	$(Q)$< -max_total_time=$(DURATION) -artifact_prefix=$(BUILD)/ -keep=$(BUILD)/corpus/$* $(FUZZ_FLAGS) $(BUILD)/corpus/$* tests/fuzz/corpus/$*

fuzzers: $(addprefix $(BUILD)/fuzz_,$(fuzz_names))

-include $(patsubst %.o,%.d,$(call objects,$(fuzz_sources) $(lib_sources) $(tool_sources) $(test_sources) $(bench_sources) $(wildcard tests/scripts/*.c tests/support/*.c tests/support/*/*.c)))

# ---- packages ----

# build-aux/packages.sh checks again when the compiler or its flags change.
$(BUILD)/packages-%: build-aux/packages.sh $(BUILD)/flags
	$(Q)CC=$(call quoted,$(CC)) CXX=$(call quoted,$(CXX)) CPPFLAGS=$(call quoted,$(CPPFLAGS)) CFLAGS=$(call quoted,$(CFLAGS)) \
		build-aux/packages.sh $*
	@touch $@

# One at a time: apt refuses to run twice at once.
$(addprefix $(BUILD)/packages-,run check picture routers): | $(BUILD)/packages-build

# ---- checks ----

run_tests = $(Q)STELE=$(BUILD)/stele tests/scripts/run_tests.sh $(JOBS) $(filter $(BUILD)/tests/%,$^)

check: check-static check-compatible check-instructions check-sanitizers check-litmus check-models $(tests) $(BUILD)/stele | $(BUILD)/packages-check ## build and run every check and test; the last line counts the tests
	$(run_tests)

check-static: check-includes check-sources check-circles check-paths check-symbols check-abi check-probes check-headers check-examples check-build check-32bit ## checks of the sources and of what was built, without running it

check-includes: ## each folder includes only what its row of the script's table allows
	$(Q)tests/scripts/check_includes.sh

# CHANGELOG.md may name what no longer exists.
documents = $(sort README.md CONTRIBUTING.md $(wildcard docs/*.md docs/*/*.md tests/*/*.md))

check-paths: ## documents and comments name only files and functions that exist
	$(Q)tests/scripts/check_paths.sh $(documents) $(formatted) $(wildcard docs/models/*.pml tests/litmus/*.litmus)

check-sources: ## limits on folders, files, functions and lines; rules for names
	$(Q)tests/scripts/check_sources.sh

check-circles: $(call objects,$(lib_sources) $(tool_sources)) ## no source files or folders depend on each other in a circle
	$(Q)tests/scripts/check_circles.sh library $(call objects,$(lib_sources))
	$(Q)tests/scripts/check_circles.sh command $(call objects,$(tool_sources))

check-symbols: $(BUILD)/libstele.so $(BUILD)/libstele.a ## the library exports exactly its public functions
	$(Q)tests/scripts/check_symbols.sh $(BUILD)

check-abi: $(BUILD)/libstele.so | $(BUILD)/packages-check ## programs that were built against the last release run with this library
	$(Q)tests/scripts/check_abi.sh $(call quoted,$(CC)) $(BUILD)

abi-dump: $(BUILD)/libstele.so | $(BUILD)/packages-check ## write the dump of the ABI that check-abi compares with; for each release
	$(Q)tests/scripts/check_abi.sh $(call quoted,$(CC)) $(BUILD) dump

check-probes: $(BUILD)/libstele.so | $(BUILD)/packages-check ## the library has the probes that docs/tracing.md lists
	$(Q)tests/scripts/check_probes.sh $(BUILD)/libstele.so

check-headers: $(BUILD)/libstele.a | $(BUILD)/packages-check ## the public headers compile as C and as C++, with all macros in use
	$(Q)LINK='$(link)' tests/scripts/check_headers.sh $(call quoted,$(CC)) $(call quoted,$(CXX)) $(BUILD)

check-examples: $(examples) ## the examples compile, and the documents show them verbatim
	$(Q)tests/scripts/check_examples.sh 'README.md docs/following.md docs/routers.md' $(example_sources)

# Debian installs headers that both word sizes share in the folder of the 64-bit ones.
flags_32 = $(addprefix -idirafter /usr/include/,$(shell $(CC) -print-multiarch 2>/dev/null))

check-32bit: | $(BUILD)/packages-check ## library and command compile with -m32, where the compiler can
	$(Q)if echo '#include <stdlib.h>' | $(CC) -m32 $(flags_32) -E -x c - >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory BUILD=$(BUILD)/32 CC='$(CC) -m32' CFLAGS=-O0 SANITIZE= \
			CPPFLAGS='$(flags_32) $(CPPFLAGS)' objects $(BUILD)/32/libstele.a && \
		{ readelf --section-groups $(BUILD)/32/libstele.a | grep -q 'no section groups' || \
			{ echo 'check-32bit: the archive has section groups: a program that links it gets undefined references'; exit 1; }; } && \
		echo 'check-32bit: ok'; \
	else echo 'check-32bit: left out, as $(CC) -m32 finds no C library (Debian: libc6-dev-i386)'; fi

objects: $(call objects,$(lib_sources) $(tool_sources))

check-build: | $(needed) ## the build finds headers with any compiler command, and does nothing twice
	$(Q)tests/scripts/check_build.sh $(call quoted,$(CC))

check-instructions: $(BUILD)/instructions | $(BUILD)/packages-check ## lookups, scans and commits stay within their instruction budgets
	$(Q)tests/scripts/check_instructions.sh $< '$(CC)' $(CFLAGS) $(CPPFLAGS) $(SANITIZE)

check-compatible: $(BUILD)/libstele.so ## programs built against older and newer headers run with this library
	$(Q)LINK='$(link)' tests/scripts/check_compatible.sh $(call quoted,$(CC)) $(BUILD)

check-sanitizers: ## AddressSanitizer sees the loads that lib/base/atomic.h writes in assembly
	$(Q)tests/scripts/check_sanitizers.sh gcc clang

check-litmus: ## run tests/litmus through herd7, where it is installed
	$(Q)tests/scripts/check_litmus.sh

check-models: | $(BUILD)/packages-check ## the Spin models in docs/models hold, and their broken forms fail
	$(Q)tests/scripts/check_models.sh '$(CC)'

check-tests: $(tests) $(examples) $(BUILD)/stele | $(BUILD)/packages-check
	$(run_tests)

$(foreach kind,$(kinds),$(eval check-$(kind): $(filter $(BUILD)/tests/$(kind)/%,$(tests))))
$(addprefix check-,$(kinds)): $(BUILD)/stele | $(BUILD)/packages-check ## only the tests of one kind
	$(run_tests)

stress: $(filter $(addprefix $(BUILD)/tests/stress/,versions readers notice),$(tests)) | $(BUILD)/packages-check ## long stress tests: STELE_STRESS_SECONDS (60) each, STELE_NOTICE_BURSTS (20000) bursts
	$(Q)for t in $(filter $(BUILD)/tests/%,$^); do \
		STELE_STRESS_SECONDS=$${STELE_STRESS_SECONDS:-60} \
		STELE_NOTICE_BURSTS=$${STELE_NOTICE_BURSTS:-20000} $$t --jobs 1 || exit 1; done

check-asan: ## the tests with AddressSanitizer, LeakSanitizer and UBSan, in build/asan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' \
		SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined' check-tests

check-tsan: ## the tests with ThreadSanitizer, in build/tsan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CFLAGS='-O1 -g' \
		SANITIZE='-fsanitize=thread' check-tests

check-routers: $(BUILD)/stele | $(BUILD)/packages-routers ## run bird and FRR beside the mirror of the kernel's routes, and compare (needs root, half an hour)
	$(Q)STELE=$(BUILD)/stele tests/scripts/check_routers.sh

check-fresh: ## what the README promises, on bare Debian trees (needs root)
	$(Q)tests/scripts/check_fresh.sh

bench: $(benches) $(BUILD)/stele ## run the benchmarks, also against the peers that are installed
	@$(foreach source,$(left_out),echo 'left out: $(source), as there is no $(call peer_of,$(source)) (make bench-deps)';)
	$(Q)STELE=$(BUILD)/stele tests/scripts/run_bench.sh $(BUILD)/bench.txt $(benches)

bench-plots: ## draw docs/bench_*.svg from the last `make bench`
	$(Q)build-aux/plots.sh $(BUILD)/bench.txt docs

bench-deps: ## install the benchmarks' peers and gnuplot
	$(Q)build-aux/packages.sh bench

run: $(BUILD)/stele | $(BUILD)/packages-run ## a short tour: a live routing table, two subscribers, a change
	$(Q)STELE=$(BUILD)/stele tests/scripts/run.sh

demo: $(BUILD)/stele $(BUILD)/demo_publisher | $(BUILD)/packages-run ## a live scene in `stele top`: a full routing table under churn
	$(Q)STELE=$(BUILD)/stele STELE_DEMO_PUBLISHER=$(BUILD)/demo_publisher tests/scripts/demo.sh

picture: $(BUILD)/stele $(BUILD)/demo_publisher | $(BUILD)/packages-picture ## draw docs/session.svg and, from the scene of `make demo`, docs/top.svg
	$(Q)STELE=$(BUILD)/stele build-aux/session.sh docs/session.svg
	$(Q)STELE=$(BUILD)/stele STELE_DEMO_PUBLISHER=$(BUILD)/demo_publisher tests/scripts/demo.sh \
		build-aux/picture.sh docs/top.svg

# ---- the rest ----

# The loader finds a newly installed library only after ldconfig.
tell_loader = $(if $(DESTDIR),,@if [ "$$(id -u)" -eq 0 ]; then PATH="$$PATH:/sbin:/usr/sbin"; \
	! command -v ldconfig >/dev/null || ldconfig; fi)

# SHELL:FILE. Each shell looks for completions of a command in a file of this name. The command prints them,
# so it must run on this machine.
completions = bash:bash-completion/completions/stele zsh:zsh/site-functions/_stele fish:fish/vendor_completions.d/stele.fish

install: all ## install the command, the library, headers and manuals (PREFIX, DESTDIR)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(PREFIX)/include/stele'
	install -m 755 $(BUILD)/stele '$(DESTDIR)$(PREFIX)/bin/'
	install -m 644 $(BUILD)/libstele.a '$(DESTDIR)$(LIBDIR)/'
	install -m 755 $(BUILD)/libstele.so.$(SOVERSION) '$(DESTDIR)$(LIBDIR)/libstele.so.$(VERSION)'
	ln -sf libstele.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/libstele.so.$(SOVERSION)'
	ln -sf libstele.so.$(SOVERSION) '$(DESTDIR)$(LIBDIR)/libstele.so'
	install -m 644 $(headers) '$(DESTDIR)$(PREFIX)/include/stele/'
	printf '%s\n' 'Name: stele' 'Description: Shared-memory state store: one publisher, many subscribers' \
		'Version: $(VERSION)' 'Libs: -L$(LIBDIR) -lstele' 'Libs.private: -luuid -pthread' \
		'Cflags: -I$(PREFIX)/include' | install -m 644 /dev/stdin '$(DESTDIR)$(LIBDIR)/pkgconfig/stele.pc'
	for m in $(manuals); do install -D -m 644 -t '$(DESTDIR)$(PREFIX)/share/man/man'"$${m##*.}" "$$m" || exit 1; done
	$(foreach link,$(manual_links),ln -sf $($(link)) '$(DESTDIR)$(PREFIX)/share/man/man1/$(link)';)
	for c in $(completions); do $(BUILD)/stele completion "$${c%%:*}" | \
		install -D -m 644 /dev/stdin '$(DESTDIR)$(PREFIX)/share/'"$${c#*:}" || exit 1; done
	$(tell_loader)

uninstall: ## remove the installed files
	rm -f '$(DESTDIR)$(PREFIX)/bin/stele' '$(DESTDIR)$(LIBDIR)/libstele.a' '$(DESTDIR)$(LIBDIR)'/libstele.so* \
		'$(DESTDIR)$(LIBDIR)/pkgconfig/stele.pc'
	for h in $(notdir $(headers)); do rm -f '$(DESTDIR)$(PREFIX)/include/stele/'"$$h"; done
	for m in $(notdir $(manuals)) $(manual_links); do rm -f '$(DESTDIR)$(PREFIX)/share/man/man'"$${m##*.}/$$m"; done
	for c in $(completions); do rm -f '$(DESTDIR)$(PREFIX)/share/'"$${c#*:}"; done
	-rmdir '$(DESTDIR)$(PREFIX)/include/stele'
	$(tell_loader)

clean: ## remove BUILD
	$(Q)if [ -e '$(BUILD)/Makefile' ]; then echo 'clean: BUILD=$(BUILD) is a folder of sources' >&2; exit 1; fi
	rm -rf '$(BUILD)'

formatted = $(sort $(wildcard $(foreach part,include lib notifier publisher subscriber tools tests docs,\
	$(part)/*.[ch] $(part)/*/*.[ch] $(part)/*/*/*.[ch])))
scripts = .ci/run $(wildcard build-aux/*.sh tests/scripts/*.sh tests/fuzz/oss-fuzz/*.sh)

format: ## format the sources with clang-format
	clang-format -i $(formatted)

check-format: | $(BUILD)/packages-lint ## fail if make format would change a file
	$(Q)clang-format --dry-run -Werror $(formatted) && echo 'check-format: ok'

lint: check-format compile_commands.json | $(BUILD)/packages-lint ## run check-format, clang-tidy, shellcheck, mandoc, lexgrog and codespell
	$(Q)tests/scripts/lint.sh $(JOBS) '$(scripts)' '$(manuals)' '$(compiled)'

# Benchmarks against peers are left out: they need the flags of their peers.
compiled = $(lib_sources) $(tool_sources) $(test_sources) $(support_sources) $(fuzz_sources) $(example_sources) \
	$(filter-out tests/bench/peer_%,$(wildcard tests/bench/*.c)) $(wildcard tests/scripts/*.c) tests/support/tsan_criterion.c

compile_commands.json: FORCE ## compilation database for editors and clang-tidy
	$(Q){ echo '['; for source in $(compiled); do \
		printf '%s{"directory": "%s", "file": "%s", "command": "%s -c %s"}\n' "$$comma" "$$PWD" "$$source" \
			"$$(printf %s $(call quoted,$(CC) $(flags)) | sed 's/[\\"]/\\&/g')" "$$source"; comma=,; \
	done; echo ']'; } >$@

help: ## this list
	@sed -n 's/^\([a-z][a-z_.-]*\):.*## \(.*\)/\1|\2/p; s/^\$$(addprefix check-,$$(kinds)):.*## \(.*\)/check-KIND|\1: $(kinds)/p' \
		Makefile | while IFS='|' read -r name text; do printf '%-21s %s\n' "$$name" "$$text"; done
	@sed -n '/^#   [A-Z]/s/^# //p' Makefile
