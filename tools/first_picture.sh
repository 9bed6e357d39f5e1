#!/bin/sh
# The first picture of a new clone: with an installed model if there is one, else with a tiny synthetic one.
set -eu
cd "$(dirname "$0")/.."
prompt=${1:-a lighthouse by the sea at sunset, watercolor}
bin=build/release/fooocus

if ls models/checkpoints/*.safetensors >/dev/null 2>&1; then
    exec "$bin" generate "$prompt"
fi
model=build/release/tiny_base.safetensors
[ -f "$model" ] || build/release/synth_ckpt tiny_base "$model" >/dev/null
echo "No model is installed in models/checkpoints: using a tiny synthetic one with random weights."
echo "Its pictures are abstract noise; they show that everything works. Put an SDXL .safetensors file there for real ones."
exec "$bin" generate "$prompt" --model "$model" --size 512x512 --steps 10
