// SPDX-License-Identifier: MIT

// As copy_rows.c, with generated packages of Go.
package main

/*
#cgo LDFLAGS: -lstele
#include <stele/stele.h>
*/
import "C"

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	blobs "generated/blobs"
	every "generated/every_type"
	names "generated/names"
	_ "generated/routes"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func done(result C.int) {
	if result < 0 {
		panic(C.GoString(C.stele_last_error()))
	}
}

func copyEvery(snapshot, tx unsafe.Pointer) {
	var last every.EveryTypeKey
	cursor, err := every.EveryTypeCursorOpen(snapshot)
	must(err)
	row, err := cursor.Next()
	for ; row != nil; row, err = cursor.Next() {
		must(every.EveryTypePut(tx, &row.Key, &row.Value, row.Rest))
		last = row.Key
	}
	must(err)
	cursor.Close()
	row, err = every.EveryTypeGet(snapshot, &last)
	must(err)
	row.Key.Id = 9
	row.Key.Class = every.EveryTypeClass_DownHard
	absent, err := every.EveryTypeGet(snapshot, &row.Key)
	must(err)
	if absent != nil {
		panic("found")
	}
	row.Value.Type[1] = 7
	row.Value.State = every.EveryTypeState_NotOk
	row.Value.Macs[1][0] = 2
	must(every.EveryTypePut(tx, &row.Key, &row.Value, []byte("changed")))
}

func copyNames(snapshot, tx unsafe.Pointer) {
	cursor, err := names.NamesCursorOpen(snapshot)
	must(err)
	row, err := cursor.Next()
	for ; row != nil; row, err = cursor.Next() {
		must(names.NamesPut(tx, &row.Key, &row.Value, nil))
	}
	must(err)
	cursor.Close()
}

// An error has the message of the library, and its errno.
func refuse(tx unsafe.Pointer) {
	err := blobs.BlobsPut(tx, &blobs.BlobsKey{}, &blobs.Blobs{}, nil)
	if !errors.Is(err, syscall.ENXIO) || !strings.Contains(err.Error(), "\"blobs\"") {
		panic(err)
	}
}

func main() {
	var subscriber *C.struct_stele_subscriber
	var snapshot *C.struct_stele_snapshot
	var publisher *C.struct_stele_publisher
	var tx *C.struct_stele_transaction
	runtime.LockOSThread()
	done(C.stele_subscriber_open(C.CString(os.Args[1]), nil, &subscriber))
	done(C.stele_snapshot_open(subscriber, 0, &snapshot))
	done(C.stele_publisher_open(C.CString(os.Args[2]), nil, &publisher))
	done(C.stele_transaction_begin(publisher, &tx))
	must(every.EveryTypeEnsureTable(unsafe.Pointer(tx)))
	must(names.NamesEnsureTable(unsafe.Pointer(tx)))
	refuse(unsafe.Pointer(tx))
	copyEvery(unsafe.Pointer(snapshot), unsafe.Pointer(tx))
	copyNames(unsafe.Pointer(snapshot), unsafe.Pointer(tx))
	done(C.stele_transaction_commit(tx, nil, nil))
	C.stele_publisher_close(publisher)
	C.stele_subscriber_close(subscriber)
}
