#!/usr/bin/env bash
# Brings libtorch to a folder, for building with the cargo feature `tch` on Linux, and prints the environment to build
# and run with:
#
#     eval "$(scripts/libtorch.sh ~/libtorch)"
#     cargo build --release --features tch
#
# It comes from the Python package `torch`, whose wheel holds the libraries and headers that the build needs. No Python
# package is installed. About 1.2 GB are downloaded and unpacked; what is there already is not downloaded again.
#
# The wheel's CUDA library asks for the whole of CUDA, which a machine without a GPU lacks, so a stub stands in for it when
# linking. On a machine with a GPU, put the `lib` folder of a CUDA build of the same version of torch first in
# LD_LIBRARY_PATH, and the real library is used.
set -euo pipefail

version=2.11.0
cuda_runtime=13.0.96
cuda_profiler=13.0.85

folder=${1:?usage: scripts/libtorch.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ ! -e "$folder/lib/.complete-$version" ]; then
    wheels=$folder/wheels
    python3 -m pip download --quiet --no-deps --dest "$wheels" \
        "torch==$version" "nvidia-cuda-runtime==$cuda_runtime" "nvidia-cuda-cupti==$cuda_profiler" >&2
    rm -rf "$folder/unpacked" "$folder/lib" "$folder/include"
    for wheel in "$wheels"/*.whl; do
        python3 -m zipfile -e "$wheel" "$folder/unpacked"
    done
    mkdir -p "$folder/lib"
    mv "$folder/unpacked/torch/include" "$folder/include"
    for library in libc10.so libtorch_cpu.so libgomp.so.1; do
        mv "$folder/unpacked/torch/lib/$library" "$folder/lib/"
    done
    ln -sf libgomp.so.1 "$folder/lib/libgomp.so"
    mv "$folder"/unpacked/nvidia/*/lib/libcudart.so.13 "$folder"/unpacked/nvidia/*/lib/libcupti.so.13 "$folder/lib/"
    # What the binding refers to in the CUDA library, by its C++ names: at::cuda::getCurrentCUDABlasHandle() and
    # at::cuda::warp_size().
    printf '%s\n' 'void *_ZN2at4cuda24getCurrentCUDABlasHandleEv(void) { return 0; }' \
        'int _ZN2at4cuda9warp_sizeEv(void) { return 32; }' |
        cc -shared -fPIC -x c -Wl,-soname,libtorch_cuda.so -o "$folder/lib/libtorch_cuda.so" -
    printf '' | cc -shared -fPIC -x c -Wl,-soname,libtorch.so -o "$folder/lib/libtorch.so" -
    rm -rf "$folder/unpacked" "$wheels"
    touch "$folder/lib/.complete-$version"
fi

echo "export LIBTORCH=$folder"
echo "export LIBTORCH_BYPASS_VERSION_CHECK=1"
echo "export LD_LIBRARY_PATH=$folder/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
