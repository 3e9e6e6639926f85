#!/bin/sh
# Trains the shipped models again and prints the figures of their cards: models/make.sh [POWALLOC]
# Run from the top folder; the command may be given, its default is the one of build/.
set -eu
cd "$(dirname "$0")/.."
powalloc=${1:-build/tools/powalloc}
low_noise="--noise-power -91dB --pmax 1"
budgeted="--path-loss-exponent 1.1 --noise-power 1 --pmax 4"

"$powalloc" train --model uwmmse --links 20 --seed 0 $low_noise --iterations 20000 --out models/uwmmse-adhoc20.safetensors
"$powalloc" train --model uwmmse --links 10:30 --density 0.5:5 --seed 1 $low_noise --iterations 20000 \
  --out models/uwmmse-robust.safetensors
for links in 20 50; do
  "$powalloc" train --model regnn --links $links --density 0.9:1.1 --seed 0 $budgeted --power-budget $links --iterations 20000 \
    --out models/regnn-adhoc$links.safetensors
done
"$powalloc" train --model regnn --links 30 --seed 2 $budgeted --min-rate models/regnn-demand30.csv --iterations 10000 \
  --out models/regnn-demand30.safetensors

echo; echo "uwmmse-adhoc20 on its network"
"$powalloc" evaluate --links 20 --seed 0 $low_noise --samples 6400 --policy full-power --policy wmmse-truncated --policy wmmse \
  --model models/uwmmse-adhoc20.safetensors
for density in 0.5 1 2 3 4 5; do
  echo; echo "uwmmse-robust on 50 unseen networks of density $density"
  "$powalloc" evaluate --links 20 --reference-links 20 --density $density --seed 1000 --networks 50 --samples 256 $low_noise \
    --policy wmmse --policy wmmse-truncated --model models/uwmmse-robust.safetensors
done
echo; echo "uwmmse-robust on 50 unseen networks of each size in the box of 20"
"$powalloc" evaluate --links 10,15,20,25,30 --reference-links 20 --constant-density 0 --seed 1000 --networks 50 --samples 256 \
  $low_noise --policy wmmse --policy wmmse-truncated --model models/uwmmse-robust.safetensors
echo; echo "uwmmse-robust on simulated street canyons (examples/channels)"
"$powalloc" evaluate --path-gain examples/channels/umi_m20.npy --noise-power -97dBm --pmax 30dBm --samples 6400 --policy wmmse \
  --policy wmmse-truncated --model models/uwmmse-robust.safetensors
for links in 20 50; do
  echo; echo "regnn-adhoc$links on 10 unseen networks of each size"
  "$powalloc" evaluate --links 20,50,100 --reference-links $links --seed 1000 --networks 10 $budgeted --power-budget-per-link 1 \
    --samples 400 --policy threshold --policy wmmse-priced --model models/regnn-adhoc$links.safetensors --baseline wmmse-priced
done
echo; echo "regnn-demand30 on its network: part of the links whose demand is met"
"$powalloc" evaluate --links 30 --seed 2 $budgeted --samples 10000 --min-rate models/regnn-demand30.csv --policy full-power \
  --policy wmmse --model models/regnn-demand30.safetensors
