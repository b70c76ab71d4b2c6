#!/usr/bin/env bash
# An order, and what became of it: STOA_URL=… STOA_TOKEN=… ./order.sh INSTRUMENT ACCOUNT CLIENT_ORDER_ID PRICE
# Sent again under the same client order id it answers the order that there is, with existed: true.
set -euo pipefail
ask() {
  curl --silent --show-error --fail-with-body --max-time 15 "$STOA_URL" \
    --header 'content-type: application/json' --header "authorization: Bearer $STOA_TOKEN" --data "$1"
  echo
}
ask '{
  "query": "mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { __typename ... on OrderPlaced { existed order { id status } } ... on Refusal { code message action } } }",
  "variables": { "input": {
    "instrument": "'"$1"'", "account": "'"$2"'", "clientOrderId": "'"$3"'",
    "side": "BUY", "quantity": "1", "limitPrice": "'"$4"'" } }
}'
ask '{
  "query": "query ($id: String!) { order(clientOrderId: $id) { id status filled leaves } }",
  "variables": { "id": "'"$3"'" }
}'
