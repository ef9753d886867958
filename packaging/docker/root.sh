#!/bin/sh
# Makes the whole root of the image in a folder: the program, the libraries that it is linked to, and its files in /etc.
#
#   sh packaging/docker/root.sh PROGRAM FOLDER
set -eu

program=$1
root=$2
here=$(dirname "$0")

install -D -m 755 "$program" "$root/usr/bin/intercessor"
install -D -m 644 "$here/relay.yaml" "$root/etc/intercessor/relay.yaml"
printf 'intercessor:x:65532:65532::/:/nonexistent\n' >"$root/etc/passwd"
printf 'intercessor:x:65532:\n' >"$root/etc/group"

libraries=$(ldd "$program" | grep -o '/[^ )]*')
for library in $libraries; do
    install -D -m 755 "$library" "$root$library"
done
