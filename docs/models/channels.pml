/* SPDX-License-Identifier: MIT
 *
 * Model of the contract at struct notifier (notifier/notifier.h), for transports whose notices stay
 * until they are taken away. The property: the model never ends with the subscriber blocked and head
 * newer than the version that the subscriber has seen.
 *
 * The looks at head without a notice are left out, because it would hide a lost wake-up.
 * Commits hand notices to a thread, which merges them (publisher/notices/notify.h); a publisher that
 * sends by itself does less. The publisher may die at any statement, and the next one remembers no
 * ticket and notifies everybody. One -D chooses the channel:
 *
 *   ONE         holds one notice: a message queue
 *   MANY        holds several, and strangers send there, too: a socket, a signal
 *   FIFO        as MANY, but what woke a wait is taken away at the beginning of the next wait
 *   SEMAPHORE   a word that is set, and a wake for it
 *   SYSV        a word, and a queue that the publisher makes and that strangers may remove
 *   DESCRIPTOR  as MANY, but the caller's loop blocks, and the descriptor is drained before the
 *               subscriber takes a ticket
 *
 *   spin -DMANY -a channels.pml && cc -O2 -o pan pan.c && ./pan -E -m1000000
 *
 * Broken forms, which must fail:
 *
 *   FIFO -DGOES_ON            after taking notices away, the wait goes on if head has not changed
 *   MANY -DGOES_ON            the same for notices of strangers
 *   SYSV -DON_HEAD            a subscriber that finds no queue waits on the futex of head
 *   SYSV -DSTALE              a new publisher believes a word whose message was never sent
 *   DESCRIPTOR -DDRAINS_LATE  the descriptor is drained after the ticket was taken
 *
 * tests/scripts/check_models.sh runs all forms and prints the numbers of states. */
#define VERSIONS 3
#define DEATHS   1
#if defined(FIFO)
#define OTHERS   1 /* notices that strangers send */
#else
#define OTHERS   2
#endif

#ifdef ONE
#define CAPACITY 1
#else
#define CAPACITY 2
#endif

#define CLEAR    0
#define SENT     1
#define NO_QUEUE 2

byte head, ticket, word;
chan channel = [CAPACITY] of {bool}; /* true: a notice of the publisher; false: of a stranger */
byte queue;         /* SYSV: the number of the queue; 0: there is none */
byte queues;        /* SYSV: the number of queues made until now */
bool asleep;        /* the subscriber blocks on the futex of the word, or of head */

/* The publisher's private memory. */
byte sent, its_queue;
bool pending, attached;
bool committer_dies, thread_dies;

byte seen;          /* the version that the subscriber has seen */
bool at_rest;       /* the subscriber is blocked */

inline wake() { asleep = false }

/* Sends a notice without blocking. A full channel drops it (-EAGAIN). */
inline put(own)
{
	if
	:: nfull(channel) -> channel!own
	:: full(channel)
	fi
}

/* ---- the publisher ---- */

active proctype committer()
{
	do
	:: {
		do
		:: head < VERSIONS ->
			head++;
			pending = true
		od
	} unless {
		atomic { committer_dies -> committer_dies = false; pending = true }
	}
	od
}

#ifdef SYSV
inline make_queue()
{
	atomic {
		if
		:: queue == 0 -> queues++; queue = queues
		:: else
		fi;
		its_queue = queue
	}
#ifdef ON_HEAD
	wake()
#endif
}

inline attach()
{
#ifndef STALE
	if
	:: atomic { word == SENT -> word = CLEAR } -> wake()
	:: else
	fi;
#endif
	make_queue()
}

inline send()
{
	atomic { before = word; word = SENT }
	if
	:: before == SENT
	:: before == NO_QUEUE -> make_queue(); wake()
	:: before == CLEAR ->
		atomic {
			if
			:: its_queue == queue && queue != 0 -> put(true); gone = false
			:: else -> gone = true
			fi
		}
		if
		:: gone -> wake()
		:: else
		fi
	fi
}
#else
inline attach() { skip }

#ifdef SEMAPHORE
inline send() { word = SENT; wake() }
#else
inline send() { atomic { put(true) } }
#endif
#endif

active proctype thread()
{
	byte t, before;
	bool gone;

	do
	:: {
		do
		:: atomic { pending -> pending = false; t = 0; before = 0; gone = false }
			t = ticket;
			if
			:: t % 2 == 1 && t != sent ->
				if
				:: !attached -> attach(); attached = true
				:: else
				fi;
				send();
				sent = t
			:: else
			fi
		od
	} unless {
		atomic {
			thread_dies ->
			thread_dies = false;
			t = 0; before = 0; gone = false;
			sent = 0; its_queue = 0; attached = false
		}
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

/* ---- strangers ---- */

active proctype others()
{
	byte did;

	do
#if defined(MANY) || defined(FIFO) || defined(DESCRIPTOR) || defined(ONE)
	:: atomic { did < OTHERS -> did++; put(false) }
#endif
#ifdef SYSV
	:: atomic {
		did < 1 && queue != 0 ->
		did++;
		queue = 0;
		do
		:: channel?_
		:: empty(channel) -> break
		od
	}
#endif
	:: false
	od
}

/* ---- the subscriber ---- */

/* A futex wait: blocks if `holds`, that is if the word, or head, has the expected value. */
inline sleep(holds)
{
	atomic {
		if
		:: holds -> asleep = true; at_rest = true
		:: else
		fi
	}
	atomic { !asleep -> at_rest = false }
}

inline drain()
{
	do
	:: nempty(channel) ->
		channel?_
#ifdef DESCRIPTOR
		;
		if
		:: break /* some notices are left in the channel */
		:: skip
		fi
#endif
	:: empty(channel) -> break
	od
}

#if defined(FIFO)
inline wait()
{
	if
	:: left ->
		drain();
		left = false;
#ifdef GOES_ON
		if
		:: head == h -> atomic { at_rest = true; nempty(channel) -> at_rest = false }; left = true
		:: else
		fi
#endif
	:: else ->
		at_rest = true;
		atomic { nempty(channel) -> at_rest = false };
		left = true
	fi
}
#elif defined(SEMAPHORE)
inline wait()
{
	sleep(word == CLEAR);
	word = CLEAR
}
#elif defined(SYSV)
inline wait()
{
	if
	:: mine == 0 -> mine = queue
	:: else
	fi;
	if
	:: mine == 0 ->
#ifdef ON_HEAD
		sleep(head == h)
#else
		if
		:: atomic { word == CLEAR -> word = NO_QUEUE } -> sleep(word == NO_QUEUE)
		:: else
		fi;
		word = CLEAR
#endif
	:: else ->
		at_rest = true;
		if
		:: atomic { mine == queue && nempty(channel) -> channel?_; at_rest = false }
		:: atomic { mine != queue -> at_rest = false; mine = 0 }
		fi;
		word = CLEAR
	fi
}
#elif defined(DESCRIPTOR)
inline wait()
{
	at_rest = true;
	atomic { nempty(channel) -> at_rest = false }
}
#elif defined(MANY) && defined(GOES_ON)
inline wait()
{
	do
	:: at_rest = true;
		atomic { channel?own -> at_rest = false };
		if
		:: own || head != h -> break
		:: else
		fi
	od
}
#else
inline wait()
{
	at_rest = true;
	atomic { channel?_ -> at_rest = false }
}
#endif

active proctype subscriber()
{
	byte h, mine;
	bool left, own;

	do
	::
#if defined(DESCRIPTOR) && !defined(DRAINS_LATE)
		drain();
#endif
		ticket = (ticket % 2 == 1 -> ticket + 2 : ticket + 1);
#if defined(DESCRIPTOR) && defined(DRAINS_LATE)
		drain();
#endif
		h = head;
		if
#ifdef DESCRIPTOR
		/* The ticket stays armed. */
		:: h != seen -> seen = h
#else
		:: h != seen -> seen = h; ticket++
#endif
		:: else -> wait()
		fi
	od
}

active proctype validate()
{
	timeout ->
	assert(at_rest && seen == head)
}
