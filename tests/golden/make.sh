#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes the golden files of the layout that a command gives to new regions: a region's data file
# (NAME.region) and a saved file (NAME.stele) with the same rows. Run it once for each layout, when
# that layout is final; never make the files of an older layout again. tests/layout/golden.c reads all
# of them in every build, and compares their rows with tests/golden/expected.
#
# make.sh STELE NAME     from the top of the tree, as in: tests/golden/make.sh build/stele 3-f
set -eu
stele=$1 name=$2 folder=tests/golden
region=golden-$$
trap '"$stele" rm $region >/dev/null' EXIT

"$stele" create $region --history 8 --max-size 1M --limit 4M \
	--table 'types(id: u16 key, a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64,
		i: f64, j: bool, k: ipv4, l: ipv6, m: ipv4net, n: ipv6net, o: mac, p: uuid, q: time,
		r: char[7])' \
	--table 'routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], metric: u32)' \
	--table 'routes6(table: u32 key, prefix: ipv6net key, next_hop: ipv6)' \
	--table 'notes(name: text key, size: u32, note: text)' \
	--table 'blobs(name: bytes key, data: bytes)' \
	--table 'keys(flag: bool key, at: time key, weight: f64 key, code: char[3] key, port: u16 key)' \
	>/dev/null
put()
{
	"$stele" publish --message "$1 of golden rows" --input-format ndjson $region/"$1" - >/dev/null
}
put types <<'ROWS'
{"id": 0, "a": 0, "b": 0, "c": 0, "d": 0, "e": 0, "f": 0, "g": 0, "h": 0, "i": 0, "j": false, "k": "0.0.0.0", "l": "::", "m": "0.0.0.0/0", "n": "::/0", "o": "00:00:00:00:00:00", "p": "00000000-0000-0000-0000-000000000000", "q": "1970-01-01T00:00:00Z", "r": ""}
{"id": 258, "a": 255, "b": 65535, "c": 4294967295, "d": 9007199254740991, "e": -128, "f": -32768, "g": -2147483648, "h": -9007199254740991, "i": -1.5, "j": true, "k": "192.0.2.1", "l": "2001:db8::1", "m": "198.51.100.0/24", "n": "2001:db8::/33", "o": "02:00:5e:10:00:01", "p": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "q": "2026-11-30T12:34:56.789Z", "r": "seven 7"}
ROWS
for i in $(seq 0 39); do
	echo "{\"prefix\": \"10.$i.$((i % 8 * 32)).0/$((19 + i % 6))\", \"next_hop\": \"192.0.2.$i\", \"interface\": \"eth$i\", \"metric\": $i}"
done | sed '1i{"prefix": "0.0.0.0/0", "next_hop": "192.0.2.254", "interface": "a-name-of-16-let", "metric": 1}' | put routes
put routes6 <<'ROWS'
{"table": 254, "prefix": "::/0", "next_hop": "fe80::1"}
{"table": 254, "prefix": "2001:db8::/32", "next_hop": "fe80::2"}
{"table": 255, "prefix": "2001:db8:8000::/33", "next_hop": "fe80::3"}
ROWS
put notes <<'ROWS'
{"name": "a", "size": 0, "note": ""}
{"name": "ab", "size": 1, "note": "1"}
{"name": "abcdefg", "size": 3, "note": "123"}
{"name": "abcdefgh", "size": 11, "note": "12345678901"}
{"name": "name of 40 bytes, longer than one byte can", "size": 26, "note": "umlauts: äöü; a quote: \"\n"}
ROWS
put blobs <<'ROWS'
{"name": "00", "data": ""}
{"name": "0001", "data": "00ff"}
{"name": "ff", "data": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}
ROWS
put keys <<'ROWS'
{"flag": false, "at": "2026-01-01T00:00:00Z", "weight": -0.5, "code": "abc", "port": 80}
{"flag": true, "at": "1970-01-01T00:00:00.000000001Z", "weight": 1e300, "code": "x", "port": 65535}
ROWS
"$stele" set $region/notes abc size=7 'note=changed' >/dev/null
"$stele" delete $region/routes 10.3.96.0/22 >/dev/null
"$stele" set $region/routes 0.0.0.0/0 metric=2 >/dev/null

"$stele" compact $region >/dev/null
"$stele" save --replace $region ./$folder/"$name".stele >/dev/null
chmod 644 ./$folder/"$name".stele
cp --sparse=never /dev/shm/stele.$region ./$folder/"$name".region
# A file of memory without a boot id counts as one of this boot.
dd if=/dev/zero of=./$folder/"$name".region bs=1 seek=272 count=16 conv=notrunc status=none
chmod 644 ./$folder/"$name".region
