#!/bin/bash
# The whole training in three calls of under ten minutes each on a machine with one large GPU.
# See README.md.  Usage: accelerator.sh check | 1 | 2 | 3      (RESULTS: folder for what must come back, default $OUT)
set -euo pipefail
cd "$(dirname "$0")/../.."
TOOLS=tools/demo_model WORK=build/demo RESULTS=${RESULTS:-${OUT:-build/demo-results}}
PLAN="vae=240 taesd=30 unet=800"
mkdir -p "$WORK" "$RESULTS"
export PYTHONUNBUFFERED=1

# State that a fresh machine got from the call before: parts carried in by the caller.
if [ ! -e "$WORK/vae.model.pt" ] && ls build/demo-state/state.* >/dev/null 2>&1; then
    cat build/demo-state/state.* | tar -xf - -C "$WORK"
fi

pack() {    # checkpoints and logs in parts below 16 MiB
    tar -cf - -C "$WORK" $(cd "$WORK" && ls *.pt merges.txt log.jsonl *.png *.jpg 2>/dev/null | grep -v latents.pt) |
        split -b 15000000 - "$RESULTS/state."
}

look() {    # a contact sheet of what the UNet can do so far
    python3 $TOOLS/export.py --partial --work $WORK --out $WORK/partial
    python3 $TOOLS/sample.py sheet --model $WORK/partial --out "$WORK/sheet-call$1.jpg"
}

case $1 in
check)      # under a minute: every stage runs at all on this machine, with every picture size
    python3 $TOOLS/quick.py /tmp/demo-quick
    python3 $TOOLS/train.py vae=6 taesd=4 unet=10 refiner=4 lora=4 --steps --work /tmp/demo-check --pictures 2048 --first 1024
    python3 $TOOLS/export.py --work /tmp/demo-check --out /tmp/demo-check/model
    python3 $TOOLS/sample.py sheet --model /tmp/demo-check/model --out /tmp/demo-check/sheet.png --limit 16 --steps 4
    ;;
1)
    python3 $TOOLS/train.py $PLAN --work $WORK --pictures 220000 --first 12000 --call "${CALL:-450}"
    look 1
    pack
    ;;
2)
    python3 $TOOLS/score.py train --work $WORK --seconds 150 --pictures 60000 --workers 8 >"$RESULTS/judge.txt" 2>&1 &
    python3 $TOOLS/train.py $PLAN --work $WORK --pictures 220000 --first 12000 --call "${CALL:-530}"
    wait
    look 2
    pack
    ;;
3)
    python3 $TOOLS/train.py $PLAN refiner=110 lora=40 --work $WORK --pictures 220000 --first 12000 --call "${CALL:-400}"
    python3 $TOOLS/export.py --work $WORK --out "$WORK/model"
    for cfg in 2 4 6; do
        python3 $TOOLS/sample.py sheet --model $WORK/model --out "$WORK/sheet-cfg$cfg.jpg" --cfg $cfg
    done
    python3 $TOOLS/score.py prompts --out $WORK/prompts.jsonl
    python3 $TOOLS/sample.py prompts --model $WORK/model --prompts $WORK/prompts.jsonl --out $WORK/pictures
    python3 $TOOLS/score.py judge --work $WORK --prompts $WORK/prompts.jsonl --pictures $WORK/pictures
    tar -cf "$RESULTS/model.tar" -C $WORK/model .
    tar -cf "$RESULTS/looks.tar" -C $WORK sheet-cfg2.jpg sheet-cfg4.jpg sheet-cfg6.jpg prompts.jsonl log.jsonl \
        judge.model.pt judge.ema.pt vae.png taesd.png
    ls -l "$RESULTS"
    ;;
*)
    echo "usage: $0 check | 1 | 2 | 3" >&2
    exit 2
    ;;
esac
