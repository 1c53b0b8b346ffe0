// SPDX-License-Identifier: MIT
// As copy_rows.c, with generated modules of Rust.
#![allow(dead_code)]
use std::ffi::{c_void, CString};
use std::os::raw::{c_char, c_int};
use std::ptr::{null, null_mut};

mod blobs;
mod every_type;
mod names;
mod routes;

#[link(name = "stele")]
extern "C" {
    fn stele_subscriber_open(region: *const c_char, options: *const c_void, ret: *mut *mut c_void) -> c_int;
    fn stele_snapshot_open(subscriber: *mut c_void, version: u64, ret: *mut *mut c_void) -> c_int;
    fn stele_publisher_open(region: *const c_char, options: *const c_void, ret: *mut *mut c_void) -> c_int;
    fn stele_transaction_begin(publisher: *mut c_void, ret: *mut *mut c_void) -> c_int;
    fn stele_transaction_commit(tx: *mut c_void, message: *const c_char, ret: *mut u64) -> c_int;
    fn stele_publisher_close(publisher: *mut c_void) -> *mut c_void;
    fn stele_subscriber_close(subscriber: *mut c_void) -> *mut c_void;
}

unsafe fn copy(snapshot: *mut c_void, tx: *mut c_void) -> Result<(), Box<dyn std::error::Error>> {
    let mut last = None;
    every_type::ensure_table(tx)?;
    names::ensure_table(tx)?;
    for row in every_type::Cursor::open(snapshot)? {
        let row = row?;
        every_type::put(tx, &row.key, &row.value, &row.rest)?;
        last = Some(row.key);
    }
    let mut row = every_type::get(snapshot, &last.unwrap())?.unwrap();
    row.key.id = 9;
    row.key.class = every_type::EVERYTYPE_CLASS_DOWN_HARD;
    assert!(every_type::get(snapshot, &row.key)?.is_none());
    row.value.type_[1] = 7;
    row.value.state = every_type::EVERYTYPE_STATE_NOT_OK;
    row.value.macs[1][0] = 2;
    every_type::put(tx, &row.key, &row.value, b"changed")?;
    let key = blobs::BlobsKey { k: vec![] };
    let error = blobs::put(tx, &key, &blobs::Blobs::default(), b"").unwrap_err();
    assert!(error.to_string().contains("\"blobs\"") && error.errno == 6, "{error:?}");
    for row in names::Cursor::open(snapshot)? {
        let row = row?;
        names::put(tx, &row.key, &row.value, &row.rest)?;
    }
    Ok(())
}

fn main() {
    let names: Vec<CString> = std::env::args().map(|name| CString::new(name).unwrap()).collect();
    let (mut subscriber, mut snapshot) = (null_mut(), null_mut());
    let (mut publisher, mut tx) = (null_mut(), null_mut());
    unsafe {
        assert_eq!(stele_subscriber_open(names[1].as_ptr(), null(), &mut subscriber), 0);
        assert_eq!(stele_snapshot_open(subscriber, 0, &mut snapshot), 0);
        assert_eq!(stele_publisher_open(names[2].as_ptr(), null(), &mut publisher), 0);
        assert_eq!(stele_transaction_begin(publisher, &mut tx), 0);
        copy(snapshot, tx).unwrap();
        assert_eq!(stele_transaction_commit(tx, null(), null_mut()), 1);
        stele_publisher_close(publisher);
        stele_subscriber_close(subscriber);
    }
}
