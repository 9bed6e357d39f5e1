#!/bin/bash
# The whole chain at toy size on a CPU: every stage trains, stops, resumes, exports, draws and is judged.
# Usage: smoke.sh FOLDER [STEPS]     about half an hour on one core with 200 steps; pictures stay abstract at that size
set -euo pipefail
cd "$(dirname "$0")"
WORK=$1 N=${2:-200}
SMALL="--steps --side 64 --batch 4 --pictures 2000 --first 600 --workers 1"
PLAN="vae=$N taesd=$((N / 2)) unet=$N refiner=$((N / 2)) lora=$((N / 4))"
python3 train.py $PLAN --work "$WORK" $SMALL --call 60      # stops in the middle
python3 train.py $PLAN --work "$WORK" $SMALL                # goes on
python3 export.py --work "$WORK" --out "$WORK/model"
python3 sample.py sheet --model "$WORK/model" --out "$WORK/sheet.png" --side 64 --limit 16 --steps 8
python3 score.py train --work "$WORK" --side 64 --seconds 60 --pictures 2000 --batch 32 --workers 1
python3 score.py prompts --out "$WORK/prompts.jsonl" --n 40
python3 sample.py prompts --model "$WORK/model" --prompts "$WORK/prompts.jsonl" --out "$WORK/pictures" --side 64 --steps 6 --limit 12
python3 score.py judge --work "$WORK" --prompts "$WORK/prompts.jsonl" --pictures "$WORK/pictures"
