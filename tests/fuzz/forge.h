/* SPDX-License-Identifier: MIT
 *
 * Forges files of a region: applies edits that know the layout (lib/layout.h) to a file while the
 * library has it mapped, and later restores the pages that were changed.
 *
 * The input of such a harness is a header of FORGE_HEADER bytes, the first of which is a mask of
 * FORGE_..., and a list of steps. A step is an edit, or an operation of the harness, such as a
 * lookup. So the input says between which operations the file changes, and the same input always
 * does the same.
 */
#ifndef TESTS_FUZZ_FORGE_H
#define TESTS_FUZZ_FORGE_H

#include "tests/fuzz/fuzz.h"
#include "lib/layout.h"

#define FORGE_HEADER    8u
#define FORGE_STEPS_MAX 32u

/* Bits of the first byte: if one of them is set, the checksums are repaired after the edits. */
#define FORGE_REPAIR 3u

/* A step. If `what` is below FORGE_EDITS, it is an edit, otherwise an operation of the harness. The
 * other members are operands. */
#define FORGE_EDITS 96u
struct forge_step {
	uint8_t what, a;
	uint16_t b;
	uint32_t place;
	uint64_t value;
};

/* The kinds of edits: `what` modulo EDITS. */
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
	unsigned char *base;     /* the file, mapped in `capacity` bytes of address space */
	unsigned char *pristine; /* `size` bytes, which forge_restore() restores */
	size_t size, capacity;
	size_t size_now; /* present size of the file */
	size_t min_size; /* minimum size of the file since it was restored */
	bool holes;      /* the file was made longer, or a hole was punched */
	bool watched;    /* forge_check_holes() compares the number of blocks with `blocks` */
	long blocks;
	uint64_t *dirty; /* mask of pages to restore */
	size_t contents; /* offset of a checksum of the contents; 0: there is none */
	/* Offsets of apparent objects, references, tables of the catalog, and schemas. */
	uint32_t *objects, *references, *tables, *schemas;
	size_t object_count, reference_count, table_count, schema_count;
};

/* Maps the file, and records its present contents as pristine. */
void forge_open(struct forge *forge, const char *path);

/* Makes these bytes the pristine contents, and restores them. */
void forge_set(struct forge *forge, const void *bytes, size_t size);

/* Applies an edit. */
void forge_edit(struct forge *forge, const struct forge_step *step);
/* Truncates the file to the size that the step gives. */
void forge_cut(struct forge *forge, const struct forge_step *step);
/* Marks all pages as dirty, after the library has written to the file. */
void forge_changed(struct forge *forge);
/* Repairs the checksums. */
void forge_repair(struct forge *forge);
/* Returns true if the head of the file says that another file has replaced it. */
bool forge_replaced(const struct forge *forge);

/* Check that readers do not fill holes of the file, because that allocates memory that the owner of
 * the file did not provide. forge_watch_holes() is called before the first read, and
 * forge_check_holes() after the last, with the maximum number of edits between them. Both ignore a
 * file whose size was changed by these edits. */
void forge_watch_holes(struct forge *forge);
void forge_check_holes(const struct forge *forge, size_t edits);

/* Restores the pristine contents, even if another file has its name now. */
void forge_restore(struct forge *forge);

/* Decodes the steps of an input, and returns their number. */
size_t forge_steps(const uint8_t *data, size_t size, struct forge_step steps[FORGE_STEPS_MAX]);

/* Mutates an input of steps, for a harness with this number of operations. Returns its new size. */
size_t forge_mutate(uint8_t *data, size_t size, size_t capacity, unsigned seed,
                    unsigned operations);

/* ---- a region to forge (scene.c) ---- */

#define SCENE_VERSIONS 40u /* the newest version of the region */

struct scene_table {
	const char *name;
	bool prefix;         /* the key is a prefix */
	uint8_t keys[8][16]; /* keys that are in the table, and keys close to these */
	unsigned bits[8];
};
#define SCENE_TABLES 6u
extern const struct scene_table scene_tables[SCENE_TABLES];

/* Creates a region with tables of every shape and several versions, one of which is below history
 * and only kept for a pin. Opens its file in `forge`. No publisher is attached. Writes the name of
 * the region, fuzz_directory()/NAME, to `region`. */
void scene_make(const char *name, char region[512], struct forge *forge);

/* Returns the schema of a table: that of the scene, one of an older program, which knows fewer
 * columns, or one of a newer program, which expects more. */
enum scene_age { SCENE_SAME, SCENE_OLDER, SCENE_NEWER, SCENE_AGES };
const struct stele_schema *scene_schema(unsigned table, enum scene_age age);

/* Writes a key for a table, chosen by a step, to `key`: one of scene_tables, or a mutation of it.
 * Returns its size in bits. */
unsigned scene_key(const struct forge_step *step, unsigned table, uint8_t key[64]);

#endif
