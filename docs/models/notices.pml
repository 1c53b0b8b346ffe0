/* SPDX-License-Identifier: MIT
 *
 * Model of notices for a subscriber that named tables, sent by a thread that merges what commits hand
 * over (publisher/notices/notify.h). The property: the model never ends with the subscriber blocked
 * and a version that concerns it newer than the one that it has seen.
 *
 * The looks at head without a notice are left out, because it would hide a lost wake-up. The
 * publisher may die at any statement; another one takes over and notifies everybody. The model assumes
 * sequential consistency: publisher/notices/fanout.h argues the full fences between "store the ticket,
 * load head" and "store head, load the ticket".
 *
 *   spin -a notices.pml && cc -O2 -o pan pan.c && ./pan -m1000000     (no error in 23,930,117 states)
 *
 * Broken forms, which must fail:
 *
 *   REMEMBER       the ticket of a subscriber that was passed over is remembered as served
 *   NOT_EVERYBODY  a new publisher also passes over subscribers by their tables */
#define VERSIONS 4
#define DEATHS   2

/* `head` is in the region, `ticket` in the subscriber's slot; `queue` is the number of notices in the
 * queue, at most one. */
byte head, ticket, queue;
/* True for a version that changed a table that the subscriber named. */
bool concerns[VERSIONS + 1];

/* The publisher's private memory. */
byte sent;
bool pending, pending_concerns, everybody;
byte deaths;

byte seen;      /* the version that the subscriber has seen */
bool blocked;

inline die()
{
	atomic {
		deaths++;
		sent = 0;
		pending = true;
		pending_concerns = false;
#ifndef NOT_EVERYBODY
		everybody = true;
#endif
	}
}

active proctype publisher()
{
	do
	:: head < VERSIONS ->
		/* The catalog of a version is written before head. */
		if
		:: concerns[head + 1] = true
		:: concerns[head + 1] = false
		fi;
		head++;
		if
		:: deaths < DEATHS -> die()
		:: atomic {
			pending = true;
			pending_concerns = pending_concerns || concerns[head]
		}
		fi
	:: head == VERSIONS -> break
	od
}

active proctype thread()
{
	byte t;
	bool all, wanted;

end:	do
	:: atomic {
		pending ->
		pending = false;
		wanted = pending_concerns;
		pending_concerns = false;
		all = everybody;
		everybody = false
	}
		t = ticket;
		if
		:: t % 2 == 1 && (t != sent || all) && (wanted || all) ->
			queue = 1;
			if
			:: deaths < DEATHS -> die()
			:: sent = t
			fi
		:: else ->
#ifdef REMEMBER
			sent = t
#else
			skip
#endif
		fi
	od
}

active proctype subscriber()
{
	byte h, v;
	bool changed;

	do
	:: ticket = (ticket % 2 == 1 -> ticket + 2 : ticket + 1);
		h = head;
		v = seen + 1;
		changed = false;
		do
		:: v <= h -> changed = changed || concerns[v]; v++
		:: else -> break
		od;
		if
		:: changed -> seen = h; ticket++
		:: else ->
			blocked = true;
end:			atomic { queue > 0 -> queue = 0; blocked = false }
		fi
	od
}

active proctype validate()
{
	byte v;

	timeout ->
	assert(blocked);
	v = seen + 1;
	do
	:: v <= head -> assert(!concerns[v]); v++
	:: else -> break
	od
}
