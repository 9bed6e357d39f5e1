#!/bin/sh
# The first picture of a new clone: with an installed model if there is one, else with the demo model.
set -eu
cd "$(dirname "$0")/.."
exec build/release/fooocus generate "${1:-a lighthouse by the sea at sunset, watercolor}"
