#!/usr/bin/env bash
# Brings libtorch to a folder, for building with the cargo feature `tch` on Linux, and prints the environment to build
# and run with:
#
#     eval "$(scripts/libtorch.sh ~/libtorch)"          # for the CPU
#     eval "$(scripts/libtorch.sh ~/libtorch cuda)"     # for the CPU and CUDA
#     cargo build --release --features tch
#
# It comes from the Python package `torch`, whose wheel holds the libraries and headers that the build needs. No Python
# package is installed. What is there already is not downloaded again.
#
# For the CPU, 550 MB are downloaded and 500 MB stay. The wheel's CUDA library asks for the whole of CUDA, which a machine
# without a GPU has no use for, so a stub stands in for it when linking. With `cuda` the wheel's own is used, and NVIDIA's
# wheels, which it needs, are brought too: some 3 GB are downloaded, and more than 5 GB stay. Then the driver has to be one
# for CUDA 13. Build and run with the same folder.
set -euo pipefail

version=2.11.0
# What the wheel of that version asks for, beside Python packages: `pip install --dry-run --report - torch==2.11.0` lists it.
for_the_cpu=(nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85)
for_cuda=(nvidia-cublas==13.1.0.3 nvidia-cuda-nvrtc==13.0.88 nvidia-cudnn-cu13==9.19.0.56 nvidia-cufft==12.0.0.61
    nvidia-cufile==1.15.1.6 nvidia-curand==10.4.0.35 nvidia-cusolver==12.0.4.66 nvidia-cusparse==12.6.3.3
    nvidia-cusparselt-cu13==0.8.0 nvidia-nccl-cu13==2.28.9 nvidia-nvjitlink==13.0.88 nvidia-nvshmem-cu13==3.4.5
    nvidia-nvtx==13.0.85)

usage='usage: scripts/libtorch.sh FOLDER [cuda]'
folder=${1:?$usage}
wheels=("torch==$version" "${for_the_cpu[@]}")
case "${2:-}" in
    '') is_complete=.complete-$version ;;
    cuda) is_complete=.complete-$version-cuda wheels+=("${for_cuda[@]}") ;;
    *) echo "$usage" >&2 && exit 2 ;;
esac
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

# For the CPU: the libraries that do without CUDA, and stubs for those that are asked for when linking.
cpu_libraries() {
    for library in libc10.so libtorch_cpu.so libgomp.so.1; do
        mv "$folder/unpacked/torch/lib/$library" "$folder/lib/"
    done
    mv "$folder"/unpacked/nvidia/*/lib/libcudart.so.13 "$folder"/unpacked/nvidia/*/lib/libcupti.so.13 "$folder/lib/"
    # What the binding refers to in the CUDA library, by its C++ names: at::cuda::getCurrentCUDABlasHandle() and
    # at::cuda::warp_size().
    printf '%s\n' 'void *_ZN2at4cuda24getCurrentCUDABlasHandleEv(void) { return 0; }' \
        'int _ZN2at4cuda9warp_sizeEv(void) { return 32; }' |
        cc -shared -fPIC -x c -Wl,-soname,libtorch_cuda.so -o "$folder/lib/libtorch_cuda.so" -
    printf '' | cc -shared -fPIC -x c -Wl,-soname,libtorch.so -o "$folder/lib/libtorch.so" -
}

# For CUDA: all of them, beside each other, where LD_LIBRARY_PATH finds them.
cuda_libraries() {
    rm -f "$folder/unpacked/torch/lib/libtorch_python.so"
    mv "$folder"/unpacked/torch/lib/*.so* "$folder/lib/"
    find "$folder/unpacked/nvidia" -name '*.so*' -exec mv -n {} "$folder/lib/" ';'
}

if [ ! -e "$folder/lib/$is_complete" ]; then
    python3 -m pip download --quiet --no-deps --dest "$folder/wheels" "${wheels[@]}" >&2
    rm -rf "$folder/unpacked" "$folder/lib" "$folder/include"
    for wheel in "$folder"/wheels/*.whl; do
        python3 -m zipfile -e "$wheel" "$folder/unpacked"
    done
    mkdir -p "$folder/lib"
    mv "$folder/unpacked/torch/include" "$folder/include"
    case "${2:-}" in
        '') cpu_libraries ;;
        cuda) cuda_libraries ;;
    esac
    ln -sf libgomp.so.1 "$folder/lib/libgomp.so"
    rm -rf "$folder/unpacked" "$folder/wheels"
    touch "$folder/lib/$is_complete"
fi

echo "export LIBTORCH=$folder"
echo "export LIBTORCH_BYPASS_VERSION_CHECK=1"
echo "export LD_LIBRARY_PATH=$folder/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
