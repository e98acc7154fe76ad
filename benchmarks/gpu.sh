#!/usr/bin/env bash
# Measures on a GPU what docs/speed.md and docs/scale.md have of a processor, and prints the tables.
#
#     benchmarks/gpu.sh [FOLDER [BACKEND ...]]
#
# FOLDER keeps the records, gpu-records unless it is said; the backends are those that see a GPU.
# MODELS, LINES_OF_SCALING and ROUNDS in the environment make it shorter. No GPU has been measured yet.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-gpu-records}"
SPEED_RECORDS=$(cd "${1:-gpu-records}" && pwd)
export SPEED_RECORDS TF_CPP_MIN_LOG_LEVEL=3
backends=("${@:2}")
sees_gpu() {
    case $1 in
    torch) python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ;;
    jax) python -c 'import sys, jax; sys.exit(jax.default_backend() == "cpu")' ;;
    tensorflow) python -c 'import sys, tensorflow as t; sys.exit(not t.config.list_physical_devices("GPU"))' ;;
    esac
}
if [ ${#backends[@]} -eq 0 ]; then
    for backend in torch jax tensorflow; do
        if sees_gpu $backend; then backends+=("$backend"); fi
    done
fi
if [ ${#backends[@]} -eq 0 ]; then
    echo "gpu.sh needs a backend that sees a GPU, or the names of backends. Received: none" >&2
    exit 2
fi
rounds=${ROUNDS:-7}
for backend in "${backends[@]}"; do
    python benchmarks/speed/training.py --backend "$backend" --threads "$(nproc)" --rounds "$rounds" \
        ${MODELS:+--model $MODELS}
    python benchmarks/speed/scaling.py --backend "$backend" --threads "$(nproc)" ${LINES_OF_SCALING:+--line $LINES_OF_SCALING}
    python benchmarks/speed/scoring.py --backend "$backend" --threads "$(nproc)"
    for precision in float32 mixed_bfloat16 mixed_float16; do
        echo "== dcgan, $precision, $backend"
        python cli.py train dcgan --dataset fashion_mnist_10k --steps 2000 --precision $precision \
            --backend "$backend" --runs-dir "$SPEED_RECORDS/runs" | tail -n 3
    done
    gpus=$(nvidia-smi -L 2> /dev/null | wc -l)
    if [ "$gpus" -gt 1 ]; then
        python benchmarks/speed/devices.py --backend "$backend" --devices "$gpus"
    fi
done
python - << 'END'
from benchmarks.speed import devices, scaling, scoring, training

for table in training.table, scaling.table, scaling.memory_table, scoring.table, devices.table:
    print(table())
END
