/* SPDX-License-Identifier: MIT
 *
 * Forging files of a region: edits that know the layout (lib/layout.h), applied to a file that others
 * have mapped, and taken back by pages.
 *
 * An input of a harness that forges is a header of 8 bytes, the first of which is FORGE_..., and
 * steps: edits, or what the harness does meanwhile. So changes while somebody reads come at places
 * that the input says, and an input means the same each time.
 */
#ifndef TESTS_FUZZ_FORGE_H
#define TESTS_FUZZ_FORGE_H

#include "tests/fuzz/fuzz.h"
#include "lib/layout.h"

#define FORGE_HEADER    8u
#define FORGE_STEPS_MAX 32u

/* Bits of the first byte: where both are clear, the header's checksum is left as the edits made it. */
#define FORGE_REPAIR 3u

/* A step; below FORGE_EDITS `what` is an edit, from there on an operation of the harness. */
#define FORGE_EDITS 96u
struct forge_step {
	uint8_t what, a;
	uint16_t b;
	uint32_t place;
	uint64_t value;
};

/* What an edit is, modulo EDITS; the operands are the step's. */
enum {
	EDIT_64,
	EDIT_32,
	EDIT_8,
	EDIT_BIT,
	EDIT_HEADER,
	EDIT_HEAD_WORDS,
	EDIT_RING,
	EDIT_KEPT,
	EDIT_OBJECT,
	EDIT_OBJECT_BIT,
	EDIT_INFO,
	EDIT_BITMAP,
	EDIT_REFERENCE,
	EDIT_REFERENCE_NUMBER,
	EDIT_SWAP,
	EDIT_COPY_OBJECT,
	EDIT_COPY,
	EDIT_ZERO,
	EDIT_TABLE,
	EDIT_SCHEMA,
	EDIT_RECORD,
	EDIT_DURABLE,
	EDIT_CUT,
	EDIT_GROW,
	EDIT_HOLE,
	EDIT_REPAIR,
	EDITS
};

struct forge {
	char path[512];
	int fd;
	unsigned char *base;     /* mapped; `room` bytes of address space */
	unsigned char *pristine; /* what it is restored from */
	size_t size, room;
	size_t size_now;   /* of the file */
	size_t least_size; /* that it had since it was restored */
	bool holes;        /* it was made longer, or a hole was punched */
	bool watched;      /* for holes that are filled, */
	long blocks;       /* of which it had so many */
	uint64_t *dirty;   /* a bit a page */
	size_t contents;   /* offset of a checksum of the contents; 0: there is none */
	/* Offsets of what looks like an object, a reference to one, a table of the catalog, a schema. */
	uint32_t *objects, *references, *tables, *schemas;
	size_t object_count, reference_count, table_count, schema_count;
};

/* Takes the file as it is now. */
void forge_open(struct forge *forge, const char *path);

/* Takes these bytes for what the file is to be, and makes it so. */
void forge_set(struct forge *forge, const void *bytes, size_t size);

/* Applies an edit. */
void forge_edit(struct forge *forge, const struct forge_step *step);
/* Only makes the file shorter, whatever the step says. */
void forge_cut(struct forge *forge, const struct forge_step *step);
/* Takes note that others have written to the file. */
void forge_changed(struct forge *forge);
/* Repairs the checksums. */
void forge_repair(struct forge *forge);
/* Whether it says that another file has taken its place. */
bool forge_replaced(const struct forge *forge);
/* Whoever reads a file with holes must not fill them: it is memory that its maker did not pay for.
 * _watch is called before the first that reads; _check after the last, with the number of edits
 * meanwhile. A file whose size was changed meanwhile is let be. */
void forge_watch_holes(struct forge *forge);
void forge_check_holes(const struct forge *forge, size_t edits);
/* Makes the file what it was; also where another has its name by now. */
void forge_restore(struct forge *forge);

/* The steps of an input: how many. */
size_t forge_steps(const uint8_t *data, size_t size, struct forge_step steps[FORGE_STEPS_MAX]);

/* A mutator for such inputs, for a harness with so many operations. */
size_t forge_mutate(uint8_t *data, size_t size, size_t capacity, unsigned seed,
                    unsigned operations);

/* ---- a region to forge (scene.c) ---- */

#define SCENE_VERSIONS 40u /* of the region */

struct scene_table {
	const char *name;
	bool prefix;
	uint8_t keys[8][16]; /* some that are in it, or nearly */
	unsigned bits[8];
};
#define SCENE_TABLES 6u
extern const struct scene_table scene_tables[SCENE_TABLES];

/* Makes a region with tables of every shape, several versions, one of them kept for a pin alone, and
 * forges the file; nobody publishes it. Its name is a path: fuzz_directory()/NAME. */
void scene_make(const char *name, char region[512], struct forge *forge);

/* A key for a table, from a step: one that is there, or mutated. Returns its bits. */
unsigned scene_key(const struct forge_step *step, unsigned table, uint8_t key[64]);

#endif
