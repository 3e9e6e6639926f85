#!/bin/sh
# The main job on a bare Debian 12: sets up and builds, trains UWMMSE as in table 1 of its paper, prints the comparison,
# draws the figure, and allocates powers on channels from a simulator.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh run

powalloc=build/tools/powalloc
"$powalloc" reproduce uwmmse-table1 --out results --progress "${PROGRESS:-auto}"

echo
echo "UWMMSE fine-tuned on simulated street-canyon channels (3GPP UMi, 20 links, 1 W, -97 dBm noise):"
"$powalloc" train --model uwmmse --from results/uwmmse-table1-s0.safetensors --iterations 3000 --out results/umi.safetensors \
  --path-gain examples/channels/umi_m20.npy --noise-power -97dBm --pmax 30dBm --progress "${PROGRESS:-auto}"
"$powalloc" allocate --model results/umi.safetensors --channel examples/channels/umi_m20.npy \
  --noise-power -97dBm --pmax 30dBm --out results/umi_power.npy
"$powalloc" evaluate --policy full-power --policy wmmse --policy wmmse-truncated --model results/umi.safetensors \
  --path-gain examples/channels/umi_m20.npy --noise-power -97dBm --pmax 30dBm --samples 2000
echo "Powers for $(pwd)/examples/channels/umi_m20.npy are in $(pwd)/results/umi_power.npy; the picture is $(pwd)/results/uwmmse-table1.png."
