#!/bin/sh
# Process 1 of an agent container: waits for TERM, and reaps what is orphaned to it.
trap 'exit 0' TERM INT
while :; do sleep 3600 & wait $!; done
