/* SPDX-License-Identifier: MIT
 *
 * Model of how a subscriber becomes known to the publisher (publisher/notices/peers.h). The property:
 * the model never ends with a subscriber blocked and a version newer than the one that it has seen.
 *
 * Without BOTH, two subscribers claim and release one slot in turn. With BOTH each has a slot, and
 * they claim at the same time. Two checks are left out because they would hide a lost wake-up: the
 * subscriber's looks at head without a notice, and the publisher's scan of all slots every 100 ms.
 *
 * A channel that could not be opened is not tried again until some time has passed, which is any time
 * here. The budget never runs out: without budget a subscriber may be passed over.
 *
 * The model assumes sequential consistency. The code has these orders on ARM, too:
 *
 *   - Publisher: store head, full fence, load the count of claims, load the tickets. Subscriber: add
 *     to the count, store the ticket, full fence, load head. So either the publisher loads the new
 *     count, or the subscriber loads the new head; likewise for the ticket. Both are store buffering
 *     with a full fence on each side.
 *   - The count is raised by read-modify-writes with release, and loaded with acquire: a publisher
 *     that loads a count finds the slots of all claims in it TAKEN and locked. An entry of the ring
 *     may be missing, so the ring is only a hint.
 *   - A slot's state is stored FREE with release after the ticket was made even. The next owner loads
 *     the state with acquire, and stores its uuid after a release fence. The publisher loads uuid and
 *     notifier, makes an acquire fence, and loads the ticket a second time: if it loaded anything of a
 *     new owner, the ticket has changed.
 *
 *   spin -a claims.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan -E -m1000000
 *   -DPUBLISHER_DIES   the publisher may die at any statement; the next one scans all slots
 *   -DSUBSCRIBER_DIES  the first subscriber may die at any statement; its slot is reaped
 *   -DROUNDS=2         the first subscriber may claim twice: more claims than the ring has entries
 *
 * Broken forms, which must fail:
 *
 *   LATE           the claim is announced after the subscriber has armed and checked head
 *   COUNTS_FIRST   the claim is counted before the slot is TAKEN
 *   CLAIMS_FIRST   the publisher loads the count before it stores head
 *   TICKETS_FIRST  the publisher loads the tickets before it reads the claims
 *   STOPS          (with BOTH) claims behind an entry that is not written yet wait for that entry
 *   OVERFLOW       (with BOTH and RING=1) claims that are no longer in the ring are ignored
 *   RECOUNTS       (with BOTH and RING=1) after a scan of all slots the publisher loads the count once
 *                  more, and remembers that one
 *   ANY_OWNER      a known slot keeps its channel, whoever owns the slot
 *   STALE_TICKET   the ticket is not loaded again before a channel is opened; the next owner, whose
 *                  channel does not exist yet, is then not tried again soon
 *   NEW_IS_OLD     (with PUBLISHER_DIES) a new publisher ignores claims from before its own time
 *
 * tests/scripts/check_models.sh runs all forms and prints the numbers of states. */
#ifndef VERSIONS
#define VERSIONS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1 /* claims of the first subscriber; the second has one */
#endif
#ifdef BOTH
#define SLOTS 2
#else
#define SLOTS 1
#endif
#ifndef RING
#define RING 2
#endif
#ifdef SUBSCRIBER_DIES
#define REAPS 1
#else
#define REAPS 0
#endif
#define REAPER 3      /* the value of a lock that the publisher holds while it reaps */

byte head;

/* The slots. Each claim has a new uuid; 0: none. A lock is 0 (free), a subscriber's number + 1, or
 * REAPER. */
byte ticket[SLOTS], uuid[SLOTS], lock[SLOTS];
bool taken[SLOTS];
byte channel[SLOTS];  /* the uuid of the channel's owner; 0: there is no channel */
bool notice[SLOTS];   /* the channel has a notice */

/* The header of the subscribers file. */
byte claims;
byte entry[RING], entry_slot[RING]; /* claim n is written as n + 1 */

bool publisher_dies, subscriber_dies[2];
bool first;           /* the first subscriber has claimed */
bool at_rest[2];
byte seen[2];

/* ---- the publisher ---- */

/* Decides by a slot's lock whether its owner lives. */
inline validate()
{
	atomic {
		if
		:: peer[i] != u || lock[i] != 0 -> later[i] = false
		:: else
		fi;
		attached[i] = false;
		peer[i] = u;
		known[i] = lock[i] != 0;
		if
		:: !known[i] -> later[i] = true
		:: else
		fi
	}
}

inline meet()
{
	atomic {
		if
		:: taken[i] ->
			u = uuid[i];
			if
			:: peer[i] == u && later[i] -> u = 0 /* too early to try again */
			:: else
			fi
		:: else -> u = 0
		fi
	};
	if
	:: u != 0 -> validate(); u = 0
	:: else
	fi
}

inline meet_all()
{
	i = 0;
	do
	:: atomic { i < SLOTS && known[i] -> i++ }
	:: i < SLOTS && !known[i] -> meet(); i++
	:: else -> break
	od;
#ifdef RECOUNTS
	met = claims;
#else
	met = c;
#endif
	all = false
}

inline meet_claims()
{
	atomic {
		if
		:: all
#ifndef OVERFLOW
		:: !all && c - met > RING -> all = true
#endif
		:: else
		fi
	}
	do
	:: atomic {
			met != c && !all ->
			e = entry[met % RING];
			i = entry_slot[met % RING];
#ifdef OVERFLOW
			if
			:: e == met + 1
			:: e > met + 1 -> met++; goto next
			:: e < met + 1 -> break
			fi;
#else
			if
			:: e == met + 1
#ifdef STOPS
			:: e < met + 1 -> break
			:: e > met + 1 -> all = true; goto next
#else
			:: e != met + 1 -> all = true; goto next
#endif
			fi;
#endif
			met++;
			if
			:: known[i] -> goto next
			:: else
			fi
		};
		meet();
next:		atomic { i = 0; e = 0 }
	:: else -> break
	od;
	if
	:: all -> meet_all()
	:: else
	fi;
	atomic { i = 0; u = 0; e = 0 }
}

inline send()
{
	atomic {
		if
		:: channel[i] == peer[i] -> notice[i] = true
		:: else -> attached[i] = false
		fi;
		sent[i] = t
	}
}

/* peer_attach() (publisher/notices/peers.h), and the send after it. */
inline attach_and_send()
{
	u = uuid[i];
	if
#ifdef ANY_OWNER
	:: attached[i] -> send()
#else
	:: attached[i] && peer[i] == u -> send()
#endif
	/* Too early to try again. The code then wakes the futex of head, on which no subscriber of this
	 * model waits. */
	:: peer[i] == u && later[i]
#ifdef ANY_OWNER
	:: !attached[i] ->
#else
	:: !(attached[i] && peer[i] == u) ->
#endif
#ifndef STALE_TICKET
		if
		:: ticket[i] != t -> goto notified
		:: else
		fi;
#endif
		if
		:: peer[i] != u -> validate()
		:: else
		fi;
		if
		:: known[i] ->
			atomic {
				attached[i] = channel[i] == peer[i];
				later[i] = !attached[i]
			};
			if
			:: attached[i] -> send()
			:: else -> sent[i] = t
			fi
		:: else
		fi
	fi
}

inline tell()
{
	i = 0;
	do
	:: atomic {
			i < SLOTS ->
			t = (known[i] -> ticket[i] : 0);
			if
			:: t % 2 == 1 && (t != sent[i] || everybody)
			:: else -> goto notified
			fi
		};
		attach_and_send();
notified:		atomic { i++; t = 0; u = 0 }
	:: else -> break
	od;
	atomic { everybody = false; i = 0 }
}

inline notify()
{
#ifdef TICKETS_FIRST
	tell();
#endif
#ifndef CLAIMS_FIRST
	c = claims;
#endif
	meet_claims();
	c = 0;
#ifndef TICKETS_FIRST
	tell()
#endif
}

inline forget()
{
	known[i] = false;
	attached[i] = false;
	peer[i] = 0;
	later[i] = false
}

inline release(index)
{
	atomic {
		if
		:: ticket[index] % 2 == 1 -> ticket[index] = ticket[index] + 1
		:: else
		fi
	};
	atomic { taken[index] = false; lock[index] = 0 }
}

inline reap()
{
	i = 0;
	do
	:: i < SLOTS ->
		if
		:: !taken[i] -> d_step { forget() }
		:: atomic { taken[i] && lock[i] == 0 -> lock[i] = REAPER };
			if
			:: taken[i] ->
				channel[i] = 0;
				d_step { forget() };
				release(i)
			:: !taken[i] -> lock[i] = 0
			fi
		:: taken[i] && lock[i] != 0
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

proctype publisher()
{
	byte peer[SLOTS], sent[SLOTS];
	bool known[SLOTS], attached[SLOTS], later[SLOTS];
	bool all, everybody;
	byte met, c, i, u, e, t, reaps;

life:
	{
		if
		:: all -> notify()
		:: else
		fi;
		do
		:: head < VERSIONS ->
#ifdef CLAIMS_FIRST
			c = claims;
#endif
			head++;
			notify()
		:: reaps < REAPS -> reaps++; reap()
		od
	}
#ifdef PUBLISHER_DIES
	unless {
		d_step {
			publisher_dies ->
			publisher_dies = false;
			i = 0;
			do
			:: i < SLOTS ->
				forget();
				sent[i] = 0;
				if
				:: lock[i] == REAPER -> lock[i] = 0
				:: else
				fi;
				i++
			:: else -> break
			od;
#ifdef NEW_IS_OLD
			all = false;
			met = claims;
#else
			all = true;
			met = 0;
#endif
			everybody = true;
			c = 0; i = 0; u = 0; e = 0; t = 0
		}
	};
	goto life
#endif
}

/* ---- subscribers ---- */

inline announce()
{
	atomic { n = claims; claims++ };
	atomic { entry[n % RING] = n + 1; entry_slot[n % RING] = mine; n = 0 }
}

inline claim()
{
	atomic {
#ifdef BOTH
		mine = me;
#endif
		/* The second subscriber claims after the first one has. */
		!taken[mine] && lock[mine] == 0 && (me == 0 || first);
		first = true;
		lock[mine] = me + 1;
		claimed++;
		my_uuid = 1 + me * ROUNDS + claimed;
		uuid[mine] = my_uuid
	}
#ifndef COUNTS_FIRST
	taken[mine] = true;
#endif
#ifndef LATE
	announce();
#endif
#ifdef COUNTS_FIRST
	taken[mine] = true;
#endif
	atomic { channel[mine] = my_uuid; notice[mine] = false }
}

inline leave()
{
	atomic { channel[mine] = 0; notice[mine] = false };
	release(mine);
	my_uuid = 0
}

proctype subscriber(byte me; byte rounds)
{
	byte mine, my_uuid, n, h, claimed;
#ifdef LATE
	bool announced;
#endif

life:
	{
		do
		:: claimed < rounds ->
			claim();
#ifdef LATE
			announced = false;
#endif
			do
			:: ticket[mine] = (ticket[mine] % 2 == 1 -> ticket[mine] + 2 : ticket[mine] + 1);
				h = head;
#ifdef LATE
				if
				:: !announced -> announced = true; announce()
				:: else
				fi;
#endif
				if
				:: h != seen[me] -> seen[me] = h; h = 0
				:: h == seen[me] ->
					if
#ifndef BOTH
					:: h = 0; break
#endif
					:: at_rest[me] = true;
						atomic { notice[mine] -> notice[mine] = false; at_rest[me] = false; h = 0 }
					fi
				fi
			od;
			leave()
		od
	}
#ifdef SUBSCRIBER_DIES
	unless {
		atomic {
			subscriber_dies[me] ->
			subscriber_dies[me] = false;
			at_rest[me] = false;
			if
			:: lock[mine] == me + 1 -> lock[mine] = 0
			:: else
			fi;
			mine = 0; my_uuid = 0; n = 0; h = 0
		}
	};
	goto life
#endif
}

proctype killer()
{
	if
#ifdef PUBLISHER_DIES
	:: publisher_dies = true
#endif
#ifdef SUBSCRIBER_DIES
	:: subscriber_dies[0] = true
#endif
	:: true
	fi
}

init
{
	atomic {
		run publisher();
		run subscriber(0, ROUNDS);
		run subscriber(1, 1);
#if defined(PUBLISHER_DIES) || defined(SUBSCRIBER_DIES)
		run killer()
#endif
	}
	timeout ->
	assert(!at_rest[0] || seen[0] == head);
	assert(!at_rest[1] || seen[1] == head)
}
