/* SPDX-License-Identifier: MIT
 *
 * Model of pins, revocation and reclaim, with a publisher that may die at any statement: the orders of
 * stores of publisher/memory/reclaim.h and of loads of subscriber/snapshot.c, with one entry of `kept`
 * a version. The model assumes sequential consistency; where the code has a fence, the model needs the
 * order of the two statements around it.
 *
 * Memory is abstract: whole[v] says that nothing that version v reaches was reused. A reader loads
 * whole[v] when it reads, and asserts it when the protocol tells the reader that its read was valid.
 *
 *   spin -a pins.pml && cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m200000
 *   spin -DHONEST -a pins.pml ...   nobody scribbles and nothing is revoked: a pin is always honoured
 *
 * Broken forms, which must fail:
 *
 *   HONEST with BROKEN_FENCE  pins are read before oldest is stored
 *   HONEST with BROKEN_GRANT  reclaimed is raised before kept is filled
 *   BROKEN_SCAN               memory is freed by a newer oldest than the scan's */
#define VERSIONS 5
#define RING 4
#define KEPT 2
#ifndef READERS
#define READERS 1 /* with one reader, only the scribbler writes the second pin */
#endif

byte head = 1, oldest = 1, reclaimed = 1;
byte ring[RING];
bit whole[VERSIONS + 1];
byte kept[KEPT], kept_root[KEPT];
byte pin[2];

/* ---- the publisher ---- */

byte scan_oldest, wanted[2], place, i, v;

inline commit()
{
	v = head + 1;
	ring[v % RING] = 0;
	whole[v] = 1;
	ring[v % RING] = v;
	head = v;
	v = 0
}

/* Removes each entry of `kept` whose version is in no pin that the scan saw. */
inline drop_unpinned()
{
	i = 0;
	do
	:: i < KEPT ->
		if
		:: kept[i] != 0 && kept[i] != wanted[0] && kept[i] != wanted[1] -> kept[i] = 0
		:: else
		fi;
		i++
	:: else -> break
	od
}

/* Grants version w an entry of kept: stores the catalog of the version, and then the version. If no
 * entry is free, it revokes the oldest version. */
inline grant(w)
{
	if
	:: w >= reclaimed && w < scan_oldest && w != kept[0] && w != kept[1] && ring[w % RING] == w ->
		if
		:: kept[0] == 0 -> place = 0
		:: kept[0] != 0 && kept[1] == 0 -> place = 1
		:: kept[0] != 0 && kept[1] != 0 -> place = (kept[0] < kept[1] -> 0 : 1);
#ifdef HONEST
			assert(false);
#endif
			v = kept[place];
			kept[place] = 0;
			whole[v] = 0
		fi;
		kept_root[place] = ring[w % RING];
		kept[place] = w
	:: else
	fi
}

inline free_unreached()
{
	d_step {
	v = 1;
	do
	:: v < scan_oldest ->
		if
		:: v != kept[0] && v != kept[1] -> whole[v] = 0
		:: else
		fi;
		v++
	:: else -> break
	od;
	v = 0
	}
}

inline reclaim()
{
	scan_oldest = head - 1;
	if
	:: scan_oldest > oldest ->
#ifdef BROKEN_FENCE
		wanted[0] = pin[0];
		wanted[1] = pin[1];
		oldest = scan_oldest;
#else
		oldest = scan_oldest;
		wanted[0] = pin[0];
		wanted[1] = pin[1];
#endif
		drop_unpinned();
#ifdef BROKEN_GRANT
		reclaimed = scan_oldest;
		grant(wanted[0]);
		grant(wanted[1]);
#else
		grant(wanted[0]);
		grant(wanted[1]);
		reclaimed = scan_oldest;
#endif
#ifdef BROKEN_SCAN
		scan_oldest = head;
#endif
		free_unreached();
		d_step { scan_oldest = 0; wanted[0] = 0; wanted[1] = 0; place = 0; i = 0 }
	:: else
	fi
}

inline revoke()
{
	i = 0;
	do
	:: i < KEPT && kept[i] == 0 -> i++
	:: else -> break
	od;
	if
	:: i < KEPT ->
		v = kept[i];
		kept[i] = 0;
		whole[v] = 0
	:: else
	fi
}

/* Recovery by a new publisher. It clears entries that an unfinished scan filled before it raised
 * reclaimed, and leaves the rest unchanged. The next commit repeats a scan that died between its stores,
 * so oldest does not stay ahead of reclaimed. */
inline recover()
{
	i = 0;
	do
	:: i < KEPT ->
		if
		:: kept[i] >= reclaimed -> kept[i] = 0
		:: else
		fi;
		i++
	:: else -> break
	od
}

/* A publisher may die before every statement; the next one starts from what the region holds. */
bit dead;

proctype publisher()
{
life:	{
		recover();
		do
		:: head < VERSIONS && head + 1 - reclaimed < RING -> commit()
		:: reclaim()
#ifndef HONEST
		:: revoke()
#endif
		od
	} unless { dead };
	d_step { dead = 0; scan_oldest = 0; wanted[0] = 0; wanted[1] = 0; place = 0; i = 0; v = 0 };
	goto life
}

proctype killer()
{
	byte times;
	do
	:: times < 1 && !dead -> times++; dead = 1
	:: times == 1 -> break
	od
}

/* ---- readers ---- */

proctype reader(byte me)
{
	byte version, root, k;
	bit saw, good;

	do
	:: true ->
		version = head;
		pin[me] = version;
		if
		:: oldest > version -> pin[me] = 0; goto again
		:: else
		fi;
		/* the catalog of the version */
		root = ring[version % RING];
		if
		:: root == version && version >= reclaimed -> skip
		:: else ->
			k = 0;
			root = 0;
			do
			:: k < KEPT ->
				if
				:: kept[k] == version ->
					root = kept_root[k];
					if
					:: kept[k] == version -> break
					:: else -> root = 0
					fi
				:: else
				fi;
				k++
			:: else -> break
			od
		fi;
		if
		:: root == 0 ->
#ifdef HONEST
			assert(false);
#endif
			pin[me] = 0;
			goto again
		:: else
		fi;
		assert(root == version);
		/* two reads, each validated */
		k = 0;
		do
		:: k < 2 ->
			saw = whole[version];
			good = (version >= reclaimed);
			if
			:: !good ->
				if
				:: kept[0] == version -> good = 1
				:: else ->
					if
					:: kept[1] == version -> good = 1
					:: else
					fi
				fi
			:: else
			fi;
			assert(!good || saw);
#ifdef HONEST
			assert(good);
#endif
			k++
		:: k == 2 -> break
		od;
		pin[me] = 0;
again:		skip;
		d_step { version = 0; root = 0; k = 0; saw = 0; good = 0 }
	od
}

#ifndef HONEST
/* A hostile process that may write the slots. */
proctype scribbler()
{
	byte times;
	do
	:: times < 2 ->
		times++;
		if
		:: pin[0] = 1
		:: pin[0] = 0
		:: pin[0] = head
		:: pin[1] = 2
		:: pin[1] = 0
		fi
	:: else -> break
	od
}
#endif

init
{
	atomic {
		whole[1] = 1;
		ring[1 % RING] = 1;
		run publisher();
		run killer();
		run reader(0);
#if READERS > 1
		run reader(1);
#endif
#ifndef HONEST
		run scribbler()
#endif
	}
}
