#!/usr/bin/env bash
# Everything that is to be measured on a machine with a CUDA GPU, in one go; a log and a table of it come into a folder.
#
#     scripts/gpu.sh ~/libtorch results
#
# Set POSTERIORDB to a checkout of PosteriorDB, and ORACLE to a folder of Stan's values (see tests/conformance.rs), for the conformance table
# and the benchmarks, and MNIST to the folder that scripts/mnist.sh makes; without them these are skipped, and said to be. DEVICE=libtorch
# tries the script itself on a machine without a GPU, and SMALL=1 at sizes that take seconds. PROFILE=dev uses what the tests have compiled.
# The steps of networks need a Python; for PyTorch's beside them, one that has `torch` and `torchvision`.
set -euo pipefail
cd "$(dirname "$0")/.."

usage='usage: scripts/gpu.sh LIBTORCH_FOLDER RESULTS_FOLDER'
libtorch=${1:?$usage}
results=${2:?$usage}
device=${DEVICE:-cuda}
profile=${PROFILE:-release}
mkdir -p "$results"
results=$(cd "$results" && pwd)

title() { printf '\n== %s\n' "$*" | tee -a "$results/log.txt"; }

# Runs a step into a log of its own; one that fails does not keep the others from being measured.
failed=()
step() {
    local name=$1
    shift
    title "$name: $*"
    if ! "$@" > "$results/$name.txt" 2>&1; then
        failed+=("$name")
        printf 'FAILED, see %s\n' "$results/$name.txt" | tee -a "$results/log.txt"
    fi
    tail -n 20 "$results/$name.txt"
}

case "$device" in
    cuda*)
        environment=$(scripts/libtorch.sh "$libtorch" cuda)
        index=${device#cuda}
        export FIREBRAND_CUDA=${index#:}
        FIREBRAND_CUDA=${FIREBRAND_CUDA:-0}
        nvidia-smi | tee "$results/gpu.txt"
        ;;
    *) environment=$(scripts/libtorch.sh "$libtorch") ;;
esac
eval "$environment"

title 'build'
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
cargo test --workspace --features tch --profile "$profile" --no-run --bins --test devices --test node_kinds --test libtorch --test on_device --test conformance
case "$profile" in
    dev) firebrand=$CARGO_TARGET_DIR/debug/firebrand ;;
    *) firebrand=$CARGO_TARGET_DIR/$profile/firebrand && cargo build --workspace --features tch --profile "$profile" ;;
esac

tests() { cargo test --workspace --features tch --profile "$profile" "$@"; }

step devices tests --test devices --test node_kinds --test libtorch --test on_device

if [ -n "${POSTERIORDB:-}" ] && [ -n "${ORACLE:-}" ]; then
    export FIREBRAND_POSTERIORDB=$POSTERIORDB FIREBRAND_ORACLE=$ORACLE FIREBRAND_DEVICE=$device
    export FIREBRAND_ONLY=${SMALL:+eight_schools}
    for precision in f64 f32; do
        export FIREBRAND_PRECISION=$precision
        step "conformance-$precision" tests --test conformance -- --nocapture posteriors_agree_with_stan
    done
else
    title 'conformance: SKIPPED, POSTERIORDB and ORACLE are not set'
fi

# Microseconds per draw, beside the CPU.
draws=1024,16384
[ -z "${SMALL:-}" ] || draws=4,16
bench() {
    local name=$1
    shift
    for place in 'cpu f64' "$device f64" "$device f32"; do
        read -r where precision <<< "$place"
        step "bench-$name-${where/:/-}-$precision" "$firebrand" bench "$@" --draws "$draws" --device "$where" --precision "$precision"
    done
}
bench eight_schools examples/eight_schools/eight_schools.stan --data examples/eight_schools/eight_schools.json
if [ -n "${POSTERIORDB:-}" ]; then
    for name in nes2000-nes arK-arK radon_all-radon_variable_intercept_slope_noncentered low_dim_gauss_mix-low_dim_gauss_mix \
        diamonds-diamonds election88-election88_full; do
        bench "$name" "posteriordb:$name" --posteriordb "$POSTERIORDB"
        [ -z "${SMALL:-}" ] || break
    done
fi

if [ -n "${MNIST:-}" ]; then
    full=()
    [ -z "${SMALL:-}" ] || full=(--sizes 200 --seeds 1 --hidden 20 --steps 64 --minibatch 20 --algorithms 'prox-score;map')
    for network in mlp lenet; do
        step "mnist-$network" "$firebrand" experiment mnist --data "$MNIST" --network "$network" --out "$results/mnist-$network" \
            --device "$device" --precision f32 "${full[@]}"
    done
else
    title 'MNIST: SKIPPED, set MNIST to the folder that scripts/mnist.sh makes'
fi

# A step of mean-field prox-score on ResNet-101 and ViT-L/32, beside a gradient step in PyTorch.
step networks python3 scripts/network_steps.py "$firebrand" --device "$device" --work "$results/networks" ${SMALL:+--small}

title "done; failed: ${failed[*]:-none}"
[ ${#failed[@]} = 0 ]
