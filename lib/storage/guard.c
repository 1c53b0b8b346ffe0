/* SPDX-License-Identifier: MIT
 * See guard.h. The handler takes no lock: the table of guards only ever grows, and its entries are
 * claimed and cleared by single atomic words. */
#include "lib/storage/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the table of guards ---- */

#define GUARDS_PER_CHUNK 64

struct guard_chunk {
	struct guard guards[GUARDS_PER_CHUNK];
	struct guard_chunk *next;
};

static struct guard_chunk first_chunk;

/* Whether the address is in the mapping. Another thread may close that one meanwhile and use its entry
 * for another mapping; then `base` changes before the rest does, and nobody faults in the mapping that
 * was closed. */
static bool guard_has(const struct guard *guard, uintptr_t address)
{
	uintptr_t base = __atomic_load_n(&guard->base, __ATOMIC_ACQUIRE);

	if (base == 0 || address - base >= __atomic_load_n(&guard->size, __ATOMIC_RELAXED))
		return false;
	fence_acquire();
	return __atomic_load_n(&guard->base, __ATOMIC_RELAXED) == base;
}

static struct guard *guard_of_address(uintptr_t address)
{
	struct guard_chunk *chunk = &first_chunk;

	for (; chunk; chunk = __atomic_load_n(&chunk->next, __ATOMIC_ACQUIRE))
		for (size_t i = 0; i < GUARDS_PER_CHUNK; i++)
			if (guard_has(&chunk->guards[i], address))
				return &chunk->guards[i];
	return NULL;
}

struct guard *guard_new(void)
{
	struct guard_chunk *chunk = &first_chunk;

	for (;;) {
		for (size_t i = 0; i < GUARDS_PER_CHUNK; i++)
			if (chunk->guards[i].base == 0)
				return &chunk->guards[i];
		if (!chunk->next) {
			struct guard_chunk *more = calloc(1, sizeof(*more));
			if (!more)
				return NULL;
			__atomic_store_n(&chunk->next, more, __ATOMIC_RELEASE);
		}
		chunk = chunk->next;
	}
}

#ifdef STELE_TSAN
struct guard *guard_of_file(dev_t device, ino_t inode, bool writable)
{
	struct guard_chunk *chunk = &first_chunk;

	for (; chunk; chunk = chunk->next)
		for (size_t i = 0; i < GUARDS_PER_CHUNK; i++) {
			struct guard *guard = &chunk->guards[i];
			if (guard->base && guard->device == device && guard->inode == inode &&
			    (!writable || guard->protection & PROT_WRITE))
				return guard;
		}
	return NULL;
}
#endif

/* ---- the handler ----
 *
 * A program may install its own handler over the library's, and chain to it; the next open then
 * installs the library's again, over that one. If both installations were the same function, the
 * two would call each other for ever. So each installation is a function of its own, a LINK, which
 * knows the action that it replaced. A call needs no state of its thread to find out where it is in
 * the chain, and a handler that leaves by siglongjmp() leaves nothing behind. */

typedef void handler(int number, siginfo_t *info, void *context);

#define LINKS 8

struct link {
	handler *function;
	/* The contract with the handler: `next` is stored before the function is installed, and is
	 * the handler of `before`, or SIG_DFL where a newer link calls that one. */
	uintptr_t next;
	struct sigaction before; /* the action that the link replaced */
	uint64_t order;          /* of its installation; 0: never installed */
	bool buried;             /* another handler may have it as the one to chain to */
};

static void guard_on_sigbus(struct link *link, int number, siginfo_t *info, void *context);
static struct link links[LINKS];

#define LINK(n_) \
	static void guard_link_##n_(int number, siginfo_t *info, void *context) \
	{ \
		guard_on_sigbus(&links[n_], number, info, context); \
	}
LINK(0)
LINK(1)
LINK(2)
LINK(3)
LINK(4)
LINK(5)
LINK(6)
LINK(7)
#undef LINK

static struct link links[LINKS] = {
	{.function = guard_link_0}, {.function = guard_link_1}, {.function = guard_link_2},
	{.function = guard_link_3}, {.function = guard_link_4}, {.function = guard_link_5},
	{.function = guard_link_6}, {.function = guard_link_7},
};

static unsigned watched;   /* guarded mappings */
static uint64_t installed; /* installations so far */
static bool pin_wanted;
static uintptr_t page_size;

static uintptr_t guard_handler(const struct sigaction *action)
{
	/* One word, whatever SA_SIGINFO says: the two members are a union. */
	return (uintptr_t)action->sa_sigaction;
}

static bool guard_is_function(uintptr_t address)
{
	return address != (uintptr_t)SIG_DFL && address != (uintptr_t)SIG_IGN;
}

/* The handler is for one signal, and the default action is for the next. */
static bool guard_is_once(const struct sigaction *action)
{
	return (unsigned)action->sa_flags & SA_RESETHAND;
}

/* Lets the default action happen. */
static void guard_take_default(const siginfo_t *info)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	sigaction(SIGBUS, &action, NULL);
	/* Returning meets a fault of the processor's again. A signal that was sent is not met again. */
	if (info->si_code <= 0 || info->si_code == BUS_MCEERR_AO)
		raise(SIGBUS);
}

static void guard_pass_on(struct link *link, int number, siginfo_t *info, void *context)
{
	uintptr_t next = __atomic_load_n(&link->next, __ATOMIC_ACQUIRE);

	if (next == (uintptr_t)SIG_IGN && info->si_code <= 0)
		return;
	if (!guard_is_function(next)) {
		guard_take_default(info);
		return;
	}
	if (guard_is_once(&link->before))
		__atomic_store_n(&link->next, (uintptr_t)SIG_DFL, __ATOMIC_RELEASE);
	/* With or without SA_SIGINFO: the kernel gives every handler three arguments, too. */
	((handler *)next)(number, info, context);
}

static void guard_on_sigbus(struct link *link, int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	struct guard *guard = info->si_code > 0 ? guard_of_address(address) : NULL;
	int saved_errno = errno;

	if (guard) {
		/* The contract with readers: nobody reads a zero of this page before the mark can
		 * be seen, because the mark is stored before the page is there. They look at the
		 * mark after reading. */
		__atomic_store_n(&guard->lost, 1, __ATOMIC_SEQ_CST);
		/* mmap is not on POSIX's list of async-signal-safe functions; on Linux it is a bare
		 * system call. */
		if (mmap((void *)(address & ~(page_size - 1)), page_size, guard->protection,
		         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
			errno = saved_errno;
			return;
		}
	}
	errno = saved_errno;
	guard_pass_on(link, number, info, context);
}

/* ---- installing it and giving it back ---- */

static struct link *guard_link_of(const struct sigaction *action)
{
	for (unsigned i = 0; i < LINKS; i++)
		if (guard_handler(action) == (uintptr_t)links[i].function)
			return &links[i];
	return NULL;
}

static bool guard_link_fits(const struct link *link, const struct sigaction *before)
{
	return link->order != 0 && !link->buried && link->next == guard_handler(before) &&
	       guard_handler(&link->before) == guard_handler(before) &&
	       link->before.sa_flags == before->sa_flags;
}

/* Chooses the link to install over `before`. One that was given back and replaces the same action
 * again is changed in nothing: a thread may be in it still. Else the one that was never used, or was
 * installed the longest ago. With all of them buried that is the end of a chain of eight. */
static struct link *guard_choose_link(const struct sigaction *before)
{
	struct link *best = &links[0];

	for (unsigned i = 0; i < LINKS; i++) {
		struct link *link = &links[i];
		if (guard_link_fits(link, before))
			return link;
		if (link->buried == best->buried ? link->order < best->order : best->buried)
			best = link;
	}
	return best;
}

static void guard_set_link(struct link *link, const struct sigaction *before)
{
	uintptr_t next = guard_handler(before);

	/* A handler that is installed a second time stands in the chain where it is newest. What it
	 * chained to the first time it has forgotten. */
	for (unsigned i = 0; i < LINKS; i++)
		if (&links[i] != link && guard_is_function(next) && links[i].next == next)
			__atomic_store_n(&links[i].next, (uintptr_t)SIG_DFL, __ATOMIC_RELEASE);
	link->before = *before;
	__atomic_store_n(&link->next, next, __ATOMIC_RELEASE);
}

/* Every link that was installed may be what some other handler chains to. */
static void guard_bury(void)
{
	for (unsigned i = 0; i < LINKS; i++)
		links[i].buried |= links[i].order != 0;
	__atomic_store_n(&pin_wanted, true, __ATOMIC_RELAXED);
}

/* Sets no message. */
static int guard_install(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK}, now;
	struct link *link;

	if (sigaction(SIGBUS, NULL, &now) < 0)
		return -errno;
	if (guard_link_of(&now))
		return 0;
	if (watched > 0)
		guard_bury();
	link = guard_choose_link(&now);
	if (!guard_link_fits(link, &now))
		guard_set_link(link, &now);
	link->order = ++installed;
	link->buried = false;
	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	/* The action before is called with the signals blocked that it asked for. */
	action.sa_sigaction = link->function;
	action.sa_mask = now.sa_mask;
	action.sa_flags |= now.sa_flags & (SA_NODEFER | SA_RESTART);
	if (sigaction(SIGBUS, &action, &now) < 0)
		return -errno;
	/* The program may have installed another one at this very moment. */
	if (guard_handler(&now) != guard_handler(&link->before))
		guard_set_link(link, &now);
	return 0;
}

static void guard_uninstall(void)
{
	struct sigaction now, before;
	struct link *link;

	if (sigaction(SIGBUS, NULL, &now) < 0)
		return;
	link = guard_link_of(&now);
	if (!link) {
		guard_bury();
		return;
	}
	before = link->before;
	if (guard_is_once(&before) && link->next == (uintptr_t)SIG_DFL)
		before.sa_handler = SIG_DFL;
	sigaction(SIGBUS, &before, &now);
	/* The program may have installed another one at this very moment: that one stays. */
	if (guard_handler(&now) != (uintptr_t)link->function) {
		sigaction(SIGBUS, &now, NULL);
		guard_bury();
	}
}

int guard_watch(void)
{
	int r = guard_install();

	if (r == 0)
		watched++;
	return r;
}

void guard_unwatch(void)
{
	if (--watched == 0)
		guard_uninstall();
}

/* ---- while the library is unloaded ---- */

/* A program that is linked statically has none of these, and unloads nothing. */
#pragma weak dladdr
#pragma weak dlopen
#pragma weak dlerror

void guard_pin(void)
{
	Dl_info info;

	if (!__atomic_load_n(&pin_wanted, __ATOMIC_RELAXED) ||
	    !__atomic_exchange_n(&pin_wanted, false, __ATOMIC_RELAXED) || !dladdr || !dlopen)
		return;
	/* The library, or the plug-in that has it inside. For a program itself it fails, which is
	 * right: that one stays. */
	if (dladdr(links, &info) && info.dli_fname &&
	    !dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) && dlerror)
		dlerror();
}

/* At dlclose() or exit(). Mappings that are open at an exit keep what they have. */
__attribute__((destructor)) static void guard_free_chunks(void)
{
	struct guard_chunk *chunk = first_chunk.next, *next;

	if (watched > 0)
		return;
	first_chunk.next = NULL;
	for (; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
}
