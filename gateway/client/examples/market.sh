#!/usr/bin/env bash
# The market as one book, for anybody: STOA_URL=https://…/graphql ./market.sh
set -euo pipefail
curl --silent --show-error --fail-with-body "$STOA_URL" \
  --header 'content-type: application/json' \
  --data '{"query": "{ instrument(symbol: \"ACME\") { id book(depth: 3) { cbbo { bid { price quantity } offer { price quantity } } venues { venue { id } state } } } }"}'
