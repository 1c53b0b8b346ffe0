/* SPDX-License-Identifier: MIT
 *
 * Implements guard.h. The handler takes no lock: the table of guards only grows, and a single
 * atomic word claims or clears an entry. */
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

/* Returns true if the address is in the mapping. Another thread may close the mapping at the same
 * time and reuse its entry: then `base` changes before `size`, and the second load of `base`
 * detects that. No thread can fault in the closed mapping. */
static bool guard_has(const struct guard *guard, uintptr_t address)
{
	uintptr_t base = __atomic_load_n(&guard->base, __ATOMIC_ACQUIRE);

	if (base == 0 || address - base >= __atomic_load_n(&guard->size, __ATOMIC_RELAXED))
		return false;
	fence_acquire();
	return __atomic_load_n(&guard->base, __ATOMIC_RELAXED) == base;
}

/* Returns the guard of the mapping that contains the address, or NULL. */
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
 * A program may install its own handler over the library's, and chain to the library's. The next
 * open then installs the library's handler again, over the program's. If both installations were
 * the same function, the library's and the program's handler would call each other for ever. So
 * each installation has a function of its own, a LINK, which knows the action that it replaced. A
 * call finds its place in the chain without any per-thread state, so a handler that leaves by
 * siglongjmp() leaves no stale state behind. */

typedef void handler(int number, siginfo_t *info, void *context);

#define LINKS 8

/* How many times guard_renew() installs the handler: fewer than there are links, so that two
 * libraries that both do this need no link twice. */
#define RENEWALS (LINKS / 2)

struct link {
	handler *function;
	/* The handler to chain to: that of `before`, or SIG_DFL if a newer link chains to it.
	 * Stored before `function` is installed, for guard_pass_on(). */
	uintptr_t next;
	struct sigaction before; /* the action that the link replaced */
	uint64_t order;          /* number of its last installation; 0: never installed */
	bool buried;             /* another handler may chain to this link */
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

static unsigned watched;    /* number of guarded mappings */
static unsigned renewed;    /* number of installations by guard_renew() */
static uint64_t installed;  /* number of installations so far */
static bool pin_wanted;     /* guard_pin() has to prevent an unload */
static uintptr_t page_size; /* bytes */

static uintptr_t guard_handler(const struct sigaction *action)
{
	/* sa_handler and sa_sigaction share one word, with and without SA_SIGINFO. */
	return (uintptr_t)action->sa_sigaction;
}

static bool guard_is_function(uintptr_t address)
{
	return address != (uintptr_t)SIG_DFL && address != (uintptr_t)SIG_IGN;
}

/* Returns true if the kernel resets the action to the default after one signal. */
static bool guard_is_once(const struct sigaction *action)
{
	return (unsigned)action->sa_flags & SA_RESETHAND;
}

/* Restores the default action, and makes sure that the kernel takes it. */
static void guard_take_default(const siginfo_t *info)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	sigaction(SIGBUS, &action, NULL);
	/* After a fault, the instruction runs again when the handler returns, and faults again. A
	 * signal that a process sent does not recur, so it is raised here. */
	if (info->si_code <= 0 || info->si_code == BUS_MCEERR_AO)
		raise(SIGBUS);
}

/* Passes a SIGBUS that is not the library's to the action that the link replaced. */
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
	/* Passes three arguments even without SA_SIGINFO, as the kernel does to every handler. */
	((handler *)next)(number, info, context);
}

/* Handles a SIGBUS for a link: maps a page of zeros if the fault is in a guarded mapping, and
 * passes any other signal on. */
static void guard_on_sigbus(struct link *link, int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	struct guard *guard = info->si_code > 0 ? guard_of_address(address) : NULL;
	int saved_errno = errno;

	if (guard) {
		/* The contract with readers (mapping_lost()): the mark is stored before the page is
		 * mapped, and readers check the mark after reading. So a reader that read a zero of
		 * this page sees the mark. */
		__atomic_store_n(&guard->lost, 1, __ATOMIC_SEQ_CST);
		/* POSIX does not list mmap() as async-signal-safe, but on Linux it is a plain
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

/* ---- installing and removing the handler ---- */

/* Returns the link whose function is the action's handler, or NULL. */
static struct link *guard_link_of(const struct sigaction *action)
{
	for (unsigned i = 0; i < LINKS; i++)
		if (guard_handler(action) == (uintptr_t)links[i].function)
			return &links[i];
	return NULL;
}

/* Returns true if a link that was uninstalled can be installed over `before` again without a
 * change. */
static bool guard_link_fits(const struct link *link, const struct sigaction *before)
{
	return link->order != 0 && !link->buried && link->next == guard_handler(before) &&
	       guard_handler(&link->before) == guard_handler(before) &&
	       link->before.sa_flags == before->sa_flags;
}

/* Chooses the link to install over `before`. Prefers a link that fits unchanged, because a thread
 * may still be in its handler. Otherwise chooses a link that was never installed, or the one
 * installed longest ago, and a buried link only if all are buried: then the oldest link of a chain
 * of eight is reused. */
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

/* Sets the action that a link replaces. */
static void guard_set_link(struct link *link, const struct sigaction *before)
{
	uintptr_t next = guard_handler(before);

	/* If the program installed the same handler a second time, that handler may now chain to
	 * the older link, and has forgotten what it chained to before. So the older link must no
	 * longer call it, or the two would call each other for ever. */
	for (unsigned i = 0; i < LINKS; i++)
		if (&links[i] != link && guard_is_function(next) && links[i].next == next)
			__atomic_store_n(&links[i].next, (uintptr_t)SIG_DFL, __ATOMIC_RELEASE);
	link->before = *before;
	__atomic_store_n(&link->next, next, __ATOMIC_RELEASE);
}

/* Marks every link that was ever installed as buried: some other handler may chain to it. */
static void guard_bury(void)
{
	for (unsigned i = 0; i < LINKS; i++)
		links[i].buried |= links[i].order != 0;
	__atomic_store_n(&pin_wanted, true, __ATOMIC_RELAXED);
}

/* Installs a link, unless the library's handler is installed already. */
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
	/* guard_pass_on() calls the previous handler directly, so that handler's signal mask and
	 * flags are adopted. */
	action.sa_sigaction = link->function;
	action.sa_mask = now.sa_mask;
	action.sa_flags |= now.sa_flags & (SA_NODEFER | SA_RESTART);
	if (sigaction(SIGBUS, &action, &now) < 0)
		return -errno;
	/* Another thread may have installed another handler between the two calls. */
	if (guard_handler(&now) != guard_handler(&link->before))
		guard_set_link(link, &now);
	return 0;
}

/* Restores the action that the installed link replaced. If the program has installed another
 * handler, that handler stays, and all links are marked as buried. */
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
	/* Another thread may have installed another handler between the two calls: it stays. */
	if (guard_handler(&now) != (uintptr_t)link->function) {
		sigaction(SIGBUS, &now, NULL);
		guard_bury();
	}
}

bool guard_is_installed(void)
{
	struct sigaction now;

	return __atomic_load_n(&watched, __ATOMIC_RELAXED) > 0 &&
	       sigaction(SIGBUS, NULL, &now) == 0 && guard_link_of(&now);
}

void guard_renew(void)
{
	if (watched == 0 || renewed == RENEWALS || guard_is_installed())
		return;
	renewed++;
	guard_install();
}

int guard_watch(void)
{
	int r = guard_install();

	if (r == 0)
		__atomic_store_n(&watched, watched + 1, __ATOMIC_RELAXED);
	return r;
}

void guard_unwatch(void)
{
	__atomic_store_n(&watched, watched - 1, __ATOMIC_RELAXED);
	if (watched == 0)
		guard_uninstall();
}

/* ---- unloading the library ---- */

/* A statically linked program has none of these functions, and never unloads the library. */
#pragma weak dladdr
#pragma weak dlopen
#pragma weak dlerror

void guard_pin(void)
{
	Dl_info info;

	if (!__atomic_load_n(&pin_wanted, __ATOMIC_RELAXED) ||
	    !__atomic_exchange_n(&pin_wanted, false, __ATOMIC_RELAXED) || !dladdr || !dlopen)
		return;
	/* The object to keep is the library, or a plug-in that contains it. If a program contains
	 * the library, dlopen() fails, which is harmless: a program is never unloaded. */
	if (dladdr(links, &info) && info.dli_fname &&
	    !dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) && dlerror)
		dlerror();
}

/* Removes the handler and frees the table at dlclose() or exit(). Handles may still be open, but
 * the code of the handler is about to go. */
__attribute__((destructor(200))) static void guard_fini(void)
{
	struct guard_chunk *chunk = first_chunk.next, *next;

	if (watched > 0) {
		/* Other threads may still read, if the process exits. */
		guard_uninstall();
		return;
	}
	first_chunk.next = NULL;
	for (; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
}
