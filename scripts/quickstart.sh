#!/bin/sh
# The main job on a bare Debian 12: sets up and builds, trains UWMMSE on a network as in table 1 of its paper, compares it
# with WMMSE and with a model that ships, draws the comparison, and allocates powers on channels from a simulator.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh run
mkdir -p results

powalloc=build/tools/powalloc
bar="--progress ${PROGRESS:-auto}"
low_noise="--noise-power -91dB --pmax 1"
street="--path-gain examples/channels/umi_m20.npy --noise-power -97dBm --pmax 30dBm"

echo "UWMMSE trained on an ad hoc network of 20 links:"
"$powalloc" train --model uwmmse --links 20 --seed 0 $low_noise --out results/uwmmse.safetensors $bar
echo
"$powalloc" evaluate --links 20 --seed 0 $low_noise --samples 6400 --policy full-power --policy wmmse --policy wmmse-truncated \
  --policy wmmse-converged --model results/uwmmse.safetensors --model builtin:uwmmse-robust --baseline wmmse \
  --plot results/comparison.png $bar

echo
echo "A model that ships, fine-tuned on simulated street-canyon channels (3GPP UMi, 20 links, 1 W, -97 dBm noise):"
"$powalloc" train --model uwmmse --from builtin:uwmmse-robust --iterations 3000 --out results/umi.safetensors $street $bar
"$powalloc" allocate --model results/umi.safetensors --channel examples/channels/umi_m20.npy --noise-power -97dBm --pmax 30dBm \
  --out results/umi_power.npy
"$powalloc" evaluate --policy full-power --policy wmmse --policy wmmse-truncated --model builtin:uwmmse-robust \
  --model results/umi.safetensors --samples 2000 $street
echo
echo "Powers for $(pwd)/examples/channels/umi_m20.npy are in $(pwd)/results/umi_power.npy; the picture is $(pwd)/results/comparison.png."
