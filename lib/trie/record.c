/* SPDX-License-Identifier: MIT */
#include "lib/trie/record.h"

#include <string.h>

#include "lib/schema/schema.h"

/* Finds the blob of a record, loads its fixed part, and checks that the message fits into the blob.
 * Returns 0 or -EBADMSG. */
static int record_load_fixed(const struct view *view, ref_t ref, struct layout_record *ret,
                             const unsigned char **ret_bytes, size_t *ret_size)
{
	int r = view_blob(view, ref, ret_bytes, ret_size);

	if (r < 0 || *ret_size < sizeof(*ret))
		return -EBADMSG;
	data_copy_out(ret, *ret_bytes, sizeof(*ret));
	if (ret->message_size >= sizeof(((struct stele_commit *)0)->message) ||
	    sizeof(*ret) + ret->message_size > *ret_size)
		return -EBADMSG;
	return 0;
}

int record_load(const struct view *view, ref_t ref, struct stele_commit *ret)
{
	struct stele_commit commit = {0};
	struct layout_record record;
	const unsigned char *bytes;
	size_t size;
	int r = record_load_fixed(view, ref, &record, &bytes, &size);

	if (r < 0)
		return r;
	data_copy_out(commit.message, bytes + sizeof(record), record.message_size);
	memcpy(commit.publisher, record.publisher, sizeof(commit.publisher));
	commit.pid = record.pid;
	commit.user_known = record.user != 0;
	commit.user = record.user ? record.user - 1 : 0;
	memcpy(commit.command, record.command, sizeof(commit.command));
	commit.command[sizeof(commit.command) - 1] = '\0';
	commit.added = record.added;
	commit.changed = record.changed;
	commit.removed = record.removed;
	*ret = commit;
	return 0;
}

int record_table(const struct view *view, ref_t ref, unsigned index, struct stele_commit_table *ret)
{
	struct stele_commit_table table = {0};
	struct layout_record_table entry;
	struct layout_record record;
	const unsigned char *bytes;
	size_t size, at;
	int r = record_load_fixed(view, ref, &record, &bytes, &size);

	if (r < 0)
		return r;
	if (index >= record.tables)
		return 0;
	at = sizeof(record) + ((record.message_size + 7) & ~(size_t)7);
	/* Division, because a multiplication by any `index` could overflow. */
	if (at > size || index >= (size - at) / sizeof(entry))
		return -EBADMSG;
	at += index * sizeof(entry);
	data_copy_out(&entry, bytes + at, sizeof(entry));
	static_assert(sizeof(entry.name) == STELE_NAME_MAX, "a name fills its place");
	memcpy(table.name, entry.name, sizeof(entry.name));
	if (!schema_name_is_valid(table.name))
		return -EBADMSG;
	table.added = entry.added;
	table.changed = entry.changed;
	table.removed = entry.removed;
	table.fate = entry.fate;
	*ret = table;
	return 1;
}
