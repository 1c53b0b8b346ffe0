/* SPDX-License-Identifier: MIT
 *
 * Model of a subscriber that waits on the futex of head while files replace one another
 * (publisher/generation.h, subscriber/move.c). The property: the model never ends with the subscriber
 * blocked and a version newer than the one that it has seen.
 *
 * The looks at head without a notice are left out. A wake is lost if nobody waits. A wait
 * compares the low half of the head word, which has the version and the state of the file. A
 * transaction may replace the file twice, and a thread sends the wakes, merged.
 *
 * With -DDEATH the publisher may die at any statement (and the model has one version less). A death
 * between the rename and the wake after it may cost one check, which is the only check in the model.
 *
 *   spin -DDEATH -a futex.pml && cc -O2 -o pan pan.c && ./pan -E -m1000000
 *
 * Broken forms, which must fail:
 *
 *   ONCE_A_TICKET  a wake is sent once for each ticket
 *   MARK_APART     the state is not in the word that is compared, and the publisher wakes the head of
 *                  one file before
 *   REREAD         the subscriber waits with a later word than the one that it has validated
 *   SILENT         no wake after the rename
 *
 * tests/scripts/check_models.sh runs all forms and prints the numbers of states. */
#define FILES 3
#ifdef DEATH
#define VERSIONS 1
#define DEATHS   1
#else
#define VERSIONS 2
#define DEATHS   0
#endif

#define CURRENT   0
#define REPLACING 1
#define REPLACED  2
#define NONE      255

/* The head word of each file, and the file that has the region's name. */
byte version[FILES], state[FILES];
byte name;

byte ticket;
byte queued = NONE; /* the file on whose head the subscriber blocks */
byte orphan = NONE; /* the file whose publisher died before the wake after the rename */

/* The publisher's private memory. */
byte file;          /* the file that the publisher writes */
byte woken;         /* the file whose head it wakes */
byte before = NONE;
byte sent;
bool by_futex, pending, everybody;
bool committer_dies, thread_dies;

byte seen;          /* the version that the subscriber has seen */

inline wake(f)
{
	if
	:: queued == f -> queued = NONE
	:: else
	fi
}

inline replace()
{
	version[file + 1] = version[file];
	/* The publisher exchanges its mapping before or after the rename, while the thread runs. */
	if
	:: woken = file + 1
	:: skip
	fi;
	state[file] = REPLACING;
	name = file + 1;
	state[file] = REPLACED;
#ifdef MARK_APART
	before = file;
#else
#ifndef SILENT
	atomic { wake(file) }
#endif
#endif
	atomic { file = file + 1; woken = file };
	atomic { pending = true; everybody = true }
}

active proctype committer()
{
	do
	:: {
		do
		:: version[file] < VERSIONS ->
			if
			:: file < FILES - 1 -> replace()
			:: skip
			fi;
			if
			:: file < FILES - 1 -> replace()
			:: skip
			fi;
			version[file] = version[file] + 1;
			pending = true
		od
	} unless {
		atomic {
			committer_dies ->
			committer_dies = false;
			if
			:: name != file -> orphan = file
			:: file > 0 && name == file && queued == file - 1 -> orphan = file - 1
			:: else
			fi;
			file = name;
			woken = name;
			before = NONE;
			state[file] = CURRENT;
			pending = true;
			everybody = true
		}
	}
	od
}

active proctype thread()
{
	byte t, b;
	bool all;

	do
	:: {
		do
		:: atomic { pending -> pending = false; all = everybody; everybody = false; t = 0; b = 0 }
			t = ticket;
			if
			:: t % 2 == 1 && t != sent ->
				sent = t;
				by_futex = true;
				atomic { wake(woken) }
#ifdef MARK_APART
				;
				b = before;
				atomic { wake(b) }
#endif
#ifdef ONCE_A_TICKET
			:: t % 2 == 1 && t == sent && all ->
#else
			:: t % 2 == 1 && t == sent && (by_futex || all) ->
#endif
				atomic { wake(woken) }
#ifdef MARK_APART
				;
				b = before;
				atomic { wake(b) }
#endif
			:: else
			fi
		od
	} unless {
		atomic { thread_dies -> thread_dies = false; t = 0; b = 0; all = false; sent = 0; by_futex = false }
	}
	od
}

active proctype killer()
{
	byte deaths;

	do
	:: atomic { deaths < DEATHS -> deaths++; committer_dies = true; thread_dies = true }
	od
}

active proctype subscriber()
{
	byte mine, v, s;

	do
	:: ticket = (ticket % 2 == 1 -> ticket + 2 : ticket + 1);
look:		atomic { v = version[mine]; s = state[mine] };
		if
		:: s != CURRENT ->
			if
			:: name != mine -> mine = name; goto look
			:: else /* the rename has not happened yet */
			fi
#ifdef REREAD
			;
			atomic { v = version[mine]; s = state[mine] }
#endif
		:: else
		fi;
		if
		:: v > seen -> seen = v; ticket++
		:: else ->
			atomic {
				if
#ifdef MARK_APART
				:: version[mine] == v -> queued = mine
#else
				:: version[mine] == v && state[mine] == s -> queued = mine
#endif
				:: else
				fi
			};
			if
			:: queued == NONE
			:: atomic { orphan != NONE && queued == orphan -> queued = NONE }
			fi
		fi
	od
}

active proctype validate()
{
	timeout ->
	assert(queued != NONE && seen == version[name])
}
