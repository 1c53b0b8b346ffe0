# SPDX-License-Identifier: MIT
# As copy_rows.c, with generated modules of Python.
import ctypes
import sys

import blobs  # noqa: F401
import every_type
import names
import routes  # noqa: F401
from every_type import check, stele

publisher, subscriber = ctypes.c_void_p(), ctypes.c_void_p()
snapshot, tx = ctypes.c_void_p(), ctypes.c_void_p()
check(stele.stele_subscriber_open(sys.argv[1].encode(), None, ctypes.byref(subscriber)))
check(stele.stele_snapshot_open(subscriber, ctypes.c_uint64(0), ctypes.byref(snapshot)))
check(stele.stele_publisher_open(sys.argv[2].encode(), None, ctypes.byref(publisher)))
check(stele.stele_transaction_begin(publisher, ctypes.byref(tx)))
every_type.ensure_table(tx)
names.ensure_table(tx)
for key, (value, rest) in every_type.cursor(snapshot):
    every_type.put(tx, key, value, rest)
value, rest = every_type.get(snapshot, key)
key.id = 9
key.class_ = every_type.EVERYTYPE_CLASS_DOWN_HARD
assert every_type.get(snapshot, key) is None
value.type[1] = 7
value.state = every_type.EVERYTYPE_STATE_NOT_OK
value.macs[1][0] = 2
every_type.put(tx, key, value, "changed")
for key, value in names.cursor(snapshot):
    names.put(tx, key, value)
try:
    key.first = 1 << 63
    names.put(tx, key, value)
    sys.exit("a number that does not fit was put")
except ValueError:
    pass
check(stele.stele_transaction_commit(tx, None, None))
stele.stele_publisher_close(publisher)
stele.stele_subscriber_close(subscriber)
