/* SPDX-License-Identifier: MIT
 *
 * Transactions: begin, abort and commit. These are public functions. A transaction holds the
 * region's lock from its begin to its end, and builds the new version copy-on-write beside the old
 * ones. The store of head in transaction_publish() makes the version exist. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/probe.h"
#include "publisher/attach/mutex.h"
#include "publisher/generation.h"
#include "publisher/lock.h"
#include "publisher/tables/finish.h"
#include "publisher/trie/edit.h"

/* Maximum bytes of a commit message that are kept. */
#define MESSAGE_MAX 255u

int stele_transaction_begin(struct stele_publisher *publisher, struct stele_transaction **ret)
{
	struct stele_transaction *tx = &publisher->transaction;
	const struct region *region = &publisher->attachment.region;
	struct layout_commit commit = {0};
	uint64_t head;
	int cancel_state, r = publisher_check(publisher);

	if (r < 0)
		return r;
	if (publisher->in_transaction)
		return error_set(EBUSY,
		                 "a transaction is open on region \"%s\"; commit or abort it first",
		                 region->names.region);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	r = publisher_lock(publisher);
	head = publisher_head(publisher);
	if (r >= 0 && head != 0 && region_commit(region, head, &commit) < 0) {
		mutex_unlock(&publisher->attachment);
		r = error_set(EBADMSG,
		              "region \"%s\" is damaged: its commit ring does not hold the newest "
		              "version; remove the region and publish again",
		              region->names.region);
	}
	if (r < 0) {
		pthread_setcancelstate(cancel_state, NULL);
		return r;
	}
	*tx = (struct stele_transaction){
		.publisher = publisher,
		.catalog = commit.catalog,
		.last_record = commit.record,
		.cancel_state = cancel_state,
	};
	publisher->edit.version = head + 1;
	publisher->edit.retired.count = 0;
	/* An earlier failure to grow is not the reason for a failure in this transaction. */
	publisher->attachment.region.shortage = 0;
	publisher->growth_error[0] = '\0';
	publisher->in_transaction = true;
	PROBE2(begin, region->names.region, publisher->edit.version);
	*ret = tx;
	return 0;
}

/* Ends a transaction: releases the lock. */
static void transaction_end(struct stele_transaction *tx)
{
	struct stele_publisher *publisher = tx->publisher;

	publisher->in_transaction = false;
	state_leave(publisher);
	mutex_unlock(&publisher->attachment);
	pthread_setcancelstate(tx->cancel_state, NULL);
}

/* Frees the objects that the transaction made. The objects that they were to replace are
 * unchanged. */
static void transaction_undo(struct stele_transaction *tx)
{
	struct edit *edit = &tx->publisher->edit;

	/* A truncated file can't be walked. It does not matter that nothing is freed, as no later
	 * transaction can begin. */
	if (region_lost(&tx->publisher->attachment.region)) {
		tables_close(&tx->publisher->tables);
		edit->retired.count = 0;
		return;
	}
	finish_abort(tx);
	edit_drop_tree(edit, catalog_layout(edit->arena->view.features), tx->catalog, true);
	if (tx->record)
		object_drop(edit, tx->record, object_size(edit, NULL, tx->record));
	edit->retired.count = 0;
}

struct stele_transaction *stele_transaction_abort(struct stele_transaction *tx)
{
	if (!tx || publisher_check(tx->publisher) < 0)
		return NULL;
	transaction_undo(tx);
	transaction_end(tx);
	return NULL;
}

/* Returns how many bytes of a message are kept. Does not cut a UTF-8 character in two. */
static size_t transaction_message_length(const char *message)
{
	size_t length = strnlen(message, MESSAGE_MAX);

	while (length > 0 && message[length] != '\0' &&
	       ((unsigned char)message[length] & 0xc0) == 0x80)
		length--;
	return length;
}

/* Returns true if the record of the commit must list the table. */
static bool transaction_is_reported(const struct stele_writable *table)
{
	return table->fate != STELE_TABLE_KEPT || table->added || table->changed || table->removed;
}

/* Writes the entry of a table in the record. */
static void transaction_write_table(unsigned char *at, const struct stele_writable *table)
{
	static_assert(sizeof(table->name) == sizeof(((struct layout_record_table *)0)->name) + 1,
	              "a name fills its place, zeros after it");
	const unsigned char fate = (unsigned char)table->fate;

	data_store(at + offsetof(struct layout_record_table, added), table->added);
	data_store(at + offsetof(struct layout_record_table, changed), table->changed);
	data_store(at + offsetof(struct layout_record_table, removed), table->removed);
	data_copy_bytes(at + offsetof(struct layout_record_table, name), table->name,
	                sizeof(((struct layout_record_table *)0)->name));
	data_copy_bytes(at + offsetof(struct layout_record_table, fate), &fate, 1);
}

/* Writes the record of the commit, a blob of a struct layout_record. Returns 0 or an error
 * of the arena. */
static int transaction_record_write(struct stele_transaction *tx, const char *message)
{
	struct stele_publisher *publisher = tx->publisher;
	size_t message_size = message ? transaction_message_length(message) : 0;
	size_t padded = (message_size + 7) & ~(size_t)7;
	struct layout_record record = {.pid = publisher->pid,
	                               .message_size = (uint32_t)message_size};
	const struct stele_writable *table;
	unsigned char *at;
	int r;

	for (table = publisher->tables.opened; table; table = table->next_opened)
		if (transaction_is_reported(table)) {
			record.tables++;
			record.added += table->added;
			record.changed += table->changed;
			record.removed += table->removed;
		}
	memcpy(record.publisher, publisher->uuid, sizeof(record.publisher));
	memcpy(record.command, publisher->command, sizeof(record.command));
	record.user = publisher->user + 1;
	/* Readers refuse a blob that is larger than STELE_VALUE_MAX. List only as many tables as
	 * fit. */
	if (record.tables > (STELE_VALUE_MAX - 1024) / sizeof(struct layout_record_table))
		record.tables = (STELE_VALUE_MAX - 1024) / sizeof(struct layout_record_table);
	r = edit_blob_empty(&publisher->edit,
	                    sizeof(record) + padded +
	                            record.tables * sizeof(struct layout_record_table),
	                    &tx->record, &at);
	if (r < 0)
		return r;
	data_copy_in(at, &record, sizeof(record));
	if (message_size > 0)
		data_copy_in(at + sizeof(record), message, message_size);
	at += sizeof(record) + padded;
	for (table = publisher->tables.opened; record.tables > 0; table = table->next_opened)
		if (transaction_is_reported(table)) {
			transaction_write_table(at, table);
			at += sizeof(struct layout_record_table);
			record.tables--;
		}
	return 0;
}

/* Retires the record of the previous version, to which only that version's ring entry refers. */
static void transaction_retire_record(const struct stele_transaction *tx)
{
	struct edit *edit = &tx->publisher->edit;

	if (tx->last_record)
		object_drop(edit, tx->last_record, object_size(edit, NULL, tx->last_record));
}

/* Writes the version's entry in the commit ring, and brings the version to the disk if the region
 * is STELE_DURABLE_COMMIT. If the write to the disk fails, the entry has no effect, because head
 * does not lead to it. */
static int transaction_write_entry(struct stele_transaction *tx, uint64_t now)
{
	struct stele_publisher *publisher = tx->publisher;
	struct region *region = &publisher->attachment.region;
	uint64_t version = publisher->edit.version;
	struct layout_commit *entry = &region->ring[version & (region->ring_entries - 1)];
	int r = 0;

	/* The contract with readers of the version that had this entry before (region_commit()).
	 * That version is below reclaimed. A reader that loads any of the stores after the fence
	 * finds another version number, or 0, because it checks the number last. */
	data_store(&entry->version, 0);
	fence_release();
	data_store(&entry->time, now);
	data_store_32(&entry->catalog, tx->catalog);
	data_store_32(&entry->record, tx->record);
	data_store(&entry->version, version);
	if (publisher->durable.each_commit)
		r = durable_commit(&publisher->durable, region, version);
	if (r < 0)
		publisher->broken = BROKEN_DISK;
	return r;
}

/* Publishes the version, by storing head. */
static void transaction_publish(struct stele_publisher *publisher, uint64_t version)
{
	/* The contract with readers: a reader that loads this head sees the complete ring entry,
	 * and every node and row that the entry leads to. This one store makes the version
	 * exist. */
	store_release(&publisher->attachment.region.header->head, head_make(version, HEAD_CURRENT));
	PROBE3(commit, publisher->attachment.region.names.region, version,
	       publisher->edit.retired.count);
	publisher->commits++;
}

/* Does what follows a commit: notices first, because subscribers wait for them; then reclaiming,
 * compacting and reaping. */
static void transaction_after_publish(struct stele_publisher *publisher, struct notice *notice)
{
	const struct region *region = &publisher->attachment.region;
	uint64_t version = notice->version, now = notice->time;
	uint64_t reclaimed = load_relaxed(&region->header->reclaimed), oldest;

	notify_post(&publisher->notify, notice);
	reclaim_add_all(&publisher->reclaim, &publisher->edit.retired, version);
	oldest = reclaim_history_oldest(&publisher->reclaim, version);
	if (version >= region->history + reclaimed + RECLAIM_BATCH &&
	    version - region->history + 1 > oldest)
		oldest = version - region->history + 1;
	if (oldest > reclaimed)
		reclaim_run(&publisher->reclaim, oldest);
	generation_compact_if_worth(publisher, now);
	notify_reap_sometimes(&publisher->notify, now);
}

/* Prepares a commit with changes: writes the record, and allocates all memory that the steps after
 * the store of head need, because these must not fail. */
static int transaction_prepare(struct stele_transaction *tx, const char *message)
{
	struct stele_publisher *publisher = tx->publisher;
	const struct region *region = &publisher->attachment.region;
	int r;

	if (publisher->edit.version > HEAD_VERSION_MAX)
		return error_set(
			EOVERFLOW,
			"region \"%s\" is at version %llu, which is the highest possible; remove "
			"the region and publish again",
			region->names.region, (unsigned long long)HEAD_VERSION_MAX);
	r = transaction_record_write(tx, message);
	if (r < 0)
		return state_space_error(publisher, r, "the record of the commit");
	/* The last condition: the ring may be full if reclaim had no memory to scan the pins. An
	 * entry must not be overwritten until its version is below reclaimed. */
	if (retired_reserve(&publisher->edit.retired, 1) < 0 ||
	    reclaim_reserve(&publisher->reclaim, publisher->edit.retired.count + 1) < 0 ||
	    publisher->edit.version - load_relaxed(&region->header->reclaimed) >=
	            region->ring_entries)
		return state_space_error(publisher, -ENOMEM, NULL);
	return 0;
}

int stele_transaction_commit(struct stele_transaction *tx, const char *message,
                             uint64_t *ret_version)
{
	struct stele_publisher *publisher = tx->publisher;
	uint64_t version = publisher->edit.version;
	struct notice notice;
	bool changed;
	int r = publisher_check(publisher);

	if (r < 0)
		return r;
	r = finish_commit(tx, &notice);
	changed = r == 1;
	if (changed)
		r = transaction_prepare(tx, message);
	if (region_lost(&publisher->attachment.region))
		r = lock_truncated_error(publisher);
	if (r == 0 && changed) {
		notice.version = version;
		notice.time = clock_realtime();
		r = transaction_write_entry(tx, notice.time);
	}
	if (r < 0 || !changed) {
		if (r == 0)
			tables_forget_dropped(&publisher->tables);
		transaction_undo(tx);
		transaction_end(tx);
		if (r == 0 && ret_version)
			*ret_version = version - 1;
		return r;
	}
	transaction_retire_record(tx);
	transaction_publish(publisher, version);
	tables_committed(&publisher->tables, version);
	transaction_after_publish(publisher, &notice);
	transaction_end(tx);
	if (ret_version)
		*ret_version = version;
	return 1;
}
