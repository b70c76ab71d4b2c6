#!/usr/bin/env bash
# What happens to one's own orders, for SECONDS: STOA_URL=… STOA_TOKEN=… ./events.sh SECONDS [LAST_ID]
# Each event has an id. Whoever was cut off gives the last one, and goes on behind it.
set -euo pipefail
curl --silent --show-error --no-buffer --max-time "$1" "$STOA_URL" \
  --header 'accept: text/event-stream' --header 'content-type: application/json' \
  --header "authorization: Bearer $STOA_TOKEN" ${2:+--header "last-event-id: $2"} \
  --data '{"query": "subscription { orderEvents(after: 0) { sequence event { kind orderId status } } }"}' ||
  [ $? -eq 28 ] # the time is up
